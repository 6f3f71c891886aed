"""What pictures are made of: paths from simulation, tails and times from formulas, and a line about the system."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.theory import notation
from forebay.theory.laws import Law
from forebay.theory.path import Fate, Path, Seconds
from forebay.theory.pictures.lettering import plain
from forebay.theory.pictures.tails import Curve
from forebay.theory.simulation.draws import QUANTUM, Seed
from forebay.theory.simulation.rules import Rules
from forebay.theory.simulation.run import Run
from forebay.theory.solution import AT_ITS_LIMIT, Solution
from forebay.theory.solving import solve
from forebay.theory.system import Class, Markovian, System, Trace, Varying
from forebay.theory.timelines.exact import rational, show

MANY = 500_000
"""Customers from which the compiled engine is worth its start."""
_ORDERS = ((Discipline.FIFO, "FIFO"), (Discipline.RANDOM, "random"), (Discipline.LIFO, "LIFO"))
_MINUTE = 60.0
WARM = 0.1
"""The share of a run that is left away before anything is said of the steady state."""


@dataclass(frozen=True, slots=True)
class Tails:
    """What is known of a tail: by a formula, or else by a simulation."""

    curves: list[Curve]
    simulated: list[tuple[str, Seconds]]


def arrival_rate(system: System) -> float:
    """Return λ, a second; of a load its mean over the first minute, of a trace that of the whole; of a finite
    population what it would be if nobody waited.

    Raises:
        UsageError: it cannot be said.
    """
    coming = system.arrivals
    if isinstance(coming, Law) and math.isfinite(system.population):
        return system.population / (coming.mean + system.service.mean)
    if isinstance(coming, Law):
        return system.batch / coming.mean
    if isinstance(coming, Varying):
        return coming.load.cumulative(_MINUTE) / _MINUTE
    if isinstance(coming, Trace):
        last = coming.instants[-1] if coming.instants else 0.0
        return len(coming.instants) / last if last else 1.0
    return solve(System(coming, system.service)).arrival_rate


def simulated(system: System, until: float, seed: int = 1, replication: int = 0) -> Path:
    """Return what becomes of all that come before an instant."""
    if math.isfinite(system.population):
        return _of_population(system, until, Seed(seed, replication))
    expected = arrival_rate(system) * until + system.backlog
    run = Run(system, Rules.of(system), Seed(seed, replication), compiled=False if expected < MANY else None)
    size = math.ceil(expected + 6 * math.sqrt(expected) + 10)
    if not isinstance(system.arrivals, Varying) or size > QUANTUM:
        return run.until(until)
    return before(run.first(size), until)  # of a load no instant is computed in vain


def _of_population(system: System, until: float, seed: Seed) -> Path:
    """Return the same of a finite population, each of which thinks anew when it has left."""
    first = int(system.population)
    size = first + math.ceil(1.2 * arrival_rate(system) * until) + 10
    while True:
        path = Run(system, Rules.of(system), seed, compiled=False if size < MANY else None).first(size)
        if np.sort(path.ended)[size - first] >= until:  # from then on one would think that was not drawn
            return before(path, until)
        size *= 2


def before(path: Path, until: float) -> Path:
    """Return those who came before an instant."""
    return _chosen(path, path.arrived < until)


def _chosen(path: Path, there: NDArray[np.bool_]) -> Path:
    columns = ("arrived", "started", "ended", "worker", "fate", "attempts", "priority")
    given = {name: getattr(path, name) for name in columns}
    return replace(path, **{name: column[there] for name, column in given.items() if column is not None})


def watched(path: Path, begin: float, end: float) -> Path:
    """Return what is seen between two instants: who is there at the first comes then, who stays longer is unfinished.

    Raises:
        UsageError: nobody is there in that time.
    """
    there = (path.arrived < end) & ~(path.ended < begin) & ((path.arrived >= begin) | (path.fate != Fate.LOST))
    if not there.any():
        raise UsageError("there is nothing to draw: nobody was there", "draw another time: --from 0s")
    path = _chosen(path, there)
    cut = path.ended > end
    return replace(
        path,
        arrived=np.maximum(path.arrived, begin),
        started=np.where(path.started > end, np.nan, np.maximum(path.started, begin)),
        ended=np.where(cut, np.nan, path.ended),
        fate=np.where(cut, np.int8(Fate.UNFINISHED), path.fate),
    )


def solved(system: System) -> Solution | None:
    """Return the steady state; None where no formula is known."""
    try:
        return solve(system)
    except UsageError:
        return None


def steady_waits(system: System, customers: int, seed: int) -> Seconds:
    """Return the waits of so many customers of a simulation, without its warm-up."""
    path = simulated(system, customers / arrival_rate(system), seed)
    return path.waits[int(WARM * len(path.waits)) :]


def wait_tails(system: System, customers: int, seed: int, simulate: bool) -> Tails:
    """Return the tail of the wait of a system: theory, and a simulation if asked for or none is exact."""
    known = solved(system)
    if known is not None and not known.stable:
        why = AT_ITS_LIMIT if known.critical else f"the backlog grows by {plain(known.growth, 3)} a second"
        raise UsageError(f"{why}, so there is no tail", "give more workers, or draw the number")
    curves = []
    if known is not None and known.wait_tail is not None:
        label = "theory" if known.exact else "approximation"
        curves.append(Curve(label, known.wait_tail, known.Wq))
    needed = simulate or known is None or not curves or not known.exact
    return Tails(curves, [("simulated", steady_waits(system, customers, seed))] if needed else [])


def discipline_tails(system: System, customers: int, seed: int) -> Tails:
    """Return the tails under each order of service; under priority, those of two halves of the load."""
    found = Tails([], [])
    for discipline, label in _ORDERS:
        one = replace(system, discipline=discipline, classes=())
        tails = wait_tails(one, customers, seed, simulate=False)
        found.curves.extend(replace(curve, label=label) for curve in tails.curves)
        found.simulated.extend((label, samples) for _, samples in tails.simulated)
    _add_priorities(found, system, customers, seed)
    return found


def _add_priorities(found: Tails, system: System, customers: int, seed: int) -> None:
    half = Class(arrival_rate(system) / 2, system.service)
    classes = system.classes or (half, half)
    one = replace(system, discipline=Discipline.PRIORITY, classes=classes)
    names = [f"class {k}" for k in range(1, len(classes) + 1)] if system.classes else ["urgent half", "other half"]
    known = solved(one)
    parts = [part for _, part in known.parts] if known else []
    tails = [part.wait_tail for part in parts]
    if len(tails) == len(classes) and None not in tails:
        found.curves.extend(
            Curve(name, tail, part.Wq) for name, tail, part in zip(names, tails, parts, strict=True) if tail is not None
        )
        return
    path = simulated(one, customers / arrival_rate(one), seed)
    if path.priority is None:
        return
    for k, name in enumerate(names):
        chosen = path.served & (path.priority == k)
        found.simulated.append((name, path.started[chosen] - path.arrived[chosen]))


def sojourn(system: System, n: int, rho: float) -> float | None:
    """Return the mean time in the system of n workers, so busy, with the laws of a system and endless places.

    Raises:
        UsageError: its arrivals are no law, so that they cannot be thinned out.
    """
    if not isinstance(system.arrivals, Law) or math.isfinite(system.population):
        raise UsageError("these arrivals have no law that could come faster or slower", "give a rate: --in 6/s")
    apart = system.arrivals.with_mean(system.batch * system.service.mean / (n * rho))
    known = solved(System(apart, system.service, n=n, batch=system.batch))
    return known.W if known is not None else None


def told(system: System) -> str:
    """Return what comes, how long the work is, and how busy that makes the workers."""
    coming = system.arrivals
    service = f"{show(rational(system.service.mean))} of work each"
    if math.isfinite(system.population):
        return f"{plain(system.population)} customers, {service}"
    workers = f"{plain(system.n)} worker{'s' if system.n > 1 else ''}"
    if isinstance(coming, Varying):
        return f"{coming.load}, {workers}, {service}"
    if isinstance(coming, Trace | Markovian):
        return f"{coming.name}, {service}"
    a = arrival_rate(system) * system.service.mean
    return f"{plain(arrival_rate(system))}/s, {service}: offered load {plain(a, 3)}, {workers}"


def written(system: System) -> str:
    """Return the system in the notation."""
    return notation.write(system)
