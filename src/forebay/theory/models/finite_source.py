"""A/M/n//N: N customers in all, each thinks, comes, waits, is served and thinks again; wrk -c N is such a system.

Of N customers k are at the workers: births (N − k)/z, deaths min(k, n)μ. An arrival finds the system as the other N − 1
would leave it (the arrival theorem), and the law of the thinking enters by its mean z only. Sources: T. Engset (1918);
D. Gross, C. M. Harris, "Fundamentals of Queueing Theory" (1985), section 2.7; S. S. Lavenberg, M. Reiser, "Stationary
state probabilities at arrival instants for closed queueing networks" (1980).
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np

from forebay.errors import UsageError
from forebay.theory import notation
from forebay.theory.laws import Exponential, Law
from forebay.theory.models.birth_death import Ends, stationary
from forebay.theory.models.mixing import Vector, poisson_steps
from forebay.theory.models.model import Model
from forebay.theory.models.no_waiting import work_tail
from forebay.theory.models.steady import asked
from forebay.theory.solution import Solution
from forebay.theory.system import System

_SOURCE = 'D. Gross, C. M. Harris, "Fundamentals of Queueing Theory" (1985), section 2.7; T. Engset (1918)'


def crowd(n: float, K: int, N: int, think: float, service: float) -> Vector:
    """Return p_0 ... p_min(K, N): how many of N customers are at the workers.

    Arguments:
        n: workers. K: places, those of the workers counted. think, service: means, seconds; nobody thinks: 0.
    """
    top = min(K, N)
    if think == 0:
        return np.concatenate([np.zeros(top), [1.0]])
    k = np.arange(top, dtype=np.float64)
    return stationary((N - k) / think, np.minimum(k + 1, n) / service)


def _solve(system: System) -> Solution:
    N, K, think = int(system.population), system.places, _thinking(system).mean
    if think == 0 and K < N:
        raise UsageError(
            f"{notation.write(system)}: who finds no place and thinks for no time comes again at once, for ever",
            "give --think, or as many places as customers",
        )
    found = _found(system)
    p = crowd(system.n, int(min(K, N)), N, think, system.service.mean)
    return _answer(system, p, found)


def _found(system: System) -> tuple[Vector, float]:
    """Return the numbers that an accepted arrival finds, and the share that is not accepted."""
    N, K = int(system.population), int(min(system.places, system.population))
    seen = crowd(system.n, K, N - 1, _thinking(system).mean, system.service.mean) if N > 1 else np.ones(1)
    loss = float(seen[K]) if K < N else 0.0
    return seen[:K] / (1 - loss), loss


def _answer(system: System, p: Vector, found: tuple[Vector, float]) -> Solution:
    finds, loss = found
    S, top = system.service.mean, len(p)
    at_work = np.minimum(np.arange(top), system.n)
    busy = float(p @ at_work)
    L, Lq = float(p @ np.arange(top)), float(p @ (np.arange(top) - at_work))
    X = busy / S
    n = int(min(system.n, len(finds)))
    ends = Ends(n, finds[n:])
    return Solution(
        system=notation.write(system),
        formula="birth and death with births (N − k)/z; an arrival sees N − 1",
        source=_SOURCE,
        arrival_rate=X / (1 - loss),
        offered_load=X / (1 - loss) * S,
        utilization=busy / system.n if math.isfinite(system.n) else busy,
        throughput=X,
        L=L,
        Lq=Lq,
        W=L / X,
        Wq=Lq / X,
        p0=float(p[0]),
        p_wait=ends.p_wait,
        loss=loss,
        wait_tail=poisson_steps(n / S, ends.more_wait),
        sojourn_tail=poisson_steps(n / S, ends.more_stay) if ends.p_wait else work_tail(system.service),
    )


def _thinking(system: System) -> Law:
    assert isinstance(system.arrivals, Law)
    return system.arrivals


def _fits(system: System) -> bool:
    closed = math.isfinite(system.population) and system.batch == 1 and isinstance(system.arrivals, Law)
    waiting = system.q > 0 and system.population > system.n
    exponential = isinstance(system.service, Exponential)
    losing = waiting and system.population > system.places and not isinstance(system.arrivals, Exponential)
    return closed and asked(system) == {"population"} and (exponential or not waiting) and not losing


MODELS = (Model("G/M/n/q//N", _fits, _solve),)
