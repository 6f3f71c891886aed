"""Instants of arrival, block by block: by a law of the gaps, by a load S(t), by a Markov chain, or as measured."""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator

import numpy as np

from forebay.errors import UsageError
from forebay.theory.laws import Deterministic, Exponential, Law
from forebay.theory.path import Seconds
from forebay.theory.simulation.draws import QUANTUM, Purpose, Seed
from forebay.theory.simulation.inversion import Inverse
from forebay.theory.system import Markovian, System, Trace, Varying

Instants = Callable[[Seconds], int]
"""Fills an array with the next instants, seconds, not falling; returns how many there were: fewer at the end."""


def instants(system: System, seed: Seed) -> Instants:
    """Return who comes to an open system: first its backlog, at 0, then batches as its arrivals say.

    Raises:
        UsageError: a law without draws, a load with a negative rate, matrices that are not those of a MAP.
    """
    found = _coming(system, seed)
    if system.batch > 1:
        found = _together(found, system.batch)
    return _behind_backlog(found, system.backlog) if system.backlog else found


def _coming(system: System, seed: Seed) -> Instants:
    coming = system.arrivals
    if isinstance(coming, Deterministic):
        return _clock(coming.mean)
    if isinstance(coming, Law):
        return _renewal(coming, seed)
    if isinstance(coming, Varying):
        return _varying(coming, seed)
    return _measured(coming) if isinstance(coming, Trace) else _markovian(coming, seed)


def _clock(tick: float) -> Instants:
    """The k-th comes at k ticks, the first one at 0; nothing drifts."""
    k = 0

    def fill(out: Seconds) -> int:
        nonlocal k
        out[:] = np.arange(k, k + len(out))
        out *= tick
        k += len(out)
        return len(out)

    return fill


def _renewal(law: Law, seed: Seed) -> Instants:
    draws = seed.times(law, Purpose.ARRIVALS)
    last = 0.0

    def fill(out: Seconds) -> int:
        nonlocal last
        if len(out):
            draws(out)
            out[0] += last
            np.cumsum(out, out=out)
            last = float(out[-1])
        return len(out)

    return fill


def _varying(coming: Varying, seed: Seed) -> Instants:
    """Put unit-rate arrivals, random or by a clock, through the inverse of Λ; a load that ends ends them."""
    inverse = Inverse.of(coming.load)
    unit = _renewal(Exponential(1.0), seed) if coming.poisson else _clock(1.0)

    def fill(out: Seconds) -> int:
        unit(out)
        out[:] = inverse(out)
        return int(np.searchsorted(out, np.inf))

    return fill


def _measured(trace: Trace) -> Instants:
    kept = np.asarray(trace.instants, dtype=np.float64)
    done = 0

    def fill(out: Seconds) -> int:
        nonlocal done
        part = kept[done : done + len(out)]
        out[: len(part)] = part
        done += len(part)
        return len(part)

    return fill


def _together(single: Instants, batch: int) -> Instants:
    """Let `batch` come at each instant."""
    instant, left = np.zeros(1), 0

    def fill(out: Seconds) -> int:
        nonlocal left
        begun = min(left, len(out))
        out[:begun] = instant
        left -= begun
        fresh = np.empty(-(-(len(out) - begun) // batch))
        fresh = fresh[: single(fresh)]
        size = min(len(fresh) * batch, len(out) - begun)
        out[begun : begun + size] = np.repeat(fresh, batch)[:size]
        if len(fresh):
            instant[0], left = fresh[-1], len(fresh) * batch - size
        return begun + size

    return fill


def _behind_backlog(later: Instants, backlog: int) -> Instants:
    """Let `backlog` customers stand there at 0."""
    left = backlog

    def fill(out: Seconds) -> int:
        nonlocal left
        there = min(left, len(out))
        left -= there
        out[:there] = 0.0
        return there + later(out[there:])

    return fill


def _markovian(coming: Markovian, seed: Seed) -> Instants:
    D0, D1 = np.array(coming.D0, dtype=np.float64), np.array(coming.D1, dtype=np.float64)
    rates = -np.diag(D0)
    moves = np.hstack([D0 + np.diag(rates), D1])
    fits = moves.shape == (len(rates), 2 * len(rates)) and (moves >= 0).all() and (rates > 0).all()
    if not (fits and np.allclose(moves.sum(axis=1), rates) and D1.any()):
        raise UsageError(f"{coming.name} is not a MAP", "D0 + D1 has rows that sum to 0, and only D0 is negative")
    walk = _walk(rates, moves, _stationary(D0 + D1), seed)

    def fill(out: Seconds) -> int:
        out[:] = np.fromiter(walk, np.float64, len(out))
        return len(out)

    return fill


def _walk(rates: Seconds, moves: Seconds, start: Seconds, seed: Seed) -> Iterator[float]:
    """Yield the instants at which the chain moves with an arrival; it begins in its steady state."""
    m = len(rates)
    ladders = [list(row) for row in np.cumsum(moves / rates[:, None], axis=1)]
    means = [float(1 / rate) for rate in rates]
    state = min(bisect.bisect(list(np.cumsum(start)), seed.generator(Purpose.START).random()), m - 1)
    stays, shares = seed.times(Exponential(1.0), Purpose.ARRIVALS), seed.shares(Purpose.PHASES)
    stay, share = np.empty(QUANTUM), np.empty(QUANTUM)
    t = 0.0
    while True:
        stays(stay)
        shares(share)
        for e, u in zip(stay.tolist(), share.tolist(), strict=True):
            t += e * means[state]
            move = min(bisect.bisect(ladders[state], u), 2 * m - 1)
            state = move % m
            if move >= m:
                yield t


def _stationary(D: Seconds) -> Seconds:
    """Return the shares of time of a chain with these rates: π D = 0, Σπ = 1."""
    m = len(D)
    found, *_ = np.linalg.lstsq(np.vstack([D.T, np.ones(m)]), np.append(np.zeros(m), 1.0))
    return np.asarray(np.clip(found, 0.0, None))
