"""Instants of arrival, block by block: by a law of the gaps, by a load S(t), by a Markov chain, or as measured."""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from forebay.errors import UsageError
from forebay.theory.laws import Deterministic, Exponential, Law
from forebay.theory.path import Seconds
from forebay.theory.simulation.draws import QUANTUM, Purpose, Seed
from forebay.theory.simulation.inversion import Inverse
from forebay.theory.system import Markovian, System, Trace, Varying

_PHASES = 1024
"""Phases of bursts that are drawn at a time."""

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
    start, moving = _stationary(D0 + D1), D0 + np.diag(rates)
    if not (D1 - np.diag(np.diag(D1))).any() and (moving.sum(axis=1) > 0).all():
        return _modulated(moving, np.diag(D1), start, seed)
    walk = _walk(rates, moves, start, seed)

    def fill(out: Seconds) -> int:
        out[:] = np.fromiter((t for t, _ in walk), np.float64, len(out))
        return len(out)

    return fill


def _modulated(moving: Seconds, speeds: Seconds, start: Seconds, seed: Seed) -> Instants:
    """MMPP: arrivals of rate 1 through the inverse of Λ, which rises with the speed of the phase it is in."""
    unit = _renewal(Exponential(1.0), seed)
    phases = _walk(moving.sum(axis=1), np.hstack([np.zeros_like(moving), moving]), start, seed)
    end = top = 0.0
    stretches = np.zeros((3, 0))  # where each begins: t, Λ; and its speed

    def follow() -> None:
        nonlocal end, top, stretches
        ends, states = (np.array(column) for column in zip(*itertools.islice(phases, _PHASES), strict=True))
        begins, speed = np.append(end, ends[:-1]), speeds[states]
        levels = top + np.append(0.0, np.cumsum(speed * (ends - begins)))
        stretches = np.hstack([stretches, [begins, levels[:-1], speed]])
        end, top = float(ends[-1]), float(levels[-1])

    def fill(out: Seconds) -> int:
        nonlocal stretches
        unit(out)
        while len(out) and top < out[-1]:
            follow()
        at = np.searchsorted(stretches[1], out) - 1
        t, level, speed = stretches[:, at]
        np.add(t, (out - level) / speed, out=out)
        stretches = stretches[:, at[-1] :] if len(at) else stretches
        return len(out)

    return fill


def _walk(rates: Seconds, moves: Seconds, start: Seconds, seed: Seed) -> Iterator[tuple[float, int]]:
    """Yield the instants at which the chain moves with an arrival, and the state it leaves.

    It begins in its steady state. moves: rates of the moves without and, in the right half, with an arrival.
    """
    m = len(rates)
    ladders = [list(row) for row in np.cumsum(moves / rates[:, None], axis=1)]
    means = [float(1 / rate) for rate in rates]
    state = min(bisect.bisect(list(np.cumsum(start)), seed.generator(Purpose.START).random()), m - 1)
    stays, shares = seed.times(Exponential(1.0), Purpose.STAYS), seed.shares(Purpose.PHASES)
    stay, share = np.empty(QUANTUM), np.empty(QUANTUM)
    t = 0.0
    while True:
        stays(stay)
        shares(share)
        for e, u in zip(stay.tolist(), share.tolist(), strict=True):
            t += e * means[state]
            move = min(bisect.bisect(ladders[state], u), 2 * m - 1)
            if move >= m:
                yield t, state
            state = move % m


def _stationary(D: Seconds) -> Seconds:
    """Return the shares of time of a chain with these rates: π D = 0, Σπ = 1."""
    m = len(D)
    found, *_ = np.linalg.lstsq(np.vstack([D.T, np.ones(m)]), np.append(np.zeros(m), 1.0))
    return np.asarray(np.clip(found, 0.0, None))
