"""The parts of a page that are text: the verdict on a run, its results, and what else is known of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from forebay.load.results.run import Run
from forebay.load.results.runfile import Record
from forebay.load.results.verdict import Judged, Verdict, verdict
from forebay.web import showing
from forebay.web.markup import Child, Markup, element
from forebay.web.tables import errors, tags

_FACTS = 60


def opening(name: str, record: Record, several: bool) -> Markup:
    """Return what is to be read first: the verdict, what it rests on, and six figures.

    Arguments:
        name: of the run. record: of the run.
        several: whether the page has other runs.

    Raises:
        UsageError: what its file says was required cannot be read.
    """
    found = verdict(record)
    kind = _kind(record, found)
    sign = {"good": "✓", "bad": "✗", "unsure": "•"}[kind]
    label = element("p", showing.short(name), class_="name") if several else None
    heading = element("h2", element("span", sign, class_="sign", aria_hidden="true"), _said(found))
    plan = element("p", "Profile ", element("code", showing.short(record.run.profile)), _when(record), class_="plan")
    parts = [label, heading, plan, _requirements(found), _health(record, found), _tiles(record.run)]
    return element("section", *parts, class_=f"verdict {kind}", aria_label=f"Verdict on {showing.short(name)}")


def results(run: Run) -> list[Child]:
    """Return the tables of a run."""
    failed = errors(run)
    return [
        element("section", element("h2", "Errors"), failed) if failed is not None else None,
        element("section", element("h2", "Figures"), tags(run)),
    ]


def about(record: Record) -> Markup:
    """Return what is known of a run besides its figures."""
    run = record.run
    facts = {
        "target": run.url,
        "profile": run.profile,
        "started": _instant(run.started_at),
        "planned length": showing.time(run.seconds),
        "took": showing.time(run.elapsed_seconds),
        "connections opened": showing.count(run.connections),
        "sent": showing.size(run.total.bytes_out),
        "received": showing.size(run.total.bytes_in),
    }
    facts |= dict(list(_flat(record.about))[:_FACTS])
    pairs = [[element("dt", showing.short(name)), element("dd", showing.short(fact))] for name, fact in facts.items()]
    return element("section", element("h2", "The run"), element("dl", pairs))


def _kind(record: Record, found: Verdict) -> str:
    """Return ``bad``, ``good``, or ``unsure`` where nothing was required or the run did not end by itself."""
    if record.about.get("stopped") or not (found.validity.valid and found.kept):
        return "bad"
    return "good" if found.requirements and not found.interrupted else "unsure"


def _said(found: Verdict) -> str:
    words = str(found)
    return words[0].upper() + words[1:] if found.validity.valid else f"Not valid; {words}"


def _when(record: Record) -> str:
    run = record.run
    cut = "" if record.complete else "; its file has no end: it was killed"
    return f", for {showing.time(run.elapsed_seconds)} from {_instant(run.started_at)}{cut}"


def _requirements(verdict: Verdict) -> Markup | None:
    if not verdict.requirements:
        return None
    return element("ul", [_requirement(judged) for judged in verdict.requirements], class_="requirements")


def _requirement(judged: Judged) -> Markup:
    sign, word, kind = ("✓", "kept", "good") if judged.kept else ("✗", "missed", "bad")
    told = [element("span", sign, class_="sign", aria_hidden="true"), element("code", showing.short(judged.text)), " "]
    return element("li", told, f"{word}: {judged.shown}", class_=kind)


def _health(record: Record, verdict: Verdict) -> Markup:
    """Return the state of the generator: what is against it, what to know of it, and how late it was."""
    run, stopped = record.run, record.about.get("stopped")
    late, lag = run.late.percentile(99), run.lag.percentile(99)
    figures = f"late p99 {showing.time(late)}, lag p99 {showing.time(lag)}, fired {showing.count(run.total.sent)}"
    state = "Valid" if verdict.validity.valid else "Not valid"
    first = element("li", f"{state}; the generator: {figures} of {showing.count(run.planned)} planned.")
    ended = element("li", f"Stopped before its time: {showing.short(str(stopped))}", class_="bad") if stopped else None
    against = [element("li", reason, class_="bad") for reason in verdict.validity.reasons]
    cautions = [element("li", f"Caution: {caution}", class_="caution") for caution in verdict.validity.cautions]
    return element("ul", ended, against, cautions, first, class_="health")


def _tiles(run: Run) -> Markup:
    seconds = max(run.elapsed_seconds, 1e-9)
    p50, p99 = run.response.percentiles([50, 99])
    figures = {
        "planned": showing.count(run.total.planned),
        "answered": showing.rate(run.answered / seconds),
        "failed": showing.share(run.total.failed / max(run.total.planned, 1)),
        "response p50": showing.time(p50),
        "response p99": showing.time(p99),
        "response max": showing.time(run.response.max),
    }
    tiles = [element("div", element("dt", name), element("dd", figure)) for name, figure in figures.items()]
    return element("dl", tiles, class_="tiles")


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _flat(facts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, text) of each fact, of those within others too."""
    for name, fact in facts.items():
        full = f"{above}{name}".replace("_", " ")
        if isinstance(fact, Mapping):
            yield from _flat(fact, f"{full} ")
        elif isinstance(fact, list) and all(isinstance(part, str) for part in fact):
            yield full, ", ".join(fact)
        elif isinstance(fact, float):
            yield full, f"{fact:.4g}"
        elif fact is not None:
            yield full, fact if isinstance(fact, str) else json.dumps(fact)
