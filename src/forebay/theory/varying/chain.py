"""The chain that stands for a system whose arrival rate changes: its states and the rates between them.

With exponential work the number in the system is a birth and death chain: births λ, deaths δ_k = min(k, n)μ. For other
laws the chain has the same drift, and the variance that the work gives it while all workers are busy:

    drift λ − δ_k,   variance λ + δ_k v_k   a second;   v_k = 1 + (cs² − 1) j/(j + xn),   j = (k − n)⁺ who wait

(below n workers the law does not matter: M/G/∞ depends on the mean alone; many workers together look Poisson for a
short time, so that it hardly matters for few who wait; x is fitted). Steady states of a large system may be `unit`
messages apart, again of the same drift and variance. Source of the diffusion:
G. F. Newell, "Applications of Queueing Theory" (2nd ed. 1982), chapter 6.
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forebay.errors import UsageError
from forebay.theory.laws import Exponential, Law
from forebay.theory.system import Load
from forebay.theory.varying.forward import Floats, Hill, Rates, advance

SEGMENTS = 256
"""Parts of the time in each of which the rates of a diffusion are constant, and at whose ends states are kept."""
_ABOVE, _BELOW = 1.0, 0.15
"""Of n: the queue behind which departures vary half as the work does; cs² > 1, cs² < 1; by simulation of waves."""
_LEAST = 1e-3
"""Variance to the deaths, where work is constant and nothing comes."""
_SELDOM = 35
"""−ln of a probability that is nothing."""


@dataclass(frozen=True, slots=True)
class Constant:
    """R a second all the time."""

    R: float

    def rate(self, t: float) -> float:
        """Return R."""
        return self.R

    def cumulative(self, t: float) -> float:
        """Return Rt."""
        return self.R * t


@dataclass(frozen=True, slots=True)
class Setting:
    """What is followed.

    Arguments:
        load: S(t) of Poisson arrivals. service: the law of the work. n: workers. q: waiting places.
        seconds: how long; `periodic`: this long again and again, and what is told is one of many.
        unit: messages between two states.
    """

    load: Load
    service: Law
    n: int
    q: float
    seconds: float
    periodic: bool
    unit: int = 1

    @property
    def capacity(self) -> float:
        """C = nμ, a second."""
        return self.n / self.service.mean

    @property
    def one_by_one(self) -> bool:
        """Whether the chain is the system itself: exponential work, states one message apart."""
        return self.unit == 1 and isinstance(self.service, Exponential)

    @property
    def system(self) -> str:
        """The notation."""
        return f"Mt/{self.service.letter}/{self.n}" + (f"/{self.q:.0f}" if math.isfinite(self.q) else "")

    @classmethod
    def of(
        cls,
        load: Load | float,
        service: Law | float,
        n: int,
        q: float,
        seconds: float,
        periodic: bool = False,
        backlog: int = 0,
    ) -> Setting:
        """Return what the words of a caller mean: a number is a constant rate, or the mean of exponential work.

        Raises:
            UsageError: numbers without meaning.
        """
        if not (n >= 1 and q >= 0 and 0 < seconds < math.inf and 0 <= backlog <= q):
            raise UsageError(
                f"n = {n}, q = {q:g}, {seconds:g} s and a backlog of {backlog} have no meaning together",
                "a worker at least, a time above 0, and a place for everyone who waits",
            )
        law = Exponential(float(service)) if isinstance(service, int | float) else service
        stream = Constant(float(load)) if isinstance(load, int | float) else load
        return cls(stream, law, n, q, seconds, periodic)

    @property
    def events(self) -> float:
        """How many come, and how many at most go, in the time."""
        return self.load.cumulative(self.seconds) + self.capacity * self.seconds


@dataclass(frozen=True, slots=True)
class Followed:
    """What happened in the time.

    Arguments:
        hills: the probabilities of the states at every 256th of the time.
        seen: ∫ p dΛ: the arrivals that found each state. lost: those that found no place.
    """

    hills: Sequence[Hill]
    seen: Floats
    lost: float


@dataclass(frozen=True, slots=True)
class Chain:
    """The states 0, unit, 2 unit, ... and the rates between them.

    Arguments:
        setting: of what.
        busy: δ_k/μ: how many workers are busy in each state.
    """

    setting: Setting
    busy: Floats

    @classmethod
    def of(cls, setting: Setting, backlog: int = 0) -> Chain:
        """Return the chain, with as many states as its places, or as will ever be reached."""
        most = setting.n + (setting.q if math.isfinite(setting.q) else _reach(setting, backlog))
        return cls(setting, np.minimum(np.arange(math.ceil(most / setting.unit) + 1) * setting.unit, setting.n))

    def beginning(self, backlog: int) -> Hill:
        """Return the state in which so many wait and all workers are about to take one."""
        return Hill(min(round(backlog / self.setting.unit), len(self.busy) - 1), np.ones(1))

    def follow(self, hill: Hill, least: int) -> Followed:
        """Return what happens in the time, from a state on; `least` steps in each 256th of it."""
        seen, lost, hills, H = np.zeros(len(self.busy)), 0.0, [hill], self.setting.seconds / SEGMENTS
        for i in range(SEGMENTS):
            before, rate = float(seen[-1]), self._mean_rate(i * H, H)
            hills.append(advance(hills[-1], i * H, H, self._rates(rate), seen, least))
            lost += (float(seen[-1]) - before) * self.refused(rate)
        return Followed(hills, seen, lost)

    def steady(self, rate: float) -> Hill:
        """Return the probabilities of its steady state at a constant arrival rate: p_{k+1}/p_k = λ_k/δ_{k+1}.

        Of states that are farther apart ln p grows by 2 drift/variance a message, as in the diffusion itself.
        """
        if self.setting.unit > 1:
            deaths = (self.busy[1:] + self.busy[:-1]) / 2 / self.setting.service.mean
            variance = rate + deaths * self._variation[1:]
            rises = 2 * self.setting.unit * (rate - deaths) / np.maximum(variance, _LEAST * deaths)
        else:
            births, deaths = self._diffusion(rate)
            with np.errstate(divide="ignore"):
                rises = np.log(births[:-1]) - np.log(deaths[1:])
        logs = np.concatenate([[0.0], np.cumsum(rises)])
        p = np.exp(logs - logs.max())
        return Hill(0, p / p.sum(), self.setting.unit)

    def refused(self, rate: float) -> float:
        """Return what a full system refuses of a constant rate, as a share."""
        if math.isinf(self.setting.q) or rate <= 0:
            return 0.0
        return 1.0 if self.setting.one_by_one else float(self._diffusion(rate)[0][-1]) * self.setting.unit / rate

    def _mean_rate(self, t: float, H: float) -> float:
        return (self.setting.load.cumulative(t + H) - self.setting.load.cumulative(t)) / H

    def _rates(self, rate: float) -> Rates:
        if self.setting.one_by_one:
            return Rates(self.setting.load.cumulative, self.busy / self.setting.service.mean)
        births, deaths = self._diffusion(rate)
        return Rates(self.setting.load.cumulative, deaths, births)

    @property
    def _variation(self) -> Floats:
        """cs² of the departures by state: 1 of many workers in a short time, that of the work behind a long queue."""
        n, c2 = self.setting.n, self.setting.service.c2
        waiting = np.maximum(np.arange(len(self.busy)) * float(self.setting.unit) - n, 0.0)
        share = waiting / (waiting + n * (_ABOVE if c2 > 1 else _BELOW))
        return np.asarray(1.0 + (c2 - 1.0) * share)

    def _diffusion(self, rate: float) -> tuple[Floats, Floats]:
        """Return the λ_k and δ_k of the drift and variance above."""
        service, unit = self.setting.service, self.setting.unit
        deaths = self.busy / service.mean
        drift = (rate - deaths) / unit
        variance = (rate + deaths * self._variation) / unit**2
        up, down = (variance + drift) / 2, (variance - drift) / 2
        # Where the drift is more than such a variance allows, all goes one way, at the pace of the drift.
        return np.maximum(up, 0) + np.maximum(-down, 0), np.maximum(down, 0) + np.maximum(-up, 0)


def _reach(setting: Setting, backlog: int) -> float:
    """Return a backlog that is practically never exceeded where nothing limits it."""
    C, T, cumulative = setting.capacity, setting.seconds, setting.load.cumulative
    h, level, peak = T / SEGMENTS, float(backlog), float(backlog)
    for i in range((2 if setting.periodic else 1) * SEGMENTS):
        t = i % SEGMENTS * h
        level = max(0.0, level + cumulative(t + h) - cumulative(t) - C * h)
        peak = max(peak, level)
    variation = max(1.0, setting.service.c2)
    spread, rho = setting.events * variation, cumulative(T) / (C * T)
    tail = _SELDOM * variation / (1 - rho) if rho < 1 else math.inf
    return peak + 10 * math.sqrt(spread) + min(tail, 40 * math.sqrt(spread)) + 50
