"""Requirements: what a run is held to; the words of promises, and those of k6.

    p99<200ms              the response time, from the plan to the answer; also mean, min, median, max, p50, p99.9
    service p99<150ms      from the sending to the answer;  lag p99<1ms, late p99<1ms: the generator's own
    failed<1%              refused, unknown, or answered with 400 or more
    5xx<0.1%               answered so;  503<1%, 4xx<5%;  refused<1%, unknown<0.1%
    rate>100/s             answered a second;  accepted>100/s with 2xx;  planned>100/s
    p99{orders}<200ms      of the shots of one tag

    http_req_duration: p(95)<200          k6: milliseconds; avg, min, med, max, p(N); _waiting is the service time
    http_req_failed: rate<0.01            http_reqs: rate>100, count>1000; dropped_iterations: count<1
    http_req_duration{tag:orders}: max<500

The signs are `<`, `<=`, `>`, `>=`, `==` and `!=`. k6 counts a duration from the sending; here it counts from the plan,
which is never less. A requirement is judged over the whole run, at its end: k6's abortOnFail has no meaning here. nan,
the percentile of nothing, fulfils none.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from forebay.errors import UsageError
from forebay.load.results.figures import Figures
from forebay.load.results.run import Run
from forebay.quantity import duration, rate, show_seconds

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "===": operator.eq,
    "!=": operator.ne,
}
_SIGN = r"\s*(?P<sign><=|>=|<|>|===?|!=)\s*"
_FORM = re.compile(rf"\s*(?P<what>[a-z0-9_. ]*?)\s*(?:\{{(?P<tag>[^{{}}]*)\}})?{_SIGN}(?P<limit>[^<>=!]+)")
_K6 = re.compile(
    r"\s*(?P<metric>[a-z][a-z_0-9]+)\s*(?:\{\s*(?P<key>[^{}:]*):\s*(?P<tag>[^{}]*?)\s*\})?\s*:\s*"
    rf"(?P<of>[a-z]+|p\(\d+(?:\.\d+)?\)){_SIGN}(?P<limit>\d+(?:\.\d+)?)\s*"
)
_K6_KEYS = ("tag", "name")
EXAMPLES = "write 'p99<200ms', 'service p95<150ms', 'failed<1%', '5xx<0.1%' or 'rate>100/s'"

Measure = Callable[[Figures, float], float]
"""Figures, and the seconds that they took, to the value that is judged."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """That a measured value stays on one side of a limit.

    Arguments:
        text: as it was written.
        measure: what is judged. sign, limit: how, in the units of the measure.
        show: writes a value of it for people.
        tag: of which shots; None: of all.
    """

    text: str
    measure: Measure
    sign: str
    limit: float
    show: Callable[[float], str]
    tag: str | None = None

    def value(self, run: Run) -> float:
        """Return what is judged; nan where nothing was measured.

        Raises:
            UsageError: the run has no such tag.
        """
        figures = run.total if self.tag is None else run.tags.get(self.tag)
        if figures is None:
            raise UsageError(f"{self.text}: no shot has the tag {self.tag!r}", f"tags: {', '.join(run.tags) or 'none'}")
        return self.measure(figures, max(run.elapsed_seconds, 1e-9))

    def kept(self, run: Run) -> bool:
        """Return whether the run fulfils it."""
        return _SIGNS[self.sign](self.value(run), self.limit)

    def __str__(self) -> str:
        return self.text


def requirement(text: str) -> Requirement:
    """Return the requirement that a text names; see the top of this module.

    Raises:
        UsageError: names what cannot be read, and shows how it is written.
    """
    if "abortOnFail" in text:
        raise UsageError(f"{text!r}: a requirement is judged at the end of a run", "--autostop ends a run before")
    if (k6 := _K6.fullmatch(text)) is not None:
        return _of_k6(text, k6)
    match = _FORM.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a requirement", EXAMPLES)
    measure, unit = _measure(text, match["what"].strip())
    try:
        limit = _UNITS[unit][0](match["limit"].strip())
    except (UsageError, ValueError) as error:
        raise UsageError(f"{text!r}: {error}", EXAMPLES) from error
    tag = match["tag"].strip() if match["tag"] is not None else None
    return Requirement(text.strip(), measure, match["sign"], limit, _UNITS[unit][1], tag)


def _measure(text: str, what: str) -> tuple[Measure, str]:
    """Return what a phrase names, and its unit."""
    time, _, of = what.rpartition(" ")
    if of in ("mean", "max", "min", "median") or re.fullmatch(r"p\d+(\.\d+)?", of):
        if time.strip() not in ("", "response", "service", "lag", "late"):
            raise UsageError(f"{text!r}: {time} is not a time of a shot", "response, service, lag or late")
        return _time(time.strip() or "response", of), "time"
    if what in _SHARES:
        return _share(_SHARES[what]), "share"
    if re.fullmatch(r"[1-5](xx|\d\d)", what):
        return _share(lambda figures: _statuses(figures, what)), "share"
    if what in _RATES:
        count = _RATES[what]
        return (lambda figures, seconds: count(figures) / seconds), "rate"
    raise UsageError(f"{text!r}: {what or 'nothing'} cannot be required", EXAMPLES)


def _time(time: str, of: str) -> Measure:
    if of in ("mean", "max"):
        return lambda figures, seconds: float(getattr(getattr(figures, time), of))
    percent = {"min": 0.0, "median": 50.0}.get(of) if of in ("min", "median") else float(of[1:])
    if percent is None or not 0 <= percent <= 100:
        raise UsageError(f"{of} is not a percentile", "from p0 to p100, as p99 or p99.9")
    return lambda figures, seconds: getattr(figures, time).percentile(percent)


def _statuses(figures: Figures, what: str) -> int:
    low, high = (int(what[0]) * 100, int(what[0]) * 100 + 99) if what.endswith("xx") else (int(what), int(what))
    return sum(count for status, count in figures.statuses.items() if low <= status <= high)


def _share(count: Callable[[Figures], int]) -> Measure:
    return lambda figures, seconds: count(figures) / figures.planned if figures.planned else math.nan


_SHARES: dict[str, Callable[[Figures], int]] = {
    "failed": lambda figures: figures.failed,
    "refused": lambda figures: figures.refused,
    "unknown": lambda figures: figures.unknown,
}
_RATES: dict[str, Callable[[Figures], int]] = {
    "rate": lambda figures: figures.answered,
    "accepted": lambda figures: figures.accepted,
    "planned": lambda figures: figures.planned,
}


def _read_share(text: str) -> float:
    """Return the share of ``1%`` or ``0.01``; a bare 1 may mean one shot, and is refused."""
    bare = text.removesuffix("%")
    number = float(bare) if re.fullmatch(r"\d*\.?\d+", bare, re.ASCII) else math.nan
    if not number <= 100 or (number >= 1 and bare == text):
        raise ValueError(f"{text} is not a share of all shots: write 1% or 0.01")
    return number if bare == text else number / 100


_UNITS: dict[str, tuple[Callable[[str], float], Callable[[float], str]]] = {
    "time": (duration, show_seconds),
    "share": (_read_share, lambda value: f"{value * 100:.4g}%"),
    "rate": (lambda text: rate(text) if "/" in text else float(text), lambda value: f"{value:,.4g}/s"),
    "count": (float, lambda value: f"{value:,.0f}"),
}


def _of_k6(text: str, match: re.Match[str]) -> Requirement:
    """Return what a threshold of k6 requires; its times are milliseconds."""
    metric, of, limit = match["metric"], match["of"], float(match["limit"])
    if match["key"] is not None and match["key"].strip() not in _K6_KEYS:
        raise UsageError(f"{text!r}: shots are told apart by their tag alone", f"write {metric}{{name:TAG}}")
    if metric in _K6_TIMES:
        word = {"avg": "mean", "med": "median"}.get(of, of.replace("(", "").replace(")", ""))
        measure, unit = _measure(text, f"{_K6_TIMES[metric]} {word}")
        limit /= 1000
    elif (metric, of) in _K6_METRICS:
        measure, unit = _K6_METRICS[metric, of]
    else:
        known = ", ".join(dict.fromkeys(f"{name}: {kind}" for name, kind in _K6_METRICS))
        raise UsageError(f"{text!r}: {metric}: {of} is not measured", f"http_req_duration: p(95), {known}")
    return Requirement(text.strip(), measure, match["sign"], limit, _UNITS[unit][1], match["tag"])


def _of_counter(metric: str, count: Callable[[Figures], int]) -> dict[tuple[str, str], tuple[Measure, str]]:
    """Return what k6 knows of a counter: the number, and how many a second."""
    return {
        (metric, "count"): (lambda figures, seconds: float(count(figures)), "count"),
        (metric, "rate"): (lambda figures, seconds: count(figures) / seconds, "rate"),
    }


_K6_TIMES = {
    "http_req_duration": "response",
    "iteration_duration": "response",
    "http_req_waiting": "service",
    "http_req_blocked": "lag",
}
_K6_METRICS: dict[tuple[str, str], tuple[Measure, str]] = {
    ("http_req_failed", "rate"): (_share(_SHARES["failed"]), "share"),
    **_of_counter("http_reqs", lambda figures: figures.answered),
    **_of_counter("iterations", lambda figures: figures.answered),
    **_of_counter("dropped_iterations", lambda figures: figures.refused),
    **_of_counter("data_sent", lambda figures: figures.bytes_out),
    **_of_counter("data_received", lambda figures: figures.bytes_in),
}
