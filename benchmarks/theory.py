"""Customers simulated in a second of one processor, random numbers included: our engine, compiled and pure, SimPy, Ciw.

Each is one thread that only computes, so the time of the processor is taken: others on the machine disturb it less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.alternation import alternate
from benchmarks.peers import ciw_queue, simpy_queue
from forebay.disciplines import Discipline
from forebay.load.profiles.notation import parse
from forebay.theory.laws import Exponential
from forebay.theory.simulation.draws import Seed
from forebay.theory.simulation.engine import BLOCK, open_engine
from forebay.theory.simulation.feed import Feed
from forebay.theory.simulation.rules import Rules
from forebay.theory.system import Class, Retrying, System, Varying

FIGURE = "thousand customers a second"
LOAD = 0.9


@dataclass(frozen=True)
class Question:
    """A system, and whether the peers have it."""

    name: str
    system: System
    simpy: bool = True
    ciw: bool = True


def questions() -> Iterator[Question]:
    for n in (1, 3, 10):
        yield Question(f"M/M/{n}", _markovian(n))
    yield Question("M/M/3/8", replace(_markovian(3), q=8), simpy=False)
    yield Question("M/M/3 LIFO", replace(_markovian(3), discipline=Discipline.LIFO), simpy=False)
    yield Question("M/M/3 random", replace(_markovian(3), discipline=Discipline.RANDOM), simpy=False)
    classes = (Class(0.45, Exponential(1.0)), Class(0.45, Exponential(1.0)))
    priority = replace(_markovian(1), discipline=Discipline.PRIORITY, classes=classes)
    yield Question("M/M/1 two priorities", priority)
    sine = Varying(parse("sine(0, 100, 60s)", 1e12))
    yield Question("M/M/10 sine", System(sine, Exponential(0.1), n=10), simpy=False, ciw=False)
    yield Question("M/M/3 impatient", replace(_markovian(3), patience=Exponential(3.0)), simpy=False, ciw=False)
    retrying = replace(_markovian(3), q=0, retrying=Retrying(Exponential(1.0)), arrivals=Exponential(1 / 1.5))
    yield Question("M/M/3/0 retrying", retrying, simpy=False, ciw=False)


def _markovian(n: int) -> System:
    return System(Exponential(1 / (LOAD * n)), Exponential(1.0), n=n)


def main(rounds: int, seconds: float) -> None:
    for question in questions():
        print(f"\n{question.name}")
        alternate(dict(_contenders(question, min(seconds, 1.0))), rounds, FIGURE)


def _contenders(question: Question, seconds: float) -> Iterator[tuple[str, Callable[[], Mapping[str, float]]]]:
    system = question.system
    yield "compiled", lambda: _ours(system, seconds, compiled=True)
    yield "pure Python", lambda: _ours(system, seconds, compiled=False)
    if question.simpy:
        yield "SimPy", lambda: _peer(simpy_queue.run, system, seconds)
    if question.ciw:
        yield "Ciw", lambda: _peer(ciw_queue.run, system, seconds)


def _ours(system: System, seconds: float, *, compiled: bool) -> Mapping[str, float]:
    """Feed blocks until the time is over; the first block is not counted, nor what was compiled for it."""
    feed, rules = Feed(system, Seed(1)), Rules.of(system)
    engine = open_engine(rules, feed.streams(), compiled=compiled)
    _feed(feed, engine)
    customers, begin = 0, time.process_time()
    while time.process_time() < begin + seconds:
        customers += _feed(feed, engine)
    return {FIGURE: customers / (time.process_time() - begin) / 1000}


def _feed(feed: Feed, engine: Any) -> int:
    batch = feed.next(BLOCK)
    engine.feed(batch.T, batch.S, batch.patience, batch.priority)
    return len(batch)


def _peer(run: Callable[[System, int], int], system: System, seconds: float) -> Mapping[str, float]:
    begin = time.process_time()
    customers = run(system, int(60_000 * seconds))
    return {FIGURE: customers / (time.process_time() - begin) / 1000}
