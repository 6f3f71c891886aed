"""forebay report."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from forebay.cli.files_apart import check_apart
from forebay.cli.output import Exit
from forebay.cli.stdout import write
from forebay.errors import UsageError
from forebay.quantity import duration

if TYPE_CHECKING:
    from forebay.load.results.runfile import Record

_SHOTS = {"phout": "phout", "vegeta-csv": "vegeta_csv", "json-lines": "json_lines"}
"""The forms of single shots, made of a file of `fire --shots`: name, function."""


def _form(name: str, about: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(f"--{name}", "form", flag_value=name, help=about)


@click.command()
@click.argument("files", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@_form("json", "everything, as a line of JSON")
@_form("csv", "a row for each second")
@_form("hdr", "the percentile table of HdrHistogram, response times in ms")
@_form("k6", "the summary of k6, JSON")
@_form("vegeta", "the report of Vegeta, JSON")
@_form("vegeta-text", "the report of Vegeta, text")
@_form("wrk", "the text of wrk --latency")
@_form("phout", "every shot as Tank's phout; RUN is a file of --shots")
@_form("vegeta-csv", "every shot as Vegeta's CSV; RUN is a file of --shots")
@_form("json-lines", "every shot as a line of JSON; RUN is a file of --shots")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="write a page with charts"
)
@click.option("--require", "requirements", multiple=True, metavar="WHAT", help="judge by this instead; again: more")
@click.option("--from", "begin", metavar="TIME", help="leave out what was planned before, as a warm-up")
@click.option("--to", "end", metavar="TIME", help="leave out what was planned from then on")
@click.option("--merge", is_flag=True, help="the runs are one load, fired by several machines")
def report(
    files: tuple[Path, ...],
    form: str | None,
    html: Path | None,
    requirements: tuple[str, ...],
    begin: str | None,
    end: str | None,
    merge: bool,
) -> None:
    """Tell of a RUN that `forebay fire --out` has written; of several, what differs from the first.

    With --require it ends as the run would have: with 4 where a requirement is missed, with 5 where it is not valid.

    \b
    forebay report run
    forebay report run --html run.html
    forebay report run --from 10s --require 'p99<200ms'
    forebay report before after
    forebay report shots --phout > phout.log
    """
    check_apart({"--html": html}, files)
    if form in _SHOTS:
        _tell_shots(files, form, whole=not (html or requirements or begin or end or merge))
        return
    records = _records(files, requirements, begin, end, merge)
    if html is not None:
        _write_page(html, records)
    if html is None or form is not None:
        write(_told(records, form or "text"))
    if requirements:
        _end_as(records)


def _records(
    files: Sequence[Path], requirements: Sequence[str], begin: str | None, end: str | None, merge: bool
) -> list[Record]:
    from forebay.load.results.merging import merged
    from forebay.load.results.requirements import requirement
    from forebay.load.results.runfile import read
    from forebay.load.results.window import window

    for text in requirements:
        requirement(text)
    records = [read(path) for path in files]
    if merge:
        records = [merged(records)]
    if begin is not None or end is not None:
        edges = (duration(begin or "0"), duration(end) if end is not None else math.inf)
        records = [window(record, *edges) for record in records]
    if requirements:
        for record in records:
            record.about["requirements"] = list(requirements)
    return records


def _told(records: Sequence[Record], form: str) -> str:
    from forebay.load.reports.formats import FORMATS
    from forebay.load.reports.side_by_side import side_by_side, side_by_side_json

    if len(records) == 1:
        return FORMATS[form].write(records[0])
    compared = {"text": side_by_side, "json": side_by_side_json}
    if form not in compared:
        raise UsageError(f"--{form} tells of one run", "name one; or --merge, where they are parts of one")
    return compared[form](records)


def _write_page(path: Path, records: Sequence[Record]) -> None:
    from forebay.web.page import page

    text = page(records, [record.name or "run" for record in records])
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "name a file: --html run.html") from error
    click.echo(f"{path}: {len(text.encode()) / 1000:,.0f} KB", err=True)


def _tell_shots(files: Sequence[Path], form: str, whole: bool) -> None:
    from forebay.load.shots import forms
    from forebay.load.shots.reading import ShotsReader

    if len(files) > 1 or not whole:
        raise UsageError(f"--{form} tells all shots of one file", f"forebay report SHOTS --{form}")
    for text in getattr(forms, _SHOTS[form])(ShotsReader(files[0])):
        write(text)


def _end_as(records: Sequence[Record]) -> None:
    for code in map(exit_code, records):
        if code not in (Exit.DONE, Exit.INTERRUPTED):
            raise click.exceptions.Exit(code)


def exit_code(record: Record) -> Exit:
    """Return the gravest of what there is to say: nobody was there, not valid, a requirement missed, interrupted."""
    from forebay.load.results.verdict import verdict

    run, found, stopped = record.run, verdict(record), bool(record.about.get("stopped"))
    if run.refused and not run.sent and (stopped or not run.interrupted):
        return Exit.UNREACHABLE
    if not found.validity.valid:
        return Exit.NOT_VALID
    if stopped or not found.kept:
        return Exit.PROMISE_BROKEN
    return Exit.INTERRUPTED if run.interrupted else Exit.DONE
