"""The fluid with its Gaussian term: the number in the system as a random walk of normal steps, reflected at its ends.

In a time h the number changes by a normal amount of

    mean (λ − C)h,   variance (λ + cs² C)h

and who finds a worker idle is done sooner: what lies below n + b is drawn towards it, by e^(−h/E[S]). Above the places
it is lost. A walk that looks at its ends only every h misses what it does between; to move both ends inwards by
0.5826 standard deviations of a step mends that (D. Siegmund, "Corrected diffusion approximations in certain random walk
problems", Advances in Applied Probability 11 (1979)). How long it takes does not depend on how many come. Source of the
model: G. F. Newell, "Applications of Queueing Theory" (2nd ed. 1982), chapter 6.
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forebay.theory.varying.chain import Setting
from forebay.theory.varying.forward import Floats, Hill
from forebay.theory.varying.waits import normal_below

STEPS = 512
_FINE = 8192
_BETWEEN = 0.5826
_CELLS = 2.0
"""Cells to a standard deviation of a mean step."""
_HAT = 1 / 6
"""What the hat functions add to the variance, in cells squared."""
_FAR = 5.0
_NOTHING = 1e-13


@dataclass(frozen=True, slots=True)
class Walk:
    """The steps of a walk: half of them by time, half by what comes.

    Arguments:
        setting: of what.
        times: the ends of the steps, from 0. came: what comes in each.
        cell: messages between two states.
        base: the state that is n in the system.
    """

    setting: Setting
    times: Floats
    came: Floats
    cell: float
    base: int

    @classmethod
    def of(cls, setting: Setting, steps: int = STEPS) -> Walk:
        """Return the walk that stands for a system."""
        fine = np.linspace(0, setting.seconds, _FINE + 1)
        cumulative = np.array([setting.load.cumulative(t) for t in fine.tolist()])
        share = (cumulative - cumulative[0]) / ((cumulative[-1] - cumulative[0]) or 1.0)
        times = np.interp(np.linspace(0, 1, steps + 1), (share + fine / setting.seconds) / 2, fine)
        came = np.diff([setting.load.cumulative(t) for t in times.tolist()])
        variance = float(came.sum() + setting.service.c2 * setting.capacity * setting.seconds) / steps
        cell = max(1.0, math.sqrt(variance) / _CELLS)
        return cls(setting, times, came, cell, math.ceil(setting.n / cell))

    @property
    def busy(self) -> Floats:
        """Return m(t) at the ends of the steps: the mean number in work if there were a worker for everyone."""
        S, lengths = self.setting.service.mean, np.diff(self.times)
        m, rates = [0.0], self.came / lengths
        for rate, stays in zip(rates.tolist(), np.exp(-lengths / S).tolist(), strict=True):
            m.append(stays * m[-1] + (1 - stays) * rate * S)
        carried = m[-1] / -math.expm1(-self.setting.seconds / S) if self.setting.periodic else 0.0
        return np.asarray(np.array(m) + carried * np.exp(-self.times / S))

    def hill(self, low: int, p: Floats) -> Hill:
        """Return the probabilities of the states from `low` on, as those of the number in the system."""
        return Hill(low, p, self.cell, self.setting.n - self.base * self.cell)

    def beginning(self, backlog: int) -> Hill:
        """Return the state in which so many wait and all workers are about to take one."""
        return self.hill(self.base + round((backlog - self.setting.n) / self.cell), np.ones(1))

    def follow(self, hill: Hill) -> tuple[list[Hill], Floats]:
        """Return the probabilities at the ends of all steps, and what is lost in each."""
        hills, lost = [hill], np.zeros(len(self.came))
        for i, h in enumerate(np.diff(self.times).tolist()):
            low, p, lost[i] = self._step(hills[-1], float(self.came[i]), h)
            inside = np.flatnonzero(p > _NOTHING)
            p = p[inside[0] : inside[-1] + 1]
            hills.append(self.hill(low + int(inside[0]), p / p.sum()))
        return hills, lost

    def _step(self, hill: Hill, came: float, h: float) -> tuple[int, Floats, float]:
        setting = self.setting
        worked = setting.capacity * h
        deviation = math.sqrt(came + setting.service.c2 * worked) / self.cell
        first, kernel = _kernel((came - worked) / self.cell, deviation)
        low, p = hill.low + first, np.convolve(hill.p, kernel)
        between, stays = _BETWEEN * deviation, math.exp(-h / setting.service.mean)
        low, p = _drawn(low, p, self.base + between * (1 - stays), stays)
        if math.isinf(setting.q):
            return low, p, 0.0
        top = self.base + max(setting.q / self.cell - between, 0.0)
        low, p, over = _cut(low, p, top)
        return low, p, over * self.cell


def _kernel(mean: float, deviation: float) -> tuple[int, Floats]:
    """Return the first state and the probabilities of a normal step: its integrals over hats, which keep the mean."""
    deviation = math.sqrt(max(deviation * deviation - _HAT, 1e-6))
    first, last = math.floor(mean - _FAR * deviation) - 1, math.ceil(mean + _FAR * deviation) + 1
    z = (np.arange(first - 1, last + 2) - mean) / deviation
    ramp = z * normal_below(np.asarray(z, dtype=float)) + np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    hats = np.maximum(np.diff(ramp, 2), 0) * deviation
    return first, hats / hats.sum()


def _drawn(low: int, p: Floats, b: float, stays: float) -> tuple[int, Floats]:
    """Return the probabilities when each state below b is as far from it as `stays` of before."""
    below = min(math.ceil(b) - low, len(p))
    if below <= 0:
        return low, p
    at = np.maximum(b + (np.arange(low, low + below) - b) * stays, 0.0)
    return _moved(int(at[0]), at, p[:below], low + below, p[below:])


def _cut(low: int, p: Floats, top: float) -> tuple[int, Floats, float]:
    """Return the probabilities when no state is above the top, and how far above it they were on average."""
    within = max(math.floor(top) + 1 - low, 0)
    if within >= len(p):
        return low, p, 0.0
    above = p[within:]
    over = float((np.arange(low + within, low + len(p)) - top) @ above)
    low, p = _moved(min(low, math.floor(top)), np.full(len(above), top), above, low, p[:within])
    return low, p, over


def _moved(first: int, at: Floats, p: Floats, low: int, rest: Floats) -> tuple[int, Floats]:
    """Return the probabilities p at places between the states, and the rest from state `low` on, together."""
    whole = at.astype(int)
    share = at - whole
    first = min(first, int(whole[0]))
    size = max(int(whole[-1]) + 2, low + len(rest)) - first
    found = np.zeros(size)
    found += np.bincount(whole - first, p * (1 - share), size) + np.bincount(whole - first + 1, p * share, size)
    found[low - first : low - first + len(rest)] += rest
    return first, found
