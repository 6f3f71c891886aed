"""What becomes of a load of which more come than can be followed one by one: the fluid, its spread, and steady states.

While the rate is above the capacity, or a backlog is left, the number in the system is the walk of `walk`. While it is
below, and what waits then is less than the walk can see, each moment has a steady state of its own: that of the rate
m(t)/E[S], see `stand_ins`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forebay.theory.varying.chain import Chain, Setting
from forebay.theory.varying.evolution import Evolution
from forebay.theory.varying.forward import Floats, Hill
from forebay.theory.varying.walk import Walk

FORMULA = "fluid with its Gaussian term, steady states below the capacity"
ERROR = (
    "by the equations of smaller loads: backlogs and p95 and up of the wait within 5 %, within 12 % where the crest is "
    "hardly below the capacity; a small loss within 30 %"
)
"""Measured, see the tests: exponential work, from 18 arrivals a minute to 300 a second."""
_CYCLES = 16
_SETTLED = 1e-3
_CUT = 12
"""Cells that may be taken by steady states."""
_SEEN = 3
"""Cells that a steady state is long on average where the walk sees it well."""
_FEW = 4
"""Cells of places, that are too few for a walk."""
_STATES = 1000
"""Of a steady state, below n."""
_LONG = 40
_FINER = 16
_RUNGS = 128
_BINS = 400
_INSTANTS = 256
_NOTHING = 1e-12


def levelled(setting: Setting, backlog: int = 0) -> Evolution:
    """Return what becomes of a load, at a price that does not depend on how many come."""
    walk = Walk.of(setting)
    hills, lost = walk.follow(walk.beginning(backlog))
    cycles = 1
    while setting.periodic and not _repeats(hills) and cycles < _CYCLES:
        hills, lost = walk.follow(hills[-1])
        cycles += 1
    return _Mixture.of(walk, hills, lost).answer()


def _repeats(hills: Sequence[Hill]) -> bool:
    return hills[-1].differs(hills[0]) <= _SETTLED


@dataclass(frozen=True, slots=True)
class _Mixture:
    """A walk, and the steady states in the place of its lowest part.

    Arguments:
        walk, hills, lost: the walk and what it finds.
        weights: what comes around each of its instants.
        shares: how much of each hill a steady state takes the place of: all that is below `cut`.
        ladder: some rates, of which the steady states are known; at: the rate of each instant, as its place there.
    """

    walk: Walk
    hills: Sequence[Hill]
    lost: Floats
    weights: Floats
    cut: float
    shares: Floats
    chain: Chain
    ladder: Floats
    at: Floats

    @classmethod
    def of(cls, walk: Walk, hills: Sequence[Hill], lost: Floats) -> _Mixture:
        """Return which steady states take the place of what."""
        setting = walk.setting
        few = setting.q < _FEW * walk.cell
        cut = math.inf if few else setting.n + _CUT * walk.cell
        rates = walk.busy / setting.service.mean
        quiet = np.ones(len(hills), bool) if few else _quiet(walk, rates)
        shares = np.where(quiet, [float(hill.p @ (hill.numbers < cut)) for hill in hills], 0.0)
        taken = rates[quiet] if quiet.any() else np.zeros(1)
        ladder = np.linspace(taken.min(), taken.max(), _RUNGS)
        apart = (ladder[1] - ladder[0]) or 1.0
        at = np.clip((rates - ladder[0]) / apart, 0, _RUNGS - 1)
        weights = np.convolve(walk.came, [0.5, 0.5])
        return cls(walk, hills, lost, weights, cut, shares, _chain(walk, few), ladder, at)

    def answer(self) -> Evolution:
        """Return what the arrivals find in both together."""
        setting = self.walk.setting
        steady = [self.chain.steady(float(rate)) for rate in self.ladder]
        offered = float(self.weights.sum())
        quiet, refused = self._quiet_seen(steady)
        numbers, seen, lost = self._walk_seen()
        numbers, seen = np.append(quiet.numbers, numbers), np.append(quiet.p, seen)
        seen /= float(seen.sum()) or 1.0
        lost = min(refused + lost, offered)
        waits = numbers >= setting.n
        ahead, found = _binned(numbers[waits] - setting.n, seen[waits])
        instants = np.linspace(0, len(self.hills) - 1, _INSTANTS + 1).round().astype(int)
        return Evolution(
            setting,
            formula=FORMULA,
            exact=False,
            error=ERROR,
            settled=not setting.periodic or _repeats(self.hills),
            growth=0.0,
            offered=offered,
            loss=lost / offered if offered else 0.0,
            utilization=self._utilization(offered - lost),
            times=self.walk.times[instants],
            hills=[self._hill(int(i), steady) for i in instants],
            free=float(seen[~waits].sum()),
            ahead=ahead,
            found=found,
        )

    def _quiet_seen(self, steady: Sequence[Hill]) -> tuple[Hill, float]:
        """Return the accepted that find each steady number, and those that find no place."""
        weights, below = self.weights * self.shares, np.minimum(self.at.astype(int), _RUNGS - 2)
        beyond = self.at - below
        rungs = np.bincount(below, weights * (1 - beyond), _RUNGS) + np.bincount(below + 1, weights * beyond, _RUNGS)
        seen = np.sum([hill.p * weight for hill, weight in zip(steady, rungs.tolist(), strict=True)], axis=0)
        refused = sum(
            float(hill.p[-1]) * weight * self.chain.refused(float(rate))
            for hill, weight, rate in zip(steady, rungs.tolist(), self.ladder, strict=True)
        )
        seen[-1] = max(seen[-1] - refused, 0.0)
        return Hill(0, seen, steady[0].unit), refused

    def _walk_seen(self) -> tuple[Floats, Floats, float]:
        """Return numbers of the walk, the accepted that find them, and those that find no place."""
        low = min(hill.low for hill in self.hills)
        seen = np.zeros(max(hill.low + len(hill.p) for hill in self.hills) - low)
        for hill, weight, share in zip(self.hills, self.weights.tolist(), self.shares.tolist(), strict=True):
            p = hill.p if share == 0 else hill.p * (hill.numbers >= self.cut)
            seen[hill.low - low : hill.low - low + len(p)] += weight * p
        lost = float(self.lost @ (np.maximum(self.shares[1:], self.shares[:-1]) < 1 / 2))
        accepted = np.diff(np.minimum(np.cumsum(seen), max(float(seen.sum()) - lost, 0.0)), prepend=0.0)
        return self.walk.hill(low, accepted).numbers, accepted, lost

    def _hill(self, i: int, steady: Sequence[Hill]) -> Hill:
        return steady[round(float(self.at[i]))] if self.shares[i] > 1 / 2 else self.hills[i]

    def _utilization(self, accepted: float) -> float:
        """Return the share of their time that workers work: what came, and was there, and is not left."""
        setting = self.walk.setting
        first, last = (float(hill.p @ hill.numbers) for hill in (self.hills[0], self.hills[-1]))
        more = 0.0 if setting.periodic else first - last
        return min(1.0, max(0.0, accepted + more) / (setting.capacity * setting.seconds))


def _quiet(walk: Walk, rates: Floats) -> NDArray[np.bool_]:
    """Return at which instants a steady state waits for less than the walk can see."""
    setting = walk.setting
    now = np.convolve(walk.came / np.diff(walk.times), [0.5, 0.5])
    now[[0, -1]] *= 2
    below = setting.capacity - np.maximum(now, rates)
    return np.asarray(2 * below * _SEEN * walk.cell > now + setting.service.c2 * setting.capacity)


def _chain(walk: Walk, few: bool) -> Chain:
    """Return the chain of the steady states: as long as they can be, in states far finer than those of the walk."""
    setting = walk.setting
    unit = max(1, setting.n // _STATES) if few else max(1, int(walk.cell / _FINER), setting.n // _STATES)
    most = setting.n + min(setting.q, _LONG * walk.cell)
    states = np.arange(math.ceil(most / unit) + 1) * unit
    return Chain(replace(setting, unit=unit), np.minimum(states, setting.n))


def _binned(ahead: Floats, found: Floats) -> tuple[Floats, Floats]:
    """Return the same shares in fewer places: neighbours that are seldom found together, at their mean."""
    order = np.argsort(ahead, kind="stable")
    ahead, found = ahead[order], found[order]
    ahead, found = ahead[found > _NOTHING], found[found > _NOTHING]
    if not len(found):
        return np.zeros(1), np.zeros(1)
    before = (np.cumsum(found) - found / 2) / found.sum()
    bins = np.unique((_BINS * _stretched(before)).astype(int), return_inverse=True)[1]
    shares = np.bincount(bins, found)
    return np.bincount(bins, found * ahead) / shares, np.asarray(shares, dtype=float)


def _stretched(share: Floats) -> Floats:
    """Return shares of 1 so that those near 1 are farther apart: for percentiles like p99.9."""
    return -np.log1p(-share * (1 - _NOTHING)) / -math.log(_NOTHING)
