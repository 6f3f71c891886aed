"""Every shot in the forms that other tools read: Tank's phout, Vegeta's CSV, lines of JSON.

In all of them a shot counts from its plan: the time is the planned one, and what it took is the response time. Where
the form has a place for it, the wait until the sending stands beside it.
"""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus

import msgspec
import numpy as np
from numpy.typing import NDArray

from forebay.load.results.figures import NANOSECONDS, Batch, Reason
from forebay.load.shot import Kind
from forebay.load.shots.reading import ShotsReader

NO_TAG = "__EMPTY__"
DISCARDED = 777
"""Pandora's net code of a shot that was never sent."""
_TIMED_OUT = 110
_UNKNOWN = 999
_ERRNO = {os.strerror(number): number for number in errno.errorcode}
_GAPS = str.maketrans("\t\r\n", "   ")


def phout(reader: ShotsReader, ids: bool = False) -> Iterator[str]:
    """Yield the lines of a phout file: 12 columns between tabs, durations in microseconds.

    time (the plan, Unix), tag, interval_real (the response time), connect_time (the wait until the sending), send_time
    (0), latency (the service time), receive_time (0), interval_event (the service time), size_out, size_in, net_code,
    proto_code. Of a shot that was never sent all of the response time is connect_time.

    Arguments:
        ids: whether the number of the shot stands behind its tag, `tag#7`.
    """
    for block in reader:
        batch = Batch(block.rows, block.reasons)
        planned = reader.unix(batch.planned) // 1_000_000
        response, wait = (batch.done - batch.planned) // 1000, _wait(batch) // 1000
        service = response - wait  # so that the columns add up to the whole
        tags = [tag.translate(_GAPS) or NO_TAG for tag in block.tags]
        net = [net_code(reason) for reason in block.reasons]
        columns = (planned, batch.tag, response, wait, service, *batch.rows.T[[7, 8, 5, 0]])
        for at, tag, whole, waited, served, out, back, status, index in _rows(columns):
            name = f"{tags[tag]}#{index}" if ids else tags[tag]
            code = f"0\t{status}" if status > 0 else f"{net[-1 - status]}\t0"
            yield (
                f"{at // 1000}.{at % 1000:03d}\t{name}\t{whole}\t{waited}\t0\t{served}\t0\t{served}"
                f"\t{out}\t{back}\t{code}\n"
            )


def vegeta_csv(reader: ShotsReader) -> Iterator[str]:
    """Yield the lines of the CSV that `vegeta encode --to csv` writes: 12 columns, no header.

    Unix nanoseconds of the plan, code, response time in ns, bytes out, bytes in, error, body, attack, number, method,
    URL, headers. Bodies, methods and headers are not on record: these are empty; the attack is the tag.
    """
    for block in reader:
        batch = Batch(block.rows, block.reasons)
        lines = io.StringIO()
        write = csv.writer(lines, lineterminator="\n").writerow
        columns = (reader.unix(batch.planned), batch.done - batch.planned, *batch.rows.T[[7, 8, 5, 6, 0]])
        for at, response, out, back, status, tag, index in _rows(columns):
            error = block.reasons[-1 - status][1] if status < 0 else error_of(status)
            write((at, max(status, 0), response, out, back, error, "", block.tags[tag], index, "", reader.url, ""))
        yield lines.getvalue()


def json_lines(reader: ShotsReader) -> Iterator[str]:
    """Yield one JSON object a shot: index, tag, planned (Unix), kind, status, reason, seconds of each time, bytes."""
    for block in reader:
        batch = Batch(block.rows, block.reasons)
        columns = (reader.unix(batch.planned), *batch.rows.T)
        for unix, index, planned, taken, sent, done, status, tag, out, back in _rows(columns):
            kind, reason = (Kind.ANSWERED, "") if status > 0 else block.reasons[-1 - status]
            form = {
                "index": index,
                "tag": block.tags[tag],
                "planned": unix / NANOSECONDS,
                "kind": kind,
                "status": max(status, 0),
                "reason": reason,
                "response_seconds": (done - planned) / NANOSECONDS,
                "service_seconds": (done - sent) / NANOSECONDS if sent else None,
                "lag_seconds": (sent - planned) / NANOSECONDS if sent else None,
                "late_seconds": (taken - planned) / NANOSECONDS,
                "bytes_out": out,
                "bytes_in": back,
            }
            yield msgspec.json.encode(form).decode() + "\n"


FORMS: dict[str, Callable[[ShotsReader], Iterator[str]]] = {
    "phout": phout,
    "vegeta-csv": vegeta_csv,
    "json-lines": json_lines,
}
"""What a file of shots can be turned into, as an iterator of pieces of text."""


def error_of(status: int) -> str:
    """Return what Vegeta calls the error of an answer: its status line, or nothing from 200 to 399."""
    if 200 <= status < 400:
        return ""
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    return f"{status} {phrase}".rstrip()


def _wait(batch: Batch) -> NDArray[np.int64]:
    """Return the nanoseconds until the sending; until the end, of what was never sent."""
    waited: NDArray[np.int64] = np.where(batch.sent > 0, batch.sent, batch.done) - batch.planned
    return waited


def net_code(reason: Reason) -> int:
    """Return what Tank calls the network error of a shot without a status: the number of the system's error."""
    kind, words = reason
    if words == "no answer in time":
        return _TIMED_OUT
    number = _ERRNO.get(words.rpartition(": ")[2])
    return number or (DISCARDED if kind is Kind.REFUSED else _UNKNOWN)


def _rows(columns: Iterable[NDArray[np.int64]]) -> Iterator[tuple[int, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)
