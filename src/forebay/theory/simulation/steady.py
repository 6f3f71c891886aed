"""A system that goes on and on: its steady state, from one long run without its beginning."""

from __future__ import annotations

import dataclasses
from typing import Any

from forebay.theory.simulation.block import Block, Overgrown
from forebay.theory.simulation.draws import QUANTUM
from forebay.theory.simulation.effort import Effort
from forebay.theory.simulation.estimate import NOTHING, Estimate
from forebay.theory.simulation.quantities import decisive, of_steady_state
from forebay.theory.simulation.rules import Rules
from forebay.theory.simulation.run import Run
from forebay.theory.simulation.tally import Batches, Sum, Tally
from forebay.theory.system import System

_FIRST_LOOK = 2 * QUANTUM
_CROWD = 0.05
"""More of all customers than this still inside: the system may not keep up."""
_AS_LARGE = 0.9


class Growing(Exception):
    """No steady state was seen: customers gather."""


class Steady:
    """The steady state of a system, followed until it is known well enough.

    Arguments:
        of: the quantity that decides; None: chosen by what happens.
    """

    def __init__(self, system: System, rules: Rules, run: Run, effort: Effort, of: str | None) -> None:
        self._system, self._rules, self._run, self._effort, self._of = system, rules, run, effort, of
        self._tally = Tally(losses=rules.q == 0 and not rules.retry_share)
        self._classes = [Tally() for _ in system.classes]
        self._share_inside = 0.0

    def fields(self) -> dict[str, Any]:
        """Run, and return the fields of the Simulation.

        Raises:
            Growing: more and more customers gather.
        """
        came, look, reached = 0, min(_FIRST_LOOK, self._effort.most), False
        while not reached and not self._effort.out(came):
            fresh = self._step(min(QUANTUM, self._effort.most - came))
            came += fresh
            if came >= look or not fresh:
                reached, estimate = self._look(came)
                look = self._effort.next_look(came, estimate)
            if not fresh:
                break
        return self._told(reached)

    def _step(self, size: int) -> int:
        try:
            fresh, block = self._run.step(size)
        except Overgrown as error:
            raise Growing from error
        self._tally.add(block)
        for k, tally in enumerate(self._classes):
            tally.add(_of_class(block, k))
        return fresh

    def _look(self, came: int) -> tuple[bool, Estimate]:
        batches = self._tally.batches()
        estimate = NOTHING if batches is None else self._decisive(batches)[1]
        self._effort.tell(came, estimate)
        self._crowded(came)
        return batches is not None and batches.independent and self._effort.enough(estimate), estimate

    def _crowded(self, came: int) -> None:
        """Raise Growing when a good part of all who came is still inside, and no smaller one than at the last look."""
        share = self._run.inside / came
        if share > _CROWD and self._run.inside > QUANTUM and share >= _AS_LARGE * self._share_inside > 0:
            raise Growing
        self._share_inside = share

    def _decisive(self, batches: Batches) -> tuple[str, Estimate]:
        name = self._of or decisive(batches, self._rules)
        found = of_steady_state(batches, self._rules, self._system.service)[name]
        return name, found or NOTHING

    def _told(self, reached: bool) -> dict[str, Any]:
        batches = self._tally.batches()
        if batches is None:
            note = "the run is too short to tell its warm-up from its steady state: nothing is said of it"
            return {"customers": 0, "warmup": self._tally.came, "batches": 0, "of": self._of or "W", "notes": (note,)}
        found: dict[str, Any] = of_steady_state(batches, self._rules, self._system.service)
        name, _ = self._decisive(batches)
        notes = () if batches.independent else ("the batches are still correlated: the intervals are too narrow",)
        return found | {
            **_size(batches),
            "of": name,
            "reached": reached,
            "times": batches,
            "notes": notes,
            "parts": self._parts(),
        }

    def _parts(self) -> tuple[tuple[str, dict[str, Any]], ...]:
        parts = []
        for k, (one, tally) in enumerate(zip(self._system.classes, self._classes, strict=True)):
            batches = tally.batches()
            if batches is not None:
                rules = self._rules
                found = of_steady_state(batches, rules, one.service) | _size(batches) | {"times": batches, "of": "W"}
                parts.append((f"class {k + 1}", found))
        return tuple(parts)


def _size(batches: Batches) -> dict[str, int]:
    return {"customers": int(batches.total(Sum.CAME)), "warmup": batches.warmup, "batches": len(batches.sums)}


def _of_class(block: Block, k: int) -> Block:
    mine = block.priority == k
    columns = {f.name: getattr(block, f.name) for f in dataclasses.fields(block)}
    return dataclasses.replace(block, **{name: x[mine] for name, x in columns.items() if x is not None})
