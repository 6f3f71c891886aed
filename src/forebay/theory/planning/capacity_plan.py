"""A plan: workers and places, what they promise, and what one more or less would do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forebay.quantity import show_seconds
from forebay.theory.planning.outlook import Demand, Drain, Outlook
from forebay.theory.planning.promises import Promise, Quantity
from forebay.theory.planning.stand_ins import StandIn
from forebay.theory.result import Result, Row, finite
from forebay.theory.varying.evolution import Evolution

_HOURS_IN_A_MONTH = 730


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Other numbers of workers and places: every promised quantity by its name, and the promises they break.

    `growing` says that the backlog grows for ever, whether a promise forbids it or not.
    """

    n: int
    q: float
    values: Mapping[str, float]
    broken: tuple[Promise, ...]
    growing: bool = False


@dataclass(frozen=True)
class Plan(Result):
    """The fewest workers, and with them the fewest places, that keep all promises.

    Arguments:
        demand: what comes, as Poisson arrivals, and what the work is. promises: what is kept.
        n: workers. q: places; inf: no limit.
        outlook: what becomes of the demand with them, and the formula that says so.
        neighbours: one worker less and more, fewer and more places; the plan is among them.
        drain: the largest backlog of the fluid model, and how long it takes.
        square_root: workers by the square-root rule for the highest rate, with which one of five waits.
        unlevelled: workers that a service without a queue needs for the same loss (at most 0.1 %) at the highest rate.
        cost: of a worker, an hour; None: not told.
        instead: of a load that repeats, what steady states would have said in place of the formula.
    """

    demand: Demand
    promises: tuple[Promise, ...]
    n: int
    q: float
    outlook: Outlook
    neighbours: tuple[Neighbour, ...]
    drain: Drain
    square_root: int
    unlevelled: int
    cost: float | None = None
    instead: tuple[StandIn, ...] = ()

    @property
    def values(self) -> dict[str, float]:
        """The promised quantities, by name."""
        return {promise.name: self.outlook.value(promise) for promise in self.promises}

    @property
    def saved(self) -> float | None:
        """What levelling saves an hour against a service without a queue; None: the cost is not known."""
        return None if self.cost is None else self.cost * (self.unlevelled - self.n)

    def rows(self) -> Sequence[Row]:
        """Return what is told, in the order of reading; the neighbours are in `table`."""
        return [
            ("workers", f"{self.n}"),
            ("places", "no limit" if math.isinf(self.q) else f"{self.q:.0f}"),
            *((str(one), self._kept(one)) for one in self.promises),
            *self._state(),
            ("without a queue", f"{self.unlevelled} workers for the highest rate"),
            ("square-root rule", f"{self.square_root} workers, if one of five may wait at the highest rate"),
            *self._money(),
            *self._formula(),
            *self._instead(),
        ]

    def table(self) -> list[dict[str, Any]]:
        """Return the neighbours: a row each, the promised quantities in its columns."""
        return [
            {
                "workers": one.n,
                "places": "inf" if math.isinf(one.q) else f"{one.q:.0f}",
                **{promise.name: _shown(promise, one.values[promise.name]) for promise in self.promises},
                "breaks": ", ".join(map(str, one.broken)) or self._beside(one),
            }
            for one in self.neighbours
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return every field in a form that JSON can hold; what is infinite or unknown becomes None."""
        answer = self.outlook.answer
        form: dict[str, Any] = finite(
            {
                "workers": self.n,
                "places": self.q,
                "promises": [
                    {"promise": str(one), "value": value, "margin": one.margin(value)}
                    for one, value in zip(self.promises, self.values.values(), strict=True)
                ],
                "neighbours": [
                    {
                        "workers": one.n,
                        "places": one.q,
                        **one.values,
                        "breaks": [str(broken) for broken in one.broken],
                        "growing": one.growing,
                    }
                    for one in self.neighbours
                ],
                "exact": self.outlook.exact,
                "error": self.outlook.error,
                "arrivals": "poisson",
                "service": {"law": self.demand.service.letter, "mean": self.demand.service.mean},
                "periodic": self.demand.periodic,
                "seconds": self.demand.seconds,
                "fluid_peak_backlog": self.drain.peak,
                "fluid_peak_at": self.drain.at,
                "fluid_drained_seconds": self.drain.seconds,
                "square_root_workers": self.square_root,
                "unlevelled_workers": self.unlevelled,
                "cost_an_hour": None if self.cost is None else self.cost * self.n,
                "saved_an_hour": self.saved,
                "instead": {one.name: dict(one.values) or None for one in self.instead},
                "answer": answer.as_dict(),
            }
        )
        return form

    def _kept(self, promise: Promise) -> str:
        value = self.outlook.value(promise)
        return f"{_shown(promise, value)}, {promise.margin(value):.0%} of the limit is left"

    def _state(self) -> list[Row]:
        answer, rows = self.outlook.answer, [("utilisation", f"{self.outlook.answer.utilization:.1%}")]
        if math.isfinite(self.q) and not any(one.quantity is Quantity.LOSS for one in self.promises):
            rows.append(("lost", f"{answer.loss * 100:.4g}%, of which nothing is promised"))
        if isinstance(answer, Evolution) and self.demand.seconds is not None:
            peak = f"{answer.peak_backlog:,.0f} on average, below {answer.backlog(99):,.0f} in 99 of 100"
            rows.append(("backlog at the peak", f"{peak}; fluid {self.drain.peak:,.0f}"))
        if self.drain.peak:
            rows.append(("drained", f"{show_seconds(self.drain.seconds)} after the peak, by the fluid model"))
        return rows

    def _money(self) -> list[Row]:
        if self.cost is None:
            return []
        hour, saved = self.cost * self.n, self.saved or 0.0
        less = f"{saved:.2f} less" if saved >= 0 else f"{-saved:.2f} more"
        month = f"{hour:.2f} an hour, {hour * _HOURS_IN_A_MONTH:.0f} a month"
        return [("cost", f"{month}; {less} an hour than without a queue")]

    def _formula(self) -> list[Row]:
        assumed = f"Poisson arrivals (independent users), work {self.demand.service.letter}"
        if self.demand.seconds is not None:
            assumed += f", {'repeated for ever' if self.demand.periodic else 'once'}"
        rows = [("assumed", assumed), ("formula", self.outlook.answer.formula)]
        return rows if self.outlook.exact else [*rows, ("approximation", self.outlook.error)]

    def _instead(self) -> list[Row]:
        rows = []
        for one in self.instead:
            named = [promise for promise in self.promises if promise.name in one.values]
            told = ", ".join(f"{promise.name} {_shown(promise, one.values[promise.name])}" for promise in named)
            rows.append(("for comparison", f"{one.name}: {told or one.why}"))
        return rows

    def _beside(self, one: Neighbour) -> str:
        """Return what is said of a neighbour that breaks no promise."""
        if one.growing:
            return "grows for ever"
        return "<- the plan" if (one.n, one.q) == (self.n, self.q) else ""


def _shown(promise: Promise, value: float) -> str:
    return "unknown" if math.isnan(value) else promise.show(value)
