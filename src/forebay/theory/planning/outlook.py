"""What becomes of a demand with n workers and q places: the quantities that can be promised, from the right formula.

A constant rate is asked of `solve`; what that cannot tell, of the steady state of the chain. A load that changes is
followed by `evolve`. How long a backlog takes to drain is the fluid model's.
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from forebay.errors import UsageError
from forebay.theory.laws import Exponential, Hyperexponential, Law
from forebay.theory.planning.promises import Promise, Quantity
from forebay.theory.solution import Solution
from forebay.theory.solving import solve
from forebay.theory.system import Load, System
from forebay.theory.varying.evolution import Evolution
from forebay.theory.varying.evolving import evolve
from forebay.theory.varying.fluid import Prediction, drain_seconds, predict
from forebay.theory.varying.stand_ins import pointwise

_FLUID_STEPS = 2048


@dataclass(frozen=True, slots=True)
class Demand:
    """What comes, and what the work is.

    Arguments:
        load: S(t) of Poisson arrivals, or their constant rate, per second.
        service: the law of the work.
        seconds: the period of a periodic load, or how long the load lasts; None: a constant rate for ever.
        periodic: whether the load is repeated for ever.
        backlog: how many wait at the beginning.
    """

    load: Load | float
    service: Law
    seconds: float | None = None
    periodic: bool = False
    backlog: int = 0

    def __post_init__(self) -> None:
        if not (self.seconds is None or 0 < self.seconds < math.inf) or self.backlog < 0:
            raise UsageError("a length or a backlog has no meaning", "a length is above 0, a backlog 0 or more")
        if not isinstance(self.load, int | float) and self.seconds is None:
            raise UsageError("a load that changes has a length", "say how long it lasts, or its period")
        if self.periodic and self.backlog:
            raise UsageError(
                "a backlog at the beginning means nothing where the load repeats for ever", "say how long it lasts"
            )
        if not 0 < self.mean_rate < math.inf:
            raise UsageError(f"{self.mean_rate:g} arrivals a second are not possible", "a plan is for a rate above 0")

    @property
    def mean_rate(self) -> float:
        """Of all the time, per second."""
        if isinstance(self.load, int | float):
            return float(self.load)
        return self.load.cumulative(self.seconds or 1.0) / (self.seconds or 1.0)

    @property
    def peak_rate(self) -> float:
        """The largest, per second."""
        if isinstance(self.load, int | float):
            return float(self.load)
        return max(self.load.rate((self.seconds or 1.0) * i / _FLUID_STEPS) for i in range(_FLUID_STEPS + 1))

    def rate(self, t: float) -> float:
        """Return S(t); a periodic load again and again."""
        if isinstance(self.load, int | float):
            return float(self.load)
        return self.load.rate(t % self.seconds if self.periodic and self.seconds else t)


@dataclass(frozen=True, slots=True)
class Drain:
    """What the fluid model says of the largest backlog: messages, when, and seconds until it is worked off."""

    peak: float
    at: float
    seconds: float


@dataclass(frozen=True)
class Outlook:
    """What becomes of a demand.

    Arguments:
        demand: of what. n: workers. q: places.
        answer: of the formula.
        instead: which other work the formula was asked for, where none is known for this one; empty: for this one.
    """

    demand: Demand
    n: int
    q: float
    answer: Solution | Evolution
    instead: str = ""
    _known: dict[Promise, float] = field(default_factory=dict, repr=False, compare=False)

    @property
    def exact(self) -> bool:
        """Whether the formula is exact for this demand."""
        return self.answer.exact and not self.instead

    @property
    def error(self) -> str:
        """What to expect where it is not."""
        return self.instead or self.answer.error

    @property
    def growing(self) -> bool:
        """Whether the load goes on for ever and more comes than is worked off or lost; a load that ends is drained."""
        return (self.demand.seconds is None or self.demand.periodic) and not self.answer.stable

    def value(self, promise: Promise) -> float:
        """Return the quantity that is promised; nan where the formula does not tell it.

        Raises:
            UsageError: no formula tells it.
        """
        if promise not in self._known:
            self._known[promise] = self._value(promise)
        return self._known[promise]

    def _value(self, promise: Promise) -> float:
        if promise.quantity is Quantity.FAILED:
            raise UsageError("no formula knows how many requests fail", "promise the loss: 'loss<0.1%'")
        if promise.quantity is Quantity.LOSS:
            return self.answer.loss
        if promise.quantity is Quantity.UTILISATION:
            return min(1.0, self.answer.utilization)
        if promise.quantity is Quantity.DRAINED:
            return self.drain().seconds
        return self._told(promise)

    def _told(self, promise: Promise) -> float:
        answer, percent = self.answer, promise.percent
        if promise.quantity is Quantity.BACKLOG:
            return answer.backlog(percent or 0) if isinstance(answer, Evolution) else math.nan
        if percent is None:
            return self._mean(promise.quantity)
        value = answer.wait(percent) if promise.quantity is Quantity.WAIT else answer.sojourn(percent)
        return math.nan if value is None else value

    def _mean(self, quantity: Quantity) -> float:
        if isinstance(self.answer, Solution):
            return self.answer.Wq if quantity is Quantity.WAIT else self.answer.W
        work = 0.0 if quantity is Quantity.WAIT else self.demand.service.mean
        return self.answer.mean_wait + work

    def drain(self) -> Drain:
        """Return the largest backlog of the fluid model, and how long it takes; inf where it never ends."""
        demand, C = self.demand, self.n / self.demand.service.mean
        if demand.seconds is None:
            backlog = float(demand.backlog)
            return Drain(backlog, 0.0, drain_seconds(backlog, C, demand.mean_rate))
        if not demand.periodic:
            found = _fluid(demand, demand.seconds, C, self.q)
            ends = found.drained_at
            return Drain(
                found.peak_backlog, found.peak_at, math.inf if ends is None else max(0.0, ends - found.peak_at)
            )
        return _second_period(_fluid(demand, 3 * demand.seconds, C, self.q), demand.seconds)


def look(
    demand: Demand,
    n: int,
    q: float,
    promises: Sequence[Promise] = (),
    *,
    begin: Evolution | None = None,
) -> Outlook:
    """Return what becomes of a demand with n workers and q places.

    Arguments:
        promises: what will be asked; a formula that does not tell it is not taken.
        begin: a similar answer, see `evolve`.

    Raises:
        UsageError: no formula tells what is promised.
    """
    if demand.seconds is None:
        return _steady(demand, n, q, promises)
    answer = evolve(
        demand.load,
        demand.service,
        n,
        q,
        seconds=demand.seconds,
        periodic=demand.periodic,
        backlog=demand.backlog,
        begin=begin,
    )
    return Outlook(demand, n, q, answer)


def _steady(demand: Demand, n: int, q: float, promises: Sequence[Promise]) -> Outlook:
    rate, law = demand.mean_rate, demand.service
    if math.isinf(q) and rate >= n / law.mean:
        return Outlook(demand, n, q, evolve(rate, law, n, q, seconds=1.0, periodic=True))
    other: Law
    if law.c2 > 1:
        other, instead = Hyperexponential(law.mean, law.c2), f"H2({law.c2:.3g}) in place of {law.letter}"
    else:
        other, instead = Exponential(law.mean), "exponential work in its place: on the safe side, since c² is below 1"
    for service, note in ((law, ""), (other, instead)):
        with contextlib.suppress(UsageError):  # no formula is known
            found = Outlook(demand, n, q, solve(System(Exponential(1 / rate), service, n, q)), note)
            if not any(math.isnan(found.value(promise)) for promise in promises):
                return found
    return Outlook(demand, n, q, pointwise(rate, other, n, q), "" if isinstance(law, Exponential) else instead)


def _fluid(demand: Demand, seconds: float, C: float, q: float) -> Prediction:
    return predict(demand.rate, seconds, C, q=q, Q0=demand.backlog, arrivals="poisson", steps=_FLUID_STEPS)


def _second_period(found: Prediction, T: float) -> Drain:
    """Return the drain after the largest backlog of the second of three periods."""
    second = [(t, Q) for t, Q in found.trace if T <= t < 2 * T]
    at, peak = max(second, key=lambda point: point[1])
    if not peak:
        return Drain(0.0, at - T, 0.0)
    ends = next((t for t, Q in found.trace if t > at and Q == 0), math.inf)
    return Drain(peak, at - T, ends - at)
