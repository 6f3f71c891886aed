"""What is asked of a system beside A/B/n/q, and the Solution that follows from a mean wait by Little's law."""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from typing import Any

from forebay.disciplines import Discipline
from forebay.theory import notation
from forebay.theory.laws import Exponential
from forebay.theory.solution import Solution
from forebay.theory.system import System

_SAME = 1e-12


def asked(system: System) -> frozenset[str]:
    """Return the names of what is asked beside arrivals, service, n and q; priority is no discipline without classes.

    A backlog is not among them: the steady state does not know how it began.
    """
    given = {
        "batch": system.batch > 1,
        "population": math.isfinite(system.population),
        "discipline": system.discipline in (Discipline.LIFO, Discipline.RANDOM),
        "patience": system.patience is not None,
        "classes": bool(system.classes),
        "retrying": system.retrying is not None,
        "breaking": system.breaking is not None,
    }
    return frozenset(name for name, is_given in given.items() if is_given)


def poisson(system: System) -> bool:
    """Return whether arrivals (or batches) are a Poisson process, or the classes are, which say no other law."""
    return isinstance(system.arrivals, Exponential)


def markovian(system: System) -> bool:
    """Return whether arrivals and service are both M."""
    return poisson(system) and isinstance(system.service, Exponential)


def steady(system: System, formula: str, source: str, *, Wq: float, loss: float = 0.0, **more: Any) -> Solution:
    """Return the Solution with L = λW and Lq = λWq of the accepted.

    Arguments:
        Wq: mean wait of the accepted, seconds. loss: share of the arrivals that is not accepted.
        more: fields of Solution, which go before what follows from Wq.
    """
    for share in ("p0", "p_wait"):
        if more.get(share) is not None:
            more[share] = min(1.0, max(0.0, more[share]))
    accepted = system.arrival_rate * (1 - loss)
    W = more.get("W", Wq + system.service.mean)
    busy = min(system.n, accepted * system.service.mean)
    follows = {
        "arrival_rate": system.arrival_rate,
        "offered_load": system.offered_load,
        "utilization": busy / system.n if math.isfinite(system.n) else busy,
        "throughput": accepted,
        "L": accepted * W,
        "Lq": accepted * Wq,
        "W": W,
    }
    return Solution(
        system=notation.write(system), formula=formula, source=source, Wq=Wq, loss=loss, **{**follows, **more}
    )


def too_much(load: float, n: float) -> bool:
    """Return whether n workers cannot keep up with a load without end; just as much as they can do is too much.

    What differs by the rounding of a few operations is taken for the same.
    """
    return load >= n * (1 - _SAME)


def growing(system: System, formula: str, source: str, growth: float, **more: Any) -> Solution:
    """Return the Solution of a system without a steady state: all workers work, and the backlog grows by `growth`/s.

    Where nothing is left of the growth but rounding, the system is at its limit.
    """
    critical = growth <= _SAME * system.arrival_rate
    growth = 0.0 if critical else growth
    unbounded = dict.fromkeys(("L", "Lq", "W", "Wq"), math.inf)
    follows = {
        "arrival_rate": system.arrival_rate,
        "offered_load": system.offered_load,
        "utilization": 1.0,
        "throughput": max(0.0, system.arrival_rate - growth),
        "wait_tail": _for_ever,
        "sojourn_tail": _for_ever,
        "critical": critical,
        **unbounded,
    }
    return Solution(system=notation.write(system), formula=formula, source=source, growth=growth, **{**follows, **more})


def _for_ever(t: float) -> float:
    return 1.0
