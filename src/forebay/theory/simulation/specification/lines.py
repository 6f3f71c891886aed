"""Those who wait, and which of them is next: the four disciplines."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from forebay.disciplines import Discipline


@dataclass(slots=True, eq=False)
class Customer:
    """One customer. `turn` is its number in the order in which places were taken: an interrupted one keeps it."""

    number: int
    arrived: float
    work: float
    priority: int = 0
    patience: float = 0.0
    turn: int = 0
    came: int = 1
    begun: int = 0
    left: float = field(init=False)
    """Work that is not yet done, seconds."""
    started: float = float("nan")
    worker: int = -1

    def __post_init__(self) -> None:
        self.left = self.work


class Line(Protocol):
    """Those who wait."""

    def __len__(self) -> int: ...
    def enter(self, customer: Customer) -> None:
        """Wait, at the place of its turn."""
        ...

    def leave(self, customer: Customer) -> None:
        """Wait no longer."""
        ...

    def next(self) -> Customer:
        """Remove and return the next; somebody waits."""
        ...


def open_line(discipline: Discipline, choices: Iterator[float]) -> Line:
    """Return an empty line; `choices` are uniform from 0 to below 1, for those that are chosen at random."""
    return Urn(choices) if discipline is Discipline.RANDOM else Ranks(discipline)


class Ranks:
    """FIFO, LIFO and priority: sorted by rank, the next is the last."""

    def __init__(self, discipline: Discipline) -> None:
        self._discipline = discipline
        self._waiting: list[tuple[int, int, Customer]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, customer: Customer) -> None:
        """See Line."""
        insort(self._waiting, (*self._rank(customer), customer))

    def leave(self, customer: Customer) -> None:
        """See Line."""
        del self._waiting[bisect_left(self._waiting, self._rank(customer))]

    def next(self) -> Customer:
        """See Line."""
        return self._waiting.pop()[2]

    def _rank(self, customer: Customer) -> tuple[int, int]:
        if self._discipline is Discipline.LIFO:
            return 0, customer.turn
        urgency = -customer.priority if self._discipline is Discipline.PRIORITY else 0
        return urgency, -customer.turn


class Urn:
    """Any of the waiting, each with the same chance; the last takes the place of the one that is drawn."""

    def __init__(self, choices: Iterator[float]) -> None:
        self._choices = choices
        self._waiting: list[Customer] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, customer: Customer) -> None:
        """See Line."""
        self._waiting.append(customer)

    def leave(self, customer: Customer) -> None:
        """See Line."""
        self._remove(self._waiting.index(customer))

    def next(self) -> Customer:
        """See Line."""
        return self._remove(int(next(self._choices) * len(self._waiting)))

    def _remove(self, place: int) -> Customer:
        waiting = self._waiting
        waiting[place], waiting[-1] = waiting[-1], waiting[place]
        return waiting.pop()
