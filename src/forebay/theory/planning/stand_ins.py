"""What is taken where nobody solves the equations of a wave, beside the plan: to be compared, not to plan by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forebay.errors import UsageError
from forebay.theory.planning.outlook import Outlook
from forebay.theory.planning.promises import Promise, Quantity
from forebay.theory.varying.evolution import Evolution
from forebay.theory.varying.evolving import EVENTS
from forebay.theory.varying.stand_ins import modified_offered_load, pointwise

_ALL = (("pointwise", pointwise), ("modified offered load", modified_offered_load))


@dataclass(frozen=True, slots=True)
class StandIn:
    """What a steady state for each moment would have said of the promised quantities.

    Arguments:
        values: by the name of the promise; empty where `why` says that there is no steady state.
    """

    name: str
    values: Mapping[str, float]
    why: str = ""


def stand_ins(outlook: Outlook, promises: Sequence[Promise]) -> tuple[StandIn, ...]:
    """Return them beside the equations of a load that repeats; for another, and beside the fluid, there are none."""
    demand, n, q, answer = outlook.demand, outlook.n, outlook.q, outlook.answer
    if demand.seconds is None or not demand.periodic:
        return ()
    if not isinstance(answer, Evolution) or answer.setting.events > EVENTS:
        return ()  # a steady state of so many states, for each moment, would take minutes
    told = [promise for promise in promises if promise.quantity is not Quantity.DRAINED]  # by the fluid model, for all
    found = []
    for name, formula in _ALL:
        try:
            other = Outlook(demand, n, q, formula(demand.load, demand.service, n, q, seconds=demand.seconds))
        except UsageError as error:
            found.append(StandIn(name, {}, str(error)))
        else:
            found.append(StandIn(name, {promise.name: other.value(promise) for promise in told}))
    return tuple(found)
