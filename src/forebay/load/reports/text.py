"""The report for people: the verdict and the validity first, then what became of the shots, and how long it took."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from forebay.load.reports.columns import aligned, printable
from forebay.load.reports.summary import PERCENTILES, TIMES, planned_seconds, share
from forebay.load.results.figures import Figures
from forebay.load.results.run import Run
from forebay.load.results.runfile import Record
from forebay.load.results.verdict import Verdict, verdict
from forebay.quantity import show_seconds

_MEANING = {
    "response": "from the plan to the answer: what users feel",
    "service": "from the sending to the answer",
    "lag": "from the plan to the sending",
    "late": "of the lag, the generator's own fault",
}
_TAGS = 50
_EXAMPLES = 10


def text(record: Record) -> str:
    """Return the report of a run for people."""
    parts = [_head(record), _verdict(verdict(record)), _shots(record.run), _times(record.run.total)]
    parts += [_ends(record.run), _failures(record.run), _tags(record.run)]
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part))) + "\n"


def _head(record: Record) -> Iterator[str]:
    run, about = record.run, record.about
    began = datetime.fromtimestamp(run.started_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    lasted = f"{show_seconds(run.elapsed_seconds)} of {show_seconds(run.seconds)}"
    facts = [
        f"{about[name]:,} {one if about[name] == 1 else more}"
        for name, (one, more) in _COUNTED.items()
        if about.get(name) is not None
    ]
    rows = [("target", run.url), ("profile", run.profile), ("began", f"{began}, lasted {lasted}")]
    if generator := [*_host(about), *facts]:
        rows.append(("generator", ", ".join(generator)))
    if about.get("command"):
        rows.append(("command", f"forebay {about['command']}"))
    yield from (f"{name:9}  {printable(value)}" for name, value in rows)
    if not record.complete:
        yield "The file has no end: the run was killed, and this is what its seconds tell."
    elif run.interrupted:
        yield f"It ended before its time: {printable(str(about.get('stopped') or 'it was interrupted'))}."


_COUNTED = {
    "cores": ("core", "cores"),
    "processes": ("process", "processes"),
    "connections": ("connection", "connections at most"),
}


def _host(about: Mapping[str, Any]) -> Iterator[str]:
    if about.get("host"):
        yield str(about["host"])
    for name, version in (about.get("versions") or {}).items():
        yield f"{name} {version}"
    if about.get("seed") is not None:
        yield f"seed {about['seed']}"


def _verdict(found: Verdict) -> Iterator[str]:
    yield f"{'✓' if found.validity.valid else '✗'} {found.validity}"
    yield from (f"  {caution}" for caution in found.validity.cautions)
    if found.requirements:
        yield f"{'✓' if found.kept else '✗'} {found}"
    yield from aligned([(f"  {'✓' if one.kept else '✗'} {one.text}", one.shown) for one in found.requirements], left=2)


def _shots(run: Run) -> Iterator[str]:
    total = run.total
    counts = {
        "planned": total.planned,
        "sent": total.sent,
        "answered": total.answered,
        "refused": total.refused,
        "unknown": total.unknown,
        "failed": total.failed,
    }
    rows = [("shots", "", "a second", "of planned")]
    for name, count in counts.items():
        seconds = planned_seconds(run) if name == "planned" else run.elapsed_seconds
        rows.append((name, f"{count:,}", _number(share(count, seconds)), _percent(count, total.planned)))
    yield from aligned(rows)
    opened = "1 connection" if run.connections == 1 else f"{run.connections:,} connections"
    yield f"{_bytes(total.bytes_out)} out, {_bytes(total.bytes_in)} in, over {opened}"


def _times(figures: Figures) -> Iterator[str]:
    rows = [("time", "mean", *(f"p{q:g}" for q in PERCENTILES), "max", "")]
    for name in TIMES:
        histogram = getattr(figures, name)
        values = (histogram.mean, *histogram.percentiles(PERCENTILES), histogram.max)
        rows.append((name, *map(_time, values), ""))
    yield from (f"{line}  {_MEANING.get(line.split()[0], '')}".rstrip() for line in aligned(rows))


def _ends(run: Run) -> Iterator[str]:
    total = run.total
    rows = [(f"status {status}", count) for status, count in sorted(total.statuses.items())]
    rows += [(printable(reason), count) for reason, count in total.reasons.most_common()]
    if rows:
        yield from aligned([("ended", "shots", "share"), *_with_shares(rows, total.planned)])


def _failures(run: Run) -> Iterator[str]:
    """Yield an example of each way to fail, the first ones first."""
    found = sorted(run.examples.items(), key=lambda item: item[1])
    if found:
        rows = [(printable(name), printable(str(example))) for name, example in found[:_EXAMPLES]]
        yield from aligned([("failed", "for the first time"), *rows], left=2)


def _with_shares(rows: list[tuple[str, int]], planned: int) -> Iterator[tuple[str, str, str]]:
    return ((name, f"{count:,}", _percent(count, planned)) for name, count in rows)


def _tags(run: Run) -> Iterator[str]:
    if set(run.tags) <= {""}:
        return
    rows: list[tuple[str, ...]] = [("tag", "shots", "failed", "p50", "p90", "p99", "max", "service p99")]
    by_count = sorted(run.tags.items(), key=lambda item: (-item[1].planned, item[0]))
    for tag, figures in by_count[:_TAGS]:
        values = (*figures.response.percentiles((50, 90, 99)), figures.response.max, figures.service.percentile(99))
        counts = (f"{figures.planned:,}", _percent(figures.failed, figures.planned))
        rows.append((printable(tag) or "(none)", *counts, *map(_time, values)))
    yield from aligned(rows)
    if len(by_count) > _TAGS:
        yield f"and {len(by_count) - _TAGS:,} tags more"


def _time(seconds: float) -> str:
    return "-" if math.isnan(seconds) else show_seconds(seconds)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.1f}"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole * 100:.4g}%" if whole else "-"


def _bytes(count: float) -> str:
    units = ["B", "KB", "MB", "GB", "TB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        del units[0]
    return f"{count:.3g} {units[0]}"
