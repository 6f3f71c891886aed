"""Ciw as its guide has it: a network of one node, simulated until so many have left."""

from __future__ import annotations

import math

import ciw

from forebay.disciplines import Discipline
from forebay.theory.system import System

ORDERS = {
    Discipline.FIFO: ciw.disciplines.FIFO,
    Discipline.LIFO: ciw.disciplines.LIFO,
    Discipline.RANDOM: ciw.disciplines.SIRO,
    Discipline.PRIORITY: ciw.disciplines.FIFO,
}


def run(system: System, customers: int) -> int:
    """Simulate so many customers, and return how many."""
    ciw.seed(1)
    rate, mean = 1 / system.arrivals.mean, system.service.mean  # type: ignore[union-attr]
    names = [f"class {k}" for k in range(max(1, len(system.classes)))]
    network = ciw.create_network(
        arrival_distributions={name: [ciw.dists.Exponential(rate / len(names))] for name in names},
        service_distributions={name: [ciw.dists.Exponential(1 / mean)] for name in names},
        number_of_servers=[int(system.n)],
        queue_capacities=[system.q if math.isinf(system.q) else int(system.q)],
        service_disciplines=[ORDERS[system.discipline]],
        priority_classes={name: k for k, name in enumerate(names)},
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(customers, method="Arrive")
    return customers
