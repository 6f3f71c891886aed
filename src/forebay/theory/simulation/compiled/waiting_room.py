"""Last in first out, at random, by priority, compiled. See specification.waiting_room."""
# ruff: noqa: N803 - the letters of the formulas

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from forebay.disciplines import Discipline
from forebay.theory.path import Fate
from forebay.theory.simulation.block import Block, Overgrown, Priorities, Seconds, Streams
from forebay.theory.simulation.compiled.columns import Columns, plain
from forebay.theory.simulation.compiled.heap import keys
from forebay.theory.simulation.compiled.kernel import kernel, part
from forebay.theory.simulation.compiled.line import ORDERS, enter, take
from forebay.theory.simulation.compiled.numbers import Numbers
from forebay.theory.simulation.compiled.tournament import lowest_free, occupy, tournament
from forebay.theory.simulation.rules import Rules

SERVED, LOST = int(Fate.SERVED), int(Fate.LOST)
SEAT = np.dtype([("arrived", np.float64), ("work", np.float64), ("number", np.int64), ("priority", np.int64)])
STATE = np.dtype([(name, np.int64) for name in ("waiting", "first_work", "customers", "rows", "used")])


class Room(NamedTuple):
    """Those who wait: their records, the line, the free seats (a stack), and the works to be begun (a ring)."""

    seats: Any
    line: Any
    keys: Any
    spare: Any
    works: Any


class Out(NamedTuple):
    """Columns of the block."""

    customer: Any
    arrived: Any
    started: Any
    ended: Any
    worker: Any
    fate: Any
    priority: Any


class WaitingRoom:
    """Customers wait in any order, none is interrupted, and none leaves before its work is done."""

    def __init__(self, rules: Rules, streams: Streams, limit: int) -> None:
        self._rules, self._limit = rules, limit
        self._columns = Columns(rules)
        self._choices = Numbers(streams.choices if rules.discipline is Discipline.RANDOM else None)
        self._tree = tournament(int(rules.n))
        self._state = np.zeros(1, dtype=STATE)
        self._room = _room(0)

    @property
    def inside(self) -> int:
        """How many wait."""
        return int(self._state["waiting"][0])

    def feed(
        self, T: Seconds, S: Seconds, patience: Seconds | None = None, priority: Priorities | None = None
    ) -> Block:
        """See Engine; an end is decided when work begins."""
        classes = np.zeros(len(T), dtype=np.int32) if priority is None else priority
        return self._serve(T, S, classes, drain=False)

    def finish(self) -> Block:
        """See Engine."""
        return self._serve(np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int32), drain=True)

    def _serve(self, T: Seconds, S: Seconds, classes: Priorities, drain: bool) -> Block:
        most = self.inside + len(T)
        self._grow(most)
        c = self._columns.of(most)
        out = Out(c.customer, c.arrived, c.started, c.ended, c.worker, c.fate, c.priority)
        choices = self._choices.reserve(most)
        order = ORDERS[self._rules.discipline]
        places = self._limit + 1 if self._rules.q > self._limit else int(self._rules.q)
        switches = order, places, self._limit, self._rules.own_work, drain
        _serve(plain(T), plain(S), plain(classes), choices, self._tree, self._room, self._state, out, switches)
        state = self._state[0]
        if state["waiting"] > self._limit:
            raise Overgrown.of(self._limit)
        self._choices.use(int(state["used"]))
        return c.block(int(state["rows"]))

    def _grow(self, seats: int) -> None:
        """Have so many seats, and one more."""
        old = self._room
        if seats < len(old.seats):
            return
        self._room = new = _room(2 * seats)
        held = len(old.seats)
        new.seats[:held], new.line[:held], new.keys[:held] = old.seats, old.line, old.keys
        waiting = self.inside
        new.spare[: len(new.spare) - held] = np.arange(len(new.seats) - 1, held - 1, -1)
        new.spare[len(new.spare) - held : len(new.spare) - waiting] = old.spare[: held - waiting]
        first = int(self._state["first_work"][0])
        new.works[:held] = np.concatenate([old.works[first:], old.works[:first]])
        self._state["first_work"] = 0


def _room(seats: int) -> Room:
    spare = np.arange(seats - 1, -1, -1)
    return Room(np.zeros(seats, dtype=SEAT), np.zeros(seats, dtype=np.int64), keys(seats), spare, np.zeros(seats))


@kernel
def _serve(
    T: Seconds,
    S: Seconds,
    classes: Any,
    choices: Seconds,
    tree: Seconds,
    room: Any,
    states: Any,
    out: Any,
    switches: Any,
) -> None:
    order, q, limit, own_work, drain = switches
    state = states[0]
    state.rows = state.used = 0
    for k in range(len(T)):
        t = T[k]
        while state.waiting and tree[1] <= t:
            _move_up(choices, tree, room, state, out, order, own_work)
        if tree[1] <= t:
            _begin(out, state, tree, t, S[k], state.customers, t, classes[k])
        elif state.waiting < q:
            _wait(room, state, t, S[k], classes[k], order)
            if state.waiting > limit:
                return
        else:
            _end(out, state, state.customers, t, math.nan, t, -1, LOST, classes[k])
        state.customers += 1
    while drain and state.waiting:
        _move_up(choices, tree, room, state, out, order, own_work)


@part
def _wait(room: Any, state: Any, t: float, work: float, priority: int, order: int) -> None:
    seat = room.spare[len(room.seats) - 1 - state.waiting]
    held = room.seats[seat]
    held.arrived, held.work, held.number, held.priority = t, work, state.customers, priority
    last = state.first_work + state.waiting
    room.works[last if last < len(room.works) else last - len(room.works)] = work
    state.waiting = enter(room.line, room.keys, state.waiting, seat, order, priority, state.customers)


@part
def _move_up(choices: Seconds, tree: Seconds, room: Any, state: Any, out: Any, order: int, own_work: bool) -> None:
    choice = 0.0
    if len(choices):
        choice = choices[state.used]
        state.used += 1
    seat = take(room.line, room.keys, state.waiting, order, choice)
    state.waiting -= 1
    room.spare[len(room.seats) - 1 - state.waiting] = seat
    held = room.seats[seat]
    work = held.work if own_work else room.works[state.first_work]
    state.first_work = state.first_work + 1 if state.first_work + 1 < len(room.works) else 0
    _begin(out, state, tree, tree[1], work, held.number, held.arrived, held.priority)


@part
def _begin(
    out: Any, state: Any, tree: Seconds, t: float, work: float, number: int, arrived: float, priority: int
) -> None:
    leaf = lowest_free(tree, t)
    occupy(tree, leaf, t + work)
    _end(out, state, number, arrived, t, t + work, leaf - (len(tree) >> 1), SERVED, priority)


@part
def _end(
    out: Any,
    state: Any,
    number: int,
    arrived: float,
    started: float,
    ended: float,
    worker: int,
    fate: int,
    priority: int,
) -> None:
    row = state.rows
    out.customer[row] = number
    out.arrived[row] = arrived
    out.started[row] = started
    out.ended[row] = ended
    out.worker[row] = worker
    out.fate[row] = fate
    out.priority[row] = priority
    state.rows = row + 1
