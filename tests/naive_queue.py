"""A queue simulated as naively as can be, in rational numbers: look at everything, find what is first, let it happen.

The third hand, beside the two engines: no heap, no agenda, no records of its own to keep in step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from forebay.disciplines import Discipline
from forebay.theory.path import Fate
from forebay.theory.simulation.rules import Rules

INF = math.inf


@dataclass
class One:
    number: int
    arrived: Any
    work: Any
    patience: Any
    priority: int
    where: str = "coming"
    when: Any = INF
    """The instant of what it waits for: it comes, its work is done, its patience ends."""
    turn: int = -1
    came: int = 1
    begun: int = 0
    left: Any = 0
    started: Any = None
    worker: int = -1
    fate: Fate = Fate.UNFINISHED
    ended: Any = None


@dataclass
class Naive:
    rules: Rules
    customers: list[One]
    delay: Any
    turns: int = 0
    log: list[One] = field(default_factory=list)

    def run(self) -> list[One]:
        while True:
            due = [(c.when, self._kind(c), self._tie(c)) for c in self.customers if c.when != INF]
            if not due:
                return self.customers
            when, kind, tie = min(due)
            (one,) = [c for c in self.customers if c.when == when and self._kind(c) == kind and self._tie(c) == tie]
            {"working": self._done, "waiting": self._tired, "orbit": self._again, "coming": self._come}[one.where](
                one, when
            )

    def _kind(self, c: One) -> int:
        return ["working", "waiting", "orbit", "coming"].index(c.where)

    def _tie(self, c: One) -> int:
        return c.worker if c.where == "working" else c.number

    def _in(self, where: str) -> list[One]:
        return [c for c in self.customers if c.where == where]

    def _come(self, c: One, t: Any) -> None:
        working, waiting = self._in("working"), self._in("waiting")
        free = [w for w in range(int(self.rules.n)) if w not in [other.worker for other in working]]
        if not free and len(waiting) >= self.rules.q:
            self._refused(c, t)
            return
        c.turn, self.turns = self.turns, self.turns + 1
        least = max(working, key=lambda other: (other.priority, -other.worker), default=None)
        if free:
            self._begin(c, free[0], t)
        elif self.rules.preemptive and least and least.priority > c.priority:
            least.left, least.where, least.when = least.when - t, "waiting", INF
            self._begin(c, least.worker, t)
        else:
            c.where, c.when = "waiting", t + c.patience

    def _refused(self, c: One, t: Any) -> None:
        if self.rules.retry_share and c.came < self.rules.retry_attempts:
            c.where, c.when = "orbit", t + self.delay
        else:
            self._leave(c, t, Fate.LOST)

    def _again(self, c: One, t: Any) -> None:
        c.came += 1
        self._come(c, t)

    def _begin(self, c: One, worker: int, t: Any) -> None:
        c.where, c.when, c.worker, c.started, c.begun = "working", t + c.left, worker, t, c.begun + 1

    def _done(self, c: One, t: Any) -> None:
        self._leave(c, t, Fate.SERVED)
        waiting = self._in("waiting")
        if waiting:
            self._begin(min(waiting, key=self._rank), c.worker, t)

    def _rank(self, c: One) -> tuple[int, int]:
        if self.rules.discipline is Discipline.LIFO:
            return 0, -c.turn
        return (c.priority if self.rules.discipline is Discipline.PRIORITY else 0), c.turn

    def _tired(self, c: One, t: Any) -> None:
        self._leave(c, t, Fate.ABANDONED)

    def _leave(self, c: One, t: Any, fate: Fate) -> None:
        c.where, c.when, c.ended, c.fate = "gone", INF, t, fate


def naive(rules: Rules, T: Any, S: Any, patience: Any, priority: Any, delay: float) -> list[One]:  # noqa: N803
    """What becomes of everybody; those who find no place come again after `delay`, always."""
    ones = []
    for number, (t, s, waits, rank) in enumerate(zip(T, S, patience, priority, strict=True)):
        bound = Fraction(float(waits)) if rules.patience else INF
        one = One(number, Fraction(float(t)), Fraction(float(s)), bound, int(rank))
        one.when, one.left = one.arrived, one.work
        ones.append(one)
    return Naive(rules, ones, Fraction(delay)).run()
