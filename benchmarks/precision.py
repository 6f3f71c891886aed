"""The mean wait of M/M/1 at 90 % to within 1 %, the whole call: random numbers, engine, warm-up, percentiles, interval.

The peers have no interval to stop at; theirs is the time for as many customers at the speed of a part of them.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping

from benchmarks.alternation import alternate
from benchmarks.peers import ciw_queue, simpy_queue
from forebay.theory import Exponential, System, simulate

SYSTEM = System(Exponential(1 / 0.9), Exponential(1.0))
CUSTOMERS = 17_000_000
"""What an interval of 1 % takes by the asymptotic variance of the wait (D. J. Daley, 1968); ours stops by itself."""
FIGURE = "seconds to within 1 %"
SPEED = "thousand customers a second"


def main(rounds: int, seconds: float) -> None:
    simulate(SYSTEM, precision=0.5)  # what is compiled is kept for the next time
    seeds = itertools.count(1)
    contenders = {
        "simulate": lambda: _ours(next(seeds)),
        "SimPy": lambda: _peer(simpy_queue.run, min(seconds, 1.0)),
        "Ciw": lambda: _peer(ciw_queue.run, min(seconds, 1.0)),
    }
    alternate(contenders, rounds, SPEED)


def _ours(seed: int) -> Mapping[str, float]:
    begin = time.perf_counter()
    found = simulate(SYSTEM, precision=0.01, seed=seed)
    passed = time.perf_counter() - begin
    assert found.reached
    return {FIGURE: passed, SPEED: (found.customers + found.warmup) / passed / 1000}


def _peer(run: Callable[[System, int], int], seconds: float) -> Mapping[str, float]:
    begin = time.perf_counter()
    speed = run(SYSTEM, int(60_000 * seconds)) / (time.perf_counter() - begin)
    return {FIGURE: CUSTOMERS / speed, SPEED: speed / 1000}
