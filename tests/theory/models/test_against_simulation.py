"""Formulas against queues that are simulated here, customer by customer, with fixed seeds."""

import heapq
import math

import numpy as np
import pytest

from forebay.theory import (
    Deterministic,
    Erlang,
    Exponential,
    Hyperexponential,
    Markovian,
    Samples,
    System,
    Uniform,
    solve,
)

CUSTOMERS, BATCHES = 200_000, 40
SIGMAS = 4.5


def drawn(law, generator, count=CUSTOMERS):
    out = np.empty(count)
    law.draw(generator, out)
    return out


def fifo(gaps, works, n, q=math.inf):
    """The waits of those who find a place, in order."""
    free, waiting, waits, now = [0.0] * n, [], [], 0.0
    for gap, work in zip(gaps.tolist(), works.tolist(), strict=True):
        now += gap
        while waiting and waiting[0] <= now:
            heapq.heappop(waiting)
        start = max(now, free[0])
        if start > now and len(waiting) >= q:
            continue
        heapq.heapreplace(free, start + work)
        if start > now:
            heapq.heappush(waiting, start)
        waits.append(start - now)
    return np.array(waits[len(waits) // 20 :])


def close(samples, expected):
    """Whether the mean of a dependent series is what is expected, by means of batches."""
    means = np.array([batch.mean() for batch in np.array_split(samples, BATCHES)])
    error = means.std(ddof=1) / math.sqrt(BATCHES)
    assert abs(means.mean() - expected) <= SIGMAS * error + 1e-3 * expected + 1e-9


def compare(system, gaps, generator):
    got = solve(system)
    waits = fifo(gaps, drawn(system.service, generator), int(system.n), system.q)
    close(waits, got.Wq)
    close((waits > 0).astype(float), got.p_wait)
    for t in (0.3, 1.0, 3.0):
        close((waits > t).astype(float), got.wait_tail(t))
    if math.isfinite(system.q):
        assert 1 - len(waits) / 0.95 / CUSTOMERS == pytest.approx(got.loss, abs=0.006)


MEASURED = Samples.of([0.1, 0.3, 0.3, 0.8, 1.0, 3.5])


@pytest.mark.parametrize(
    ("arrivals", "service", "n", "q"),
    [
        (Exponential(1 / 0.7), Uniform(1.0), 1, math.inf),
        (Exponential(1 / 0.7), MEASURED, 1, math.inf),
        (Exponential(1 / 0.9), MEASURED, 1, 4),
        (Exponential(1 / 0.9), Deterministic(1.0), 1, 3),
        (Exponential(1 / 1.1), Uniform(1.0), 1, 2),
        (Exponential(1 / 2.4), Deterministic(1.0), 3, math.inf),
        (Exponential(1 / 2.4), Erlang(1.0, 3), 3, math.inf),
        (Exponential(1 / 2.4), Hyperexponential(1.0, 4.0), 3, 5),
        (Uniform(1 / 2.4), Exponential(1.0), 3, math.inf),
        (MEASURED.with_mean(1 / 2.4), Exponential(1.0), 3, 4),
        (Deterministic(1 / 0.8), Exponential(1.0), 1, 6),
        (Erlang(1 / 1.6, 2), Hyperexponential(1.0, 3.0), 2, math.inf),
        (Hyperexponential(1 / 1.6, 3.0), Erlang(1.0, 2), 2, 3),
    ],
    ids=lambda x: x.letter if hasattr(x, "letter") else str(x),
)
def test_the_exact_formulas_are_what_happens(arrivals, service, n, q):
    generator = np.random.default_rng(20_261_121)
    system = System(arrivals, service, n, q)
    assert solve(system).exact
    compare(system, drawn(arrivals, generator), generator)


def on_off(generator, rate, stay, count):
    """Gaps of arrivals that come at `rate` for an exponential while, and then not for another."""
    ends = generator.exponential(stay, size=2 * count // 3)
    instants, now = [], 0.0
    for on, off in zip(ends[::2], ends[1::2], strict=False):
        instants.append(now + np.sort(generator.random(generator.poisson(rate * on))) * on)
        now += on + off
    return np.diff(np.concatenate(instants), prepend=0.0)[:count]


@pytest.mark.parametrize(("n", "q"), [(1, math.inf), (2, math.inf), (2, 6)])
def test_bursts_are_what_happens(n, q):
    generator = np.random.default_rng(11)
    burst = Markovian(((-2.5, 0.5), (0.5, -0.5)), ((2.0, 0.0), (0.0, 0.0)))
    system = System(burst, Exponential(0.7 * n), n, q)
    compare(system, on_off(generator, 2.0, 2.0, CUSTOMERS), generator)
