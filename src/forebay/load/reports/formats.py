"""The registry of reports: what a run can be told as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from forebay.load.reports.hdr import hdr
from forebay.load.reports.k6 import k6_json
from forebay.load.reports.series import csv_of, json_of
from forebay.load.reports.text import text
from forebay.load.reports.vegeta import vegeta_json, vegeta_text
from forebay.load.reports.wrk import wrk
from forebay.load.results.runfile import Record


@dataclass(frozen=True, slots=True)
class Format:
    """A form of the report of a run.

    Arguments:
        write: makes it.
        about: what it is, in a few words.
    """

    write: Callable[[Record], str]
    about: str


FORMATS: dict[str, Format] = {
    "text": Format(text, "for people: the verdict and the validity first"),
    "json": Format(json_of, "everything, as one line of JSON"),
    "csv": Format(csv_of, "a row for each second"),
    "hdr": Format(hdr, "the percentile table of HdrHistogram, response times in ms"),
    "k6": Format(k6_json, "the summary of k6, JSON"),
    "vegeta": Format(vegeta_json, "the report of Vegeta, JSON"),
    "vegeta-text": Format(vegeta_text, "the report of Vegeta, text"),
    "wrk": Format(wrk, "the text of wrk --latency"),
}
