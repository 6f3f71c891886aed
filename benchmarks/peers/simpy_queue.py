"""SimPy as its guide has it: a process for each customer, a resource for the workers; the waits are kept."""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import Any

import simpy

from forebay.theory.system import System


def run(system: System, customers: int) -> int:
    """Simulate so many customers, FIFO or with two priorities, and return how many were served."""
    waits: list[float] = []
    environment = simpy.Environment()
    resource = simpy.PriorityResource if system.classes else simpy.Resource
    workers = resource(environment, capacity=int(system.n))
    environment.process(_arrivals(environment, workers, system, customers, waits, random.Random(1)))
    environment.run()
    return len(waits)


def _arrivals(
    environment: simpy.Environment,
    workers: Any,
    system: System,
    customers: int,
    waits: list[float],
    draw: random.Random,
) -> Generator[simpy.Event]:
    rate = 1 / system.arrivals.mean  # type: ignore[union-attr]
    for _ in range(customers):
        yield environment.timeout(draw.expovariate(rate))
        words = {"priority": draw.randrange(2)} if system.classes else {}
        environment.process(_customer(environment, workers, words, draw.expovariate(1 / system.service.mean), waits))


def _customer(
    environment: simpy.Environment, workers: Any, words: dict[str, int], work: float, waits: list[float]
) -> Generator[simpy.Event]:
    came = environment.now
    with workers.request(**words) as request:
        yield request
        waits.append(environment.now - came)
        yield environment.timeout(work)
