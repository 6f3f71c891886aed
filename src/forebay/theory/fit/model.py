"""The model that a log suggests, A/B/n/q, and what is to be known before it is believed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forebay.quantity import show_seconds
from forebay.theory import notation
from forebay.theory.fit.arrivals import ArrivalFit, Kind
from forebay.theory.fit.log import Log
from forebay.theory.fit.operational import at_once, busiest
from forebay.theory.fit.overheads import Overheads, overheads_of
from forebay.theory.fit.service import ServiceFit
from forebay.theory.fit.trend import Wave
from forebay.theory.path import Fate
from forebay.theory.system import System

_NOTED = 0.01
"""Share of the work below which nothing is said of an overhead."""
_LONG = 20.0
"""Seconds of mean work from which it is asked whether they are milliseconds."""
_PAUSE = 50
"""Mean gaps that one may last."""
_RELAXED = 50
"""Relaxation times that a log must last, for its percentiles to be near those of the steady state."""


@dataclass(frozen=True, slots=True)
class Model:
    """A suggested system, and why.

    Arguments:
        system: A/B/n/q; its work is what a worker is occupied with, the turnaround included.
        overheads: what the service adds to it.
        reasons: what led to it. cautions: what speaks against it, or was not told.
        command: goes on from there.
    """

    system: System
    overheads: Overheads
    reasons: tuple[str, ...]
    cautions: tuple[str, ...]
    command: str

    @property
    def name(self) -> str:
        """As the notation writes it."""
        return notation.write(self.system)


def suggested(
    log: Log, arrivals: ArrivalFit, service: ServiceFit, workers: float = 0, places: float | None = None
) -> Model:
    """Return the model that arrivals and service suggest.

    Arguments:
        workers: n, where it is known; 0: as the log shows. places: q; None: as the log shows.
    """
    n, how_n = (workers, "") if workers else workers_of(log)
    q, how_q = (places, "") if places is not None else _places_of(log)
    overheads = overheads_of(log, n)
    system = System(arrivals.process, service.law.with_mean(service.mean + overheads.turnaround), n, q)
    reasons = (_why_arrivals(arrivals), _why_service(service), *_why_longer(overheads, service.mean))
    cautions = [how_n, how_q, *_cautions(log, arrivals, service, n)]
    return Model(system, overheads, reasons, tuple(filter(None, cautions)), _command(system, arrivals))


def workers_of(log: Log) -> tuple[float, str]:
    """Return n as the log shows it, and how it was found."""
    most = max(1, busiest(log)) if len(log.busy[0]) else 1
    named = len(np.unique(log.path.worker[log.path.worker >= 0])) if log.path else 0
    if named >= most:
        return named, ""
    if named:
        who = f"the {named} workers that the log names have" if named > 1 else "the only worker that the log names has"
        return most, f"{who} up to {most} works at once: n = {most}, or `started` is not when the work begins"
    return most, f"the log does not name its workers: n = {most} is the most that were at work at once"


def _places_of(log: Log) -> tuple[float, str]:
    """Return q: the most that waited, where some were refused; else no limit."""
    if log.path is None or not (log.path.fate == Fate.LOST).any():
        return math.inf, ""
    waited = ~np.isnan(log.path.started) & (log.path.started > log.path.arrived)
    _, waiting = at_once(log.path.arrived[waited], log.path.started[waited])
    q = int(waiting.max()) if len(waiting) else 0
    return q, f"some found no place: q = {q} is the most that waited at once; a limit of the rate would look the same"


def _why_arrivals(arrivals: ArrivalFit) -> str:
    spread = arrivals.dispersion
    counted = f", counts over {spread.seconds:.3g} s have {spread.index:.3g} times Poisson's variance" if spread else ""
    moved = f", {arrivals.trend}" if arrivals.moves else ""
    return f"arrivals: {arrivals.kind}{moved} (c² = {arrivals.c2:.3g}{counted})"


def _why_service(service: ServiceFit) -> str:
    best = service.best
    if best is None:
        flat = "all the same" if not service.candidates else "no law is near; two moments are taken"
        return f"service: {flat} (c² = {service.c2:.3g})"
    return f"service: {best.name} (KS {best.ks.statistic:.3f}, p <= {best.ks.p:.2g}; c² = {service.c2:.3g})"


def _why_longer(overheads: Overheads, work: float) -> list[str]:
    found = []
    if overheads.handover > _NOTED * work:
        found.append(f"hand-over: {show_seconds(overheads.handover)} to a free worker, added to every wait")
    if overheads.turnaround > _NOTED * work:
        found.append(f"turnaround: {show_seconds(overheads.turnaround)} of a worker between two works, counted as work")
    return found


def _cautions(log: Log, arrivals: ArrivalFit, service: ServiceFit, n: float) -> list[str]:
    found = _pause(arrivals, log)
    if arrivals.kind is Kind.CLOCK:
        found.append("arrivals come by a clock, as from a load generator: users come at random, and wait longer")
    if service.mean > _LONG:
        long = show_seconds(service.mean)
        found.append(f"work takes {long}: if the log counts in milliseconds, name its columns accepted_ms, started_ms")
    if arrivals.together > 0.05:
        found.append(f"{arrivals.together:.0%} came at the same instant as another: batches, or a coarse clock")
    if service.tail < 2 and service.c2 > 4:
        found.append(f"the longest works follow a power law of index {service.tail:.2g}: means will not settle")
    grown = service.contention
    if grown and grown.matters and grown.growth > 0:
        found.append(
            f"work takes {grown.growth:+.0%} with {grown.most:.3g} at work instead of {grown.least:.3g}: "
            "the workers share something, so more of them will do less than the model says"
        )
    if len(log.again[0]):
        found.append(f"{len(log.again[0]):,} attempts were not the last: waits contain the pauses between them")
    if not arrivals.moves:
        found += _too_short(arrivals, service, n)
    return found


def _pause(arrivals: ArrivalFit, log: Log) -> list[str]:
    """Tell of a gap that no law explains: two runs in one log."""
    assert log.path is not None
    longest = float(np.diff(log.path.arrived).max())
    if longest < 0.1 * arrivals.seconds or longest * arrivals.rate < _PAUSE:
        return []
    return [f"nothing came for {show_seconds(longest)}: if these are two runs, fit each alone"]


def _too_short(arrivals: ArrivalFit, service: ServiceFit, n: float) -> list[str]:
    """Compare with the relaxation time 1/(√(nμ) − √λ)² of M/M/n, longer as arrivals and work spread more."""
    capacity = n / service.mean if service.mean else math.inf
    if not arrivals.rate < capacity < math.inf:
        return []
    spread = ((arrivals.dispersion.index if arrivals.dispersion else arrivals.c2) + service.c2) / 2
    times = arrivals.seconds * (math.sqrt(capacity) - math.sqrt(arrivals.rate)) ** 2 / max(spread, 1e-9)
    if times >= _RELAXED:
        return []
    return [f"the log lasts {times:.2g} relaxation times of the queue: another run may well measure something else"]


def _command(system: System, arrivals: ArrivalFit) -> str:
    """Return the command that goes on with this model."""
    time = f"{system.service.mean * 1000:.4g}ms"
    if arrivals.moves:
        limit = f"/{system.q:.0f}" if math.isfinite(system.q) else ""
        spec = f"{'D' if arrivals.kind is Kind.CLOCK else 'M'}/{system.service.letter}/{system.n:.0f}{limit}"
        return f"forebay simulate '{spec}' --in '{_load(arrivals)}' --service {time}"
    rate = "" if arrivals.bursts else f" --in {arrivals.rate:.4g}/s"
    apart = " --apart" if system.service.letter == "D" and arrivals.kind is Kind.CLOCK else ""
    return f"forebay solve '{notation.write(system)}'{rate} --service {time}{apart}"


def _load(arrivals: ArrivalFit) -> str:
    """Return a rate that moves as a profile of the cannon."""
    if not isinstance(arrivals.trend, Wave):
        last = arrivals.trend.rate(arrivals.seconds)
        return f"line({arrivals.trend.rate(0.0):.4g}, {last:.4g}, {arrivals.seconds:.4g}s)"
    sine = arrivals.trend.load
    phase = (sine.phi + math.pi / 2) % (2 * math.pi) / (2 * math.pi) * sine.T
    return f"sine({sine.B - sine.A:.4g}, {sine.B + sine.A:.4g}, {sine.T:.4g}s, phase={phase:.3g}s)"
