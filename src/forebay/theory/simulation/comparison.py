"""A simulation beside a formula: two hands that must agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forebay.theory.result import Result, Row, finite
from forebay.theory.simulation.estimate import Estimate
from forebay.theory.simulation.simulation import NAMES, QUANTITIES, RARE, TIMES, UNITS, Simulation
from forebay.theory.simulation.wave import show
from forebay.theory.solution import PERCENTILES, Solution


@dataclass(frozen=True, slots=True)
class Compared:
    """One quantity, twice.

    Arguments:
        name: a field of Solution, or ``wait p99``. formula: what the formula says, in the same unit.
        widths: how far the simulation is off, in halves of its interval: 19 of 20 are within 1; None: it has none.
    """

    name: str
    simulated: Estimate
    formula: float
    widths: float | None


@dataclass(frozen=True, slots=True)
class Comparison(Result):
    """A simulation with the formula beside every quantity that both know.

    Arguments:
        simulation, solution: of the same system, each with a steady state.
        percentiles: those of wait and sojourn to be compared.
    """

    simulation: Simulation
    solution: Solution
    percentiles: tuple[float, ...] = PERCENTILES

    @property
    def compared(self) -> tuple[Compared, ...]:
        """What both know."""
        hands = (self.simulation, self.solution)
        pairs = [(name, *(getattr(hand, name) for hand in hands)) for name in QUANTITIES]
        for time in TIMES:
            pairs += [(f"{time} p{p:g}", *(getattr(hand, time)(p) for hand in hands)) for p in self.percentiles]
        known = [(name, a, b) for name, a, b in pairs if None not in (a, b) and not math.isnan(a.value)]
        return tuple(Compared(name, a, float(b), _widths(a, b)) for name, a, b in known)

    def as_dict(self) -> dict[str, Any]:
        """Return the simulation in a form that JSON can hold, with the comparison as its last field."""
        rows = {one.name: {"formula": one.formula, "widths": one.widths} for one in self.compared}
        beside = {"formula": self.solution.formula, "exact": self.solution.exact, "quantities": rows}
        return self.simulation.as_dict(self.percentiles) | {"comparison": finite(beside)}

    def rows(self) -> Sequence[Row]:
        """Return simulated values, the formula's, and the difference in halves of the interval."""
        shown = [one for one in self.compared if one.simulated.value or one.formula or one.name not in RARE]
        cells = [("", "simulated", "formula", "off by"), *(_cells(one) for one in shown)]
        widths = [max(len(row[i]) for row in cells) for i in (1, 2)]
        table = [(name, f"{a.ljust(widths[0])}  {b.ljust(widths[1])}  {c}".rstrip()) for name, a, b, c in cells]
        covered = {NAMES.get(one.name, one.name.split(" ")[0]) for one in self.compared}
        head, *rest = self.simulation.rows(self.percentiles)
        foot = [("formula", self.solution.formula), *([] if self.solution.exact else [("", self.solution.error)])]
        return [head, *table, *(row for row in rest if row[0] not in covered), *foot]


def _cells(one: Compared) -> tuple[str, str, str, str]:
    unit = UNITS.get(one.name, "s" if one.name.startswith(TIMES) else "")
    off = "" if one.widths is None else f"{one.widths:+.1f} half-widths"
    return NAMES.get(one.name, one.name), show(one.simulated, unit), show(Estimate(*[one.formula] * 3), unit), off


def _widths(simulated: Estimate, formula: float) -> float | None:
    half = simulated.half
    return (simulated.value - formula) / half if half and math.isfinite(half) else None
