"""The summary of k6 as JSON: its names of metrics, its kinds, and thresholds with `ok`.

    http_req_duration   the response time       iteration_duration  the same
    http_req_blocked    the lag: the wait until the sending
    http_req_waiting    the service time
    http_reqs, iterations   answered            http_req_failed     refused, unknown, or 400 and more
    dropped_iterations  refused                 data_sent, data_received

Times are milliseconds. k6's own duration leaves out what was spent blocked; here it is in it. The phases inside of a
request (connecting, TLS, sending, receiving), checks and virtual users are not measured, and so are not told.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from forebay.histogram import Histogram
from forebay.load.reports.summary import share
from forebay.load.results.figures import Figures
from forebay.load.results.runfile import Record
from forebay.load.results.verdict import Judged, verdict

_TRENDS = {
    "http_req_duration": "response",
    "http_req_waiting": "service",
    "http_req_blocked": "lag",
    "iteration_duration": "response",
}
_NO_GROUPS = {"name": "", "path": "", "id": "d41d8cd98f00b204e9800998ecf8427e", "groups": [], "checks": []}
"""k6's root group; its id is the MD5 of its empty path."""
_METRIC = re.compile(r"\s*([a-z0-9_]+)\s*(\{[^{}]*\})?\s*:")
_TAG = re.compile(r"\{\s*(?:(?:tag|name):)?([^{}]*)\}")


def k6(record: Record) -> dict[str, Any]:
    """Return the summary that k6 gives to `handleSummary`."""
    run = record.run
    metrics = _metrics(run.total, run.elapsed_seconds)
    for judged in verdict(record).requirements:
        name, tag = _metric(judged.text), _tag(judged.text)
        if tag is not None and tag in run.tags:
            of_tag = _metrics(run.tags[tag], run.elapsed_seconds)[name]
            name = f"{name}{{tag:{tag}}}"
            metrics.setdefault(name, of_tag)
        metrics[name].setdefault("thresholds", {})[_expression(judged)] = {"ok": judged.kept}
    state = {"isStdOutTTY": False, "isStdErrTTY": False, "testRunDurationMs": run.elapsed_seconds * 1000}
    return {"root_group": _NO_GROUPS, "state": state, "metrics": metrics}


def k6_json(record: Record) -> str:
    """Return the summary as text."""
    return msgspec.json.encode(k6(record)).decode() + "\n"


def _metrics(figures: Figures, seconds: float) -> dict[str, dict[str, Any]]:
    bad = figures.failed
    counters = {
        "http_reqs": ("default", figures.answered),
        "iterations": ("default", figures.answered),
        "dropped_iterations": ("default", figures.refused),
        "data_sent": ("data", figures.bytes_out),
        "data_received": ("data", figures.bytes_in),
    }
    made = {name: _counter(contains, count, seconds) for name, (contains, count) in counters.items()}
    made["http_req_failed"] = {
        "type": "rate",
        "contains": "default",
        "values": {"rate": _or_0(share(bad, figures.planned)), "passes": bad, "fails": figures.planned - bad},
    }
    return made | {name: _trend(getattr(figures, time)) for name, time in _TRENDS.items()}


def _counter(contains: str, count: int, seconds: float) -> dict[str, Any]:
    return {"type": "counter", "contains": contains, "values": {"count": count, "rate": _or_0(share(count, seconds))}}


def _trend(histogram: Histogram) -> dict[str, Any]:
    low, middle, p90, p95, p99 = histogram.percentiles([0, 50, 90, 95, 99])
    values = {
        "avg": histogram.mean,
        "min": low,
        "med": middle,
        "max": histogram.max,
        "p(90)": p90,
        "p(95)": p95,
        "p(99)": p99,
    }
    in_ms = {name: _or_0(value) * 1000 for name, value in values.items()}
    return {"type": "trend", "contains": "time", "values": in_ms}


def _metric(text: str) -> str:
    """Return the metric under which a requirement stands as a threshold."""
    written = _METRIC.match(text)
    if written is not None:
        return written[1]
    what = _TAG.sub("", text).strip()
    if what.startswith("service"):
        return "http_req_waiting"
    if what.startswith(("lag", "late")):
        return "http_req_blocked"
    if what.startswith(("rate", "accepted", "planned")):
        return "http_reqs"
    of_shots = what.startswith(("failed", "refused", "unknown")) or what[:1].isdigit()
    return "http_req_failed" if of_shots else "http_req_duration"


def _tag(text: str) -> str | None:
    found = _TAG.search(text)
    return found[1].strip() if found else None


def _expression(judged: Judged) -> str:
    """Return what is required without its metric, as k6 names a threshold; ours stand as they were written."""
    return _METRIC.sub("", judged.text, count=1).strip() if _METRIC.match(judged.text) else judged.text


def _or_0(value: float) -> float:
    return 0.0 if math.isnan(value) else value
