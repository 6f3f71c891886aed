"""Those who wait, compiled: a heap by rank, or, at random, an array in which the last takes the place of the drawn."""

from __future__ import annotations

from typing import Any

from forebay.disciplines import Discipline
from forebay.theory.simulation.compiled.heap import NOWHERE, push, remove
from forebay.theory.simulation.compiled.kernel import part

FIFO, LIFO, RANDOM, PRIORITY = range(4)
ORDERS = {
    Discipline.FIFO: FIFO,
    Discipline.LIFO: LIFO,
    Discipline.RANDOM: RANDOM,
    Discipline.PRIORITY: PRIORITY,
}


@part
def enter(line: Any, keys: Any, waiting: int, seat: int, order: int, priority: int, turn: int) -> int:
    """Let a seat wait at the place of its turn, and return how many wait."""
    if order == RANDOM:
        line[waiting] = seat
        keys[seat].place = waiting
        return waiting + 1
    keys[seat].first = priority if order == PRIORITY else 0
    keys[seat].second = -turn if order == LIFO else turn
    return push(line, keys, waiting, seat)


@part
def leave(line: Any, keys: Any, waiting: int, seat: int, order: int) -> int:
    """Let a seat wait no longer, and return how many wait."""
    if order != RANDOM:
        return remove(line, keys, waiting, seat)
    place = keys[seat].place
    keys[seat].place = NOWHERE
    last = line[waiting - 1]
    if last != seat:
        line[place] = last
        keys[last].place = place
    return waiting - 1


@part
def take(line: Any, keys: Any, waiting: int, order: int, choice: float) -> int:
    """Remove and return the seat that is next; somebody waits."""
    seat: int = line[int(choice * waiting) if order == RANDOM else 0]
    leave(line, keys, waiting, seat, order)
    return seat
