"""G/G/n/q from two moments of each law, where nothing exact is known: what `solve` takes last.

First choice: both laws are replaced by laws made of phases with the same mean and c², and that is solved exactly, with
percentiles and with a limit to the queue. Where that would be too many phases: M/G/n by Kimura, and GI/G/n as GI/M/n,
exactly, times the ratio of Whitt's formula with and without the c² of the work. The percentiles are then those of a
wait that is exponential for who waits. The errors below were found on exact cases (tests/theory/models).
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math

from forebay.theory.laws import Exponential, Law
from forebay.theory.models import ggn, mapphn, whitt
from forebay.theory.models.gimn import found, two_exponentials
from forebay.theory.models.model import Model
from forebay.theory.models.phases import arrival_process, dispersion, fitted, renewals
from forebay.theory.models.plain import answer, overloaded, plain, stable
from forebay.theory.percentiles import Tail
from forebay.theory.solution import Solution
from forebay.theory.survival import survival
from forebay.theory.system import Markovian, System, Trace

_CLOSE = 0.05
"""How far off c² may be."""
_STAGES = 24
"""The most stages that stand for a law of small c²."""
_PHASES = 100
_CELLS = 200
_WORKERS = 400
_LOADS = (0.9, 0.7, 0.5, 0.0)
_ERRORS = {
    (True, False): (2, 4, 6, 10),
    (True, True): (15, 20, 25, 30),
    (False, False): (6, 18, 40, 110),
    (False, True): (16, 65, 190, 200),
}
"""(random arrivals, cs² above 4 or more than 5 workers): the error of the mean wait in percent, from these loads on."""
_PHASE_ERRORS = ((6, 10), (13, 30), (35, 100), (140, 600))
"""From these loads on, in percent: the error of the mean wait and of the loss with laws of the same two moments."""
_BURSTS = "the mean wait of bursts with such work was not found exactly to compare; percentiles less sure still"


def stages(system: System) -> tuple[int, int] | None:
    """Return how many stages may stand for arrivals and for work of small c²; None where even two are too many."""
    arrivals = len(system.arrivals.D0) if isinstance(system.arrivals, Markovian) else _wanted(_ca2(system))
    for work in range(_wanted(system.service.c2), 0 if system.service.c2 == 1 else 1, -1):
        for coming in (arrivals, min(arrivals, 8), min(arrivals, 4)):
            enough = isinstance(system.arrivals, Markovian) or coming >= min(arrivals, 4)
            if enough and mapphn.size(system, coming, work) <= _PHASES:
                return coming, work
    return None


def _wanted(c2: float) -> int:
    return 2 if c2 > 1 else min(_STAGES, math.ceil(1 / max(c2, 1e-9) - 1e-9))


def _ca2(system: System) -> float:
    """Return c² of the arrivals; of a MAP its index of dispersion, which takes the place of c² in heavy traffic."""
    if isinstance(system.arrivals, Law):
        return system.arrivals.c2
    return dispersion(*arrival_process(system.arrivals))[1]


def _reached(c2: float, most: int) -> float:
    return c2 if c2 > 1 else max(c2, 1 / most)


def by_phases(system: System) -> Solution:
    """Return the steady state of G/G/n/q with both laws replaced by laws made of phases."""
    found_stages = stages(system)
    assert found_stages is not None
    coming, work = found_stages
    law = fitted(system.service.mean, system.service.c2, work)
    if isinstance(system.arrivals, Law):
        D0, D1 = renewals(fitted(system.arrivals.mean, system.arrivals.c2, coming))
        taken = f"c² {_reached(system.arrivals.c2, coming):.3g} and {_reached(system.service.c2, work):.3g}"
    else:
        D0, D1 = arrival_process(system.arrivals)
        taken = f"c² {_reached(system.service.c2, work):.3g} of the work"
    rho = system.offered_load / system.n
    wait, loss = next(sizes for load, sizes in zip(_LOADS, _PHASE_ERRORS, strict=True) if rho >= load)
    error = (
        f"laws made of phases with {taken} instead; the mean wait within about {wait} %, the loss {loss} % "
        "(on exact cases with one law replaced)"
    )
    return mapphn.solve_phases(system, D0, D1, law, error)


def _phases_fit(system: System) -> bool:
    if not plain(system) or isinstance(system.arrivals, Trace) or math.isinf(system.n):
        return False
    found_stages = stages(system)
    if found_stages is None:
        return False
    ca2 = system.arrivals.c2 if isinstance(system.arrivals, Law) else 1.0
    missed = [_reached(c2, k) - c2 for c2, k in zip((ca2, system.service.c2), found_stages, strict=True)]
    return max(missed) <= _CLOSE or math.isfinite(system.q)


def error_of(rho: float, n: int, ca2: float, cs2: float) -> str:
    """Return the error of the mean wait to expect, as found on exact cases with c² from 0.25 to 9 and n up to 20."""
    hard = cs2 > 4 if ca2 == 1 else n > 5
    row = _ERRORS[ca2 == 1, hard]
    size = next(percent for load, percent in zip(_LOADS, row, strict=True) if rho >= load)
    return f"the mean wait within about {size} % (on exact cases, c² from 0.25 to 9, n <= 20); percentiles less sure"


def by_ratio(system: System) -> Solution:
    """Return the steady state of G/G/n by Kimura or by Whitt's ratio; percentiles with an exponential wait."""
    n, rho, cs2 = int(system.n), system.offered_load / system.n, system.service.c2
    formula, source = _names(system)
    bursts = isinstance(system.arrivals, Markovian)
    error = _BURSTS if bursts else error_of(rho, n, _ca2(system), cs2)
    if not stable(system):
        return overloaded(system, formula, source, error)
    mean, p_wait = _mean_and_p(system, rho, n, cs2)
    Wq = mean * system.service.mean
    tails = exponential_tails(p_wait, Wq, system.service) if p_wait else (None, None)
    return answer(system, formula, source, system.arrival_rate * Wq, None, p_wait, tails=tails, error=error)


def _names(system: System) -> tuple[str, str]:
    if isinstance(system.arrivals, Exponential):
        return "Kimura, between M/D/n and M/M/n", 'T. Kimura, "Approximations for Multi-Server Queues" (1994)'
    source = 'L. Takács (1962); W. Whitt, "Approximations for the GI/G/m Queue" (1993), equation 2.24'
    if isinstance(system.arrivals, Markovian):
        return "MAP/M/n, exactly, and what M/G/n waits longer than M/M/n", source
    return "GI/M/n, exactly, times Whitt's ratio for the work", source


def _mean_and_p(system: System, rho: float, n: int, cs2: float) -> tuple[float, float]:
    """Return the mean wait in units of the work, and P(wait)."""
    if isinstance(system.arrivals, Exponential):
        return ggn.kimura(rho, n, 1.0, cs2), whitt.p_wait(rho, n, 1.0, cs2)
    if isinstance(system.arrivals, Markovian):
        easier = mapphn.solve(System(system.arrivals, Exponential(system.service.mean), n))
        more = ggn.kimura(rho, n, 1.0, cs2) - ggn.mmn(rho, n)
        return max(0.0, easier.Wq / system.service.mean + more), easier.p_wait or 0.0
    assert isinstance(system.arrivals, Law)
    pi, sigma = found(system.arrivals, 1 / system.service.mean, n)
    p_wait = float(pi[-1]) * sigma / (1 - sigma)
    ca2 = system.arrivals.c2
    easier_mean, without = p_wait / (n * (1 - sigma)), whitt.mean_wait(rho, n, ca2, 1.0)
    ratio = whitt.mean_wait(rho, n, ca2, cs2) / without if without else 0.0
    p_ratio = whitt.p_wait(rho, n, ca2, cs2) / max(whitt.p_wait(rho, n, ca2, 1.0), 1e-300)
    return easier_mean * ratio, min(1.0, p_wait * p_ratio)


def exponential_tails(p_wait: float, Wq: float, service: Law) -> tuple[Tail, Tail]:
    """Return P(Wq > t), P(W > t) where who waits waits exponentially, Wq/P(wait) on average.

    Source: W. Whitt, "Approximations for the GI/G/m Queue" (1993), section 4: exact for GI/M/n and in heavy traffic.
    """
    rate = p_wait / Wq if Wq else math.inf

    def wait(t: float) -> float:
        return p_wait * math.exp(-rate * t) if Wq else 0.0

    def sojourn(t: float) -> float:
        """Sum over the work in cells of t, each with its middle."""
        if t <= 0 or not Wq:
            return survival(service, t)
        edges = [survival(service, t * k / _CELLS) for k in range(_CELLS + 1)]
        waits = (wait(t * (1 - (k + 0.5) / _CELLS)) for k in range(_CELLS))
        cells = sum((edges[k] - edges[k + 1]) * longer for k, longer in enumerate(waits))
        return min(1.0, edges[-1] + cells + (1 - edges[0]) * wait(t))

    return wait, two_exponentials(p_wait, rate, 1 / service.mean) if isinstance(service, Exponential) else sojourn


def _ratio_fits(system: System) -> bool:
    if not plain(system) or isinstance(system.arrivals, Trace) or math.isfinite(system.q):
        return False
    alone = System(system.arrivals, Exponential(system.service.mean), system.n) if system.n <= _WORKERS else None
    return alone is not None and (not isinstance(system.arrivals, Markovian) or mapphn.fits(alone))


MODELS = (
    Model("G/G/n/q by laws made of phases", _phases_fit, by_phases, exact=False),
    Model("G/G/n by two moments", _ratio_fits, by_ratio, exact=False),
)
