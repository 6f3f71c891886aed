"""From the sums of batches to the quantities of a Simulation."""

from __future__ import annotations

import math

from forebay.theory.laws import Law
from forebay.theory.simulation.estimate import Estimate, of_ratio
from forebay.theory.simulation.rules import Rules
from forebay.theory.simulation.tally import Batches, Sum


def of_customers(batches: Batches, rules: Rules, service: Law) -> dict[str, Estimate | None]:
    """Return what customers meet, by the names of a Solution: loss, abandoned, p_wait, W, Wq.

    Where work may be broken off, the wait is what the mean work leaves of the whole time; how many waited is not told.

    Arguments:
        service: the law of the work.
    """
    broken_off = interrupted(rules)
    waited = batches.sums[:, Sum.WAIT]
    if broken_off:
        waited = batches.sums[:, Sum.SOJOURN] - service.mean * batches.sums[:, Sum.SERVED]
    return {
        "loss": batches.share(Sum.LOST, Sum.CAME),
        "abandoned": batches.share(Sum.ABANDONED, Sum.CAME),
        "p_wait": None if broken_off else batches.share(Sum.WAITED, Sum.ACCEPTED),
        "W": batches.ratio(Sum.SOJOURN, Sum.ACCEPTED).within(0.0, math.inf),
        "Wq": of_ratio(waited, batches.sums[:, Sum.ACCEPTED]).within(0.0, math.inf),
    }


def of_steady_state(batches: Batches, rules: Rules, service: Law) -> dict[str, Estimate | None]:
    """Return all quantities of a steady state by their names; L = λW, with both of the same batches.

    In L and Lq are also those between two attempts, whether they find a place in the end or give up.
    Where workers stand still with work in hand, utilisation is by the mean work.
    """
    span = batches.sums[:, Sum.SPAN]
    customers = of_customers(batches, rules, service)
    worked = batches.sums[:, Sum.WORK]
    if rules.breaking or rules.preemptive:
        worked = batches.sums[:, Sum.SERVED] * service.mean
    busy = of_ratio(worked, span)
    stayed = batches.sums[:, Sum.SOJOURN] + batches.sums[:, Sum.GIVEN_UP]
    waited = batches.sums[:, Sum.WAIT] + batches.sums[:, Sum.GIVEN_UP]
    if interrupted(rules):
        waited = stayed - worked
    return customers | {
        "arrival_rate": batches.ratio(Sum.CAME, Sum.SPAN),
        "throughput": batches.ratio(Sum.SERVED, Sum.SPAN),
        "utilization": busy if math.isinf(rules.workers) else busy.times(1 / rules.workers).within(0.0, 1.0),
        "L": of_ratio(stayed, span).within(0.0, math.inf),
        "Lq": of_ratio(waited, span).within(0.0, math.inf),
    }


def interrupted(rules: Rules) -> bool:
    """Return whether work may be broken off, so that its last beginning does not say when the wait ended."""
    return rules.preemptive or (rules.breaking and rules.redelivery is not None)


def decisive(batches: Batches, rules: Rules) -> str:
    """Return the quantity whose interval says when it is enough: the wait, if anybody waits, else the loss, else W."""
    if interrupted(rules):
        return "W"
    if batches.total(Sum.WAITED) and rules.q > 0:
        return "Wq"
    return "loss" if batches.total(Sum.LOST) else "W"
