"""Where nobody solves the equations of a load that changes: steady states, one for each moment.

    pointwise (PSA)            at t the steady state of the rate λ(t): as if every moment lasted for ever
    modified offered load      the steady state of the rate m(t)/E[S], where m(t) is the mean number in work if there
    (MOL)                      were a worker for everyone: m' = λ − m/E[S], which comes later than λ and is flatter

The first is good where the work is short against the changes of the load, the second where few wait; a backlog that one
moment leaves to the next is in neither. Sources: L. Green, P. Kolesar, "The Pointwise Stationary Approximation for
Queues with Nonstationary Arrivals", Management Science 37 (1991); O. B. Jennings, A. Mandelbaum, W. A. Massey,
W. Whitt, "Server Staffing to Meet Time-Varying Demand", Management Science 42 (1996).
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math

import numpy as np

from forebay.errors import UsageError
from forebay.theory.laws import Law
from forebay.theory.system import Load
from forebay.theory.varying.chain import SEGMENTS, Chain, Constant, Followed, Setting
from forebay.theory.varying.evolution import Evolution
from forebay.theory.varying.forward import Floats

_FINE = 16
"""Parts of a segment in which m(t) is computed."""


def pointwise(
    load: Load | float, service: Law | float, n: int, q: float = math.inf, *, seconds: float = 1.0
) -> Evolution:
    """Return what the pointwise stationary approximation says of a load; of a constant rate, its steady state.

    Arguments:
        load: S(t) of Poisson arrivals, or their constant rate, per second. service: the law of the work, or the mean
            of exponential work, seconds.
        n: workers. q: waiting places; inf: no limit.
        seconds: over which time.

    Raises:
        UsageError: numbers without meaning, or the load exceeds a capacity behind which nothing limits the queue.
    """
    setting = Setting.of(load, service, n, q, seconds, periodic=True)
    rate = setting.load.rate
    return _steady(setting, np.array([rate(seconds * i / SEGMENTS) for i in range(SEGMENTS + 1)]), "pointwise")


def modified_offered_load(
    load: Load | float, service: Law | float, n: int, q: float = math.inf, *, seconds: float
) -> Evolution:
    """Return what the steady states of the modified offered load say of a periodic load; arguments as `pointwise`."""
    setting = Setting.of(load, service, n, q, seconds, periodic=True)
    return _steady(setting, busy_unlimited(setting) / setting.service.mean, "modified offered load")


def busy_unlimited(setting: Setting) -> Floats:
    """Return m(t) at every 256th of the period: the mean number in work where there is a worker for everyone.

    The work counts as exponential; m' = λ − m/E[S] is solved exactly for a rate that is constant in 4096ths.
    """
    S, T, cumulative = setting.service.mean, setting.seconds, setting.load.cumulative
    parts = SEGMENTS * _FINE
    h = T / parts
    came = np.diff([cumulative(i * h) for i in range(parts + 1)])
    stays = math.exp(-h / S)
    m = [0.0]
    for x in (came * (1 - stays) * S / h).tolist():
        m.append(stays * m[-1] + x)
    carried = m[-1] / -math.expm1(-T / S)  # what a period that begins with this much also ends with
    unlimited: Floats = np.array(m) + carried * np.exp(-np.arange(parts + 1) * h / S)
    return unlimited[::_FINE]


def _steady(setting: Setting, rates: Floats, name: str) -> Evolution:
    if math.isinf(setting.q) and rates.max() >= setting.capacity:
        raise UsageError(
            f"{rates.max():.6g} a second exceed the capacity of {setting.capacity:.6g}/s: no steady state",
            "evolve follows the backlog; or give places",
        )
    chain = Chain.of(setting)
    hills = [chain.steady(float(rate)) for rate in rates]
    weights = np.array([setting.load.rate(setting.seconds * i / SEGMENTS) for i in range(SEGMENTS + 1)])
    weights[[0, -1]] /= 2
    weights *= setting.seconds / SEGMENTS
    seen = np.sum([hill.p * weight for hill, weight in zip(hills, weights, strict=True)], axis=0)
    lost = sum(
        float(hill.p[-1]) * weight * chain.refused(float(rate))
        for hill, weight, rate in zip(hills, weights.tolist(), rates, strict=True)
    )
    followed = Followed(hills, seen, lost)
    if isinstance(setting.load, Constant):
        return Evolution.of(setting, followed)
    return Evolution.of(setting, followed, formula=f"{name} of Mt/G/n/q", exact=False, error=_ERROR)


_ERROR = "good while nothing is left from one moment to the next"
