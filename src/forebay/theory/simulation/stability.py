"""Whether a system can work off what comes, by its rates; and how fast it grows where it cannot."""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np

from forebay.theory.laws import Law
from forebay.theory.path import Path
from forebay.theory.simulation.estimate import Estimate, of_mean
from forebay.theory.system import Markovian, System, Trace, Varying

_PARTS = 16
_SAME = 1e-12


def offered_rate(system: System) -> float | None:
    """Return how many come a second on average; None where the rates alone do not say."""
    coming = system.arrivals
    if math.isfinite(system.population):
        return None
    if isinstance(coming, Law):
        return system.batch / coming.mean
    if isinstance(coming, Varying):
        period: float | None = getattr(coming.load, "period", None)
        return None if period is None else system.batch * coming.load.cumulative(period) / period
    if isinstance(coming, Trace):
        return None
    return system.batch * _rate(coming)


def overloaded(system: System) -> bool:
    """Return whether more work comes than is done while nobody who waits can be lost: no steady state, by the rates.

    At utilisation 1 there is none either. With redelivery the rates do not say what breakdowns cost; the run does.
    """
    for_ever = system.retrying is not None and system.retrying.share == 1 and math.isinf(system.retrying.attempts)
    load = _load(system)
    if load is None or system.patience or not (math.isinf(system.q) or for_ever):
        return False
    random = not (isinstance(system.arrivals, Law) and system.arrivals.c2 == system.service.c2 == 0)
    return load > 1 + _SAME or (random and load > 1 - _SAME)


def at_its_limit(system: System) -> bool:
    """Return whether just as much work comes as can be done."""
    load = _load(system)
    return load is not None and abs(load - 1) <= _SAME


def _load(system: System) -> float | None:
    """Return the work that comes, as a share of what workers can do who are not broken."""
    rate, breaking = offered_rate(system), system.breaking
    if rate is None:
        return None
    up = breaking.up.mean / (breaking.up.mean + breaking.down.mean) if breaking else 1.0
    return rate * system.service.mean / (system.n * up)


def growth(path: Path) -> Estimate:
    """Return what the number in the system grows by, a second, from the first arrival to the last."""
    t, N = path.in_system()
    at = np.linspace(path.arrived[0], path.arrived[-1], _PARTS + 1)
    levels = np.append(0, N)[np.searchsorted(t, at, side="right")]
    span = float(at[1] - at[0])
    return of_mean(np.diff(levels) / span) if span > 0 else Estimate(math.inf, math.inf, math.inf)


def _rate(coming: Markovian) -> float:
    """Return π D1 1."""
    D0, D1 = np.array(coming.D0), np.array(coming.D1)
    m = len(D0)
    shares, *_ = np.linalg.lstsq(np.vstack([(D0 + D1).T, np.ones(m)]), np.append(np.zeros(m), 1.0))
    return float(shares @ D1.sum(axis=1))
