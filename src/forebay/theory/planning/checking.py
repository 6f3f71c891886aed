"""A plan against a simulation of it: the promised quantities, each with the interval that many customers give."""

from __future__ import annotations

from forebay.theory.laws import Exponential
from forebay.theory.planning.capacity_plan import Plan
from forebay.theory.planning.promises import Promise, Quantity
from forebay.theory.simulation.estimate import Estimate
from forebay.theory.simulation.simulate import simulate
from forebay.theory.simulation.simulation import Simulation
from forebay.theory.system import System, Varying

CUSTOMERS = 400_000
_FEWEST, _MOST = 40, 1000
"""Repetitions."""


def check(plan: Plan, *, seed: int = 1, customers: int = CUSTOMERS) -> dict[str, Estimate]:
    """Return what a simulation gives for the promised quantities that it measures, by their names.

    Arguments:
        customers: how many; a load that does not repeat is repeated until so many came, from 40 to 1000 times.
        seed: the same seed gives the same numbers.
    """
    demand = plan.demand
    load, once = demand.load, demand.seconds is not None and not demand.periodic
    arrivals = Exponential(1 / load) if isinstance(load, int | float) else Varying(load)
    came = demand.mean_rate * (demand.seconds or 1.0)
    found = simulate(
        System(arrivals, demand.service, plan.n, plan.q, backlog=demand.backlog),
        precision=None,
        customers=None if once else customers,
        seconds=demand.seconds if once else None,
        replications=min(_MOST, max(_FEWEST, round(customers / came))) if once else None,
        seed=seed,
    )
    measured = {promise.name: _measured(found, promise) for promise in plan.promises}
    return {name: estimate for name, estimate in measured.items() if estimate is not None}


def _measured(found: Simulation, promise: Promise) -> Estimate | None:
    if promise.quantity is Quantity.LOSS:
        return found.loss
    if promise.quantity is Quantity.UTILISATION:
        return found.utilization
    if promise.quantity is Quantity.WAIT:
        return found.Wq if promise.percent is None else found.wait(promise.percent)
    if promise.quantity is Quantity.SOJOURN:
        return found.W if promise.percent is None else found.sojourn(promise.percent)
    return None
