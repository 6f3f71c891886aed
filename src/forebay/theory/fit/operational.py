"""Laws that hold for every run, whatever its distributions: they are looked at before any model is.

    Little           L = λW                 J. D. C. Little, "A Proof for the Queuing Formula L = λW" (1961)
    response time    N = X(R + Z)           a closed loop of N clients that think for Z: the same law, once around
    utilisation      ρ = XS/n <= 1
    flow             what came = what ended + what is still there

Source: P. J. Denning, J. P. Buzen, "The Operational Analysis of Queueing Network Models" (1978). A run that breaks one
was not measured, but made up: some of its times are not what their name says.
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from forebay.errors import UsageError
from forebay.quantity import show_seconds
from forebay.theory.fit.log import Log
from forebay.theory.path import Fate, Path, Seconds
from forebay.theory.result import Result, Row, finite

TOLERANCE = 0.03
"""What figures that were printed with three digits may be off, as a share."""


@dataclass(frozen=True, slots=True)
class ClosedLoop(Result):
    """What a load generator said of a closed loop, held against N = X(R + Z).

    Arguments:
        N: connections, or users. X: answers a second. R: mean latency as it was said, seconds. Z: think time, seconds.
    """

    N: float
    X: float
    R: float
    Z: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.N, self.X, self.R, self.Z)
        if not (all(map(math.isfinite, numbers)) and self.N >= 1 and self.X > 0 and self.R >= 0 and self.Z >= 0):
            raise UsageError(
                f"a closed loop of {self.N:g} with {self.X:g}/s and a latency of {self.R:g} s is not possible",
                "connections >= 1, answers a second above 0, times of 0 or above",
            )

    @property
    def implied(self) -> float:
        """X(R + Z): how many must have been under way at once, if the latency is true."""
        return self.X * (self.R + self.Z)

    @property
    def ratio(self) -> float:
        """What is implied, by connection; a closed loop cannot exceed 1."""
        return self.implied / self.N

    @property
    def holds(self) -> bool:
        """Whether no more were under way than there are connections."""
        return self.ratio <= 1 + TOLERANCE

    @property
    def true_latency(self) -> float:
        """N/X − Z: the mean latency by Little's law, if no connection was ever idle; else the most that it can be."""
        return max(0.0, self.N / self.X - self.Z)

    @property
    def verdict(self) -> str:
        """What follows, in a few sentences."""
        if not self.holds:
            return (
                f"Broken: {self.N:g} connections cannot have {self.implied:.4g} requests under way. The mean contains "
                "latencies that nobody measured: wrk puts them in behind long ones, as if requests had come meanwhile "
                f"(correction for coordinated omission), which a closed loop never sends. The true mean is at most "
                f"{show_seconds(self.true_latency)}, and the percentiles are not those of the requests."
            )
        if self.ratio < 1 - TOLERANCE:
            return (
                f"Holds if each connection is idle for {1 - self.ratio:.1%} of the time: it thinks for "
                f"{show_seconds(self.N / self.X - self.R)} between an answer and the next request."
            )
        return (
            f"Holds. The loop sets its own pace: {self.N:g} connections with {show_seconds(self.R)} each can make no "
            f"more than {self.N / (self.R + self.Z):.4g}/s, whatever the number of servers behind. More servers help "
            "only if they make one answer quicker; what the system can do is seen under an open load."
        )

    def rows(self) -> Sequence[Row]:
        """Return what is told."""
        return [
            ("closed loop", f"{self.N:g} connections, {self.X:.6g}/s, mean latency {show_seconds(self.R)}"),
            ("X(R + Z)", f"{self.implied:.4g} under way"),
            ("by connection", f"{self.ratio:.2f}"),
            ("Little's law", self.verdict),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return every field in a form that JSON can hold."""
        names = ("implied", "ratio", "holds", "true_latency", "verdict")
        result: dict[str, Any] = finite(asdict(self) | {name: getattr(self, name) for name in names})
        return result


@dataclass(frozen=True, slots=True)
class Check:
    """One law, and how a log keeps it.

    Arguments:
        law: its name. holds: whether it does. told: the figures. why: what a violation means; empty where it holds.
    """

    law: str
    holds: bool
    told: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.told}{'' if self.holds else '  BROKEN: ' + self.why}"


def checks(log: Log, n: float, closed: float = 0, think: float = 0.0) -> list[Check]:
    """Return the laws that a log can be held against.

    Arguments:
        log: what was read.
        n: workers; inf: one for each; 0: not known.
        closed: connections of a closed loop that made the load; 0: it was open, or nobody knows.
        think: seconds that each of them pauses.
    """
    if log.path is None or len(log.path) < 2:
        return []
    found = []
    if not np.isnan(log.path.ended[log.path.fate != Fate.LOST]).all():
        found += [_flow(log.path), _little(log)]
        if closed:
            found.append(_closed(log, closed, think))
    if len(log.busy[0]):
        found.append(_utilization(log, n))
        if 0 < n < math.inf:
            found.append(_idle(log, n))
    return found


def window(path: Path) -> tuple[float, float]:
    """Return when the watching began and ended: the first arrival, and the last instant of any kind."""
    instants = [path.arrived[-1], *(np.nanmax(x, initial=-math.inf) for x in (path.started, path.ended))]
    return float(path.arrived[0]), float(max(instants))


def at_once(began: Seconds, ended: Seconds) -> tuple[Seconds, Seconds]:
    """Return (t, N): how many intervals lie over each other from t on; at one instant ends go before beginnings."""
    t = np.concatenate([ended, began])
    change = np.concatenate([np.full(len(ended), -1.0), np.ones(len(began))])
    order = np.lexsort((change, t))
    t, level = t[order], np.cumsum(change[order])
    last = np.append(t[1:] != t[:-1], True) if len(t) else np.zeros(0, dtype=bool)
    return t[last], level[last]


def _flow(path: Path) -> Check:
    """Check that what has no end came towards the end of the watching: what came long before is missing."""
    counts = {fate: int(np.sum(path.fate == fate)) for fate in Fate}
    parts = ", ".join(f"{count:,} {fate.name.lower()}" for fate, count in counts.items() if count)
    told = f"{len(path):,} came: {parts}"
    if counts[Fate.UNFINISHED] <= 0.1 * len(path):
        return Check("flow", True, told)
    began, end = window(path)
    late = float(np.median(path.arrived[path.fate == Fate.UNFINISHED])) >= (began + end) / 2
    return Check("flow", late, told, "" if late else "many that came long ago have no end: rows are missing")


def _little(log: Log) -> Check:
    assert log.path is not None
    path = log.path
    began, end = window(path)
    inside = path.fate != Fate.LOST
    left = np.where(np.isnan(path.ended), end, path.ended)[inside]
    seconds = max(end - began, 1e-300)
    L = float(np.sum(left - path.arrived[inside])) / seconds
    W, rate = float(np.mean(log.latencies)) if len(log.latencies) else math.nan, np.sum(inside) / seconds
    told = f"L = {L:.4g} in the system, λW = {rate * W:.4g}"
    if abs(rate * W - L) <= TOLERANCE * L + 1e-12:
        return Check("Little", True, told)
    share = np.mean(path.fate[inside] == Fate.UNFINISHED)
    why = (
        f"{share:.1%} have no end in this log, so W is that of the lucky ones"
        if share > TOLERANCE / 2
        else "the latencies that are told are not from arrival to end: some were put in, or left out"
    )
    return Check("Little", False, told, why)


def _closed(log: Log, N: float, Z: float) -> Check:
    assert log.path is not None
    began, end = window(log.path)
    loop = ClosedLoop(N, len(log.latencies) / max(end - began, 1e-300), float(np.mean(log.latencies)), Z)
    told = f"N = {N:g} connections, X(R + Z) = {loop.implied:.4g}"
    return Check("closed loop", loop.holds, told, "" if loop.holds else loop.verdict.removeprefix("Broken: "))


def _utilization(log: Log, n: float) -> Check:
    assert log.path is not None
    began, end = window(log.path)
    most = busiest(log)
    work = float(np.sum(log.busy[1] - log.busy[0])) / max(end - began, 1e-300)
    if not 0 < n < math.inf:
        return Check("utilisation", True, f"XS = {work:.4g} at work on average, {most} at most")
    told = f"XS/n = {work / n:.1%} of {n:g} workers, {most} at work at most"
    why = f"more were at work than there are workers: n is not {n:g}, or `started` is not when the work began"
    return Check("utilisation", most <= n, told, "" if most <= n else why)


def busiest(log: Log) -> int:
    """Return the most that were at work at once, but for 0.1 % of the time, which clocks blur."""
    t, level = at_once(*log.busy)
    held = np.append(np.diff(t), 0.0)
    order = np.argsort(level)
    share = np.cumsum(held[order]) / max(float(held.sum()), 1e-300)
    return int(level[order][min(int(np.searchsorted(share, 0.999)), len(level) - 1)])


def _idle(log: Log, n: float) -> Check:
    """Say how long someone waits while a worker is free: no law forbids it, but a model of a queue does."""
    assert log.path is not None
    path = log.path
    waited = ~np.isnan(path.started) & (path.started > path.arrived)
    t_busy, busy = at_once(*log.busy)
    t_wait, waiting = at_once(path.arrived[waited], path.started[waited])
    t = np.union1d(t_busy, t_wait)
    some = _at(t, t_wait, waiting) > 0
    held = np.append(np.diff(t), 0.0)
    idle, all_waiting = float(held[some & (_at(t, t_busy, busy) < n)].sum()), float(held[some].sum())
    told = f"someone waits {_share(all_waiting, t)} of the time, with a worker free {_share(idle, t)}"
    # Handing over takes its time: what counts is a wait that is long beside the work.
    handing = idle / max(int(waited.sum()), 1) / max(float(np.mean(log.works)), 1e-300)
    if idle >= 0.1 * all_waiting and handing >= 0.1:
        told += ": a slow hand-over, or they wait for more than a worker (priority, key, retry)"
    return Check("work conserving", True, told)


def _at(t: Seconds, steps: Seconds, level: Seconds) -> Seconds:
    return np.append(0.0, level)[np.searchsorted(steps, t, side="right")]


def _share(seconds: float, t: Seconds) -> str:
    whole = float(t[-1] - t[0]) if len(t) else 0.0
    return f"{seconds / whole if whole else 0.0:.1%}"
