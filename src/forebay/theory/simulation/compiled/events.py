"""Event by event, compiled. See specification.events."""
# ruff: noqa: N803 - the letters of the formulas

from __future__ import annotations

import math
from typing import Any

import numpy as np

from forebay.theory.simulation.block import Block, Overgrown, Priorities, Seconds, Streams
from forebay.theory.simulation.compiled.columns import plain
from forebay.theory.simulation.compiled.hall import STREAMS, grown, hall, switches
from forebay.theory.simulation.compiled.happenings import arrive, happen, sit, think
from forebay.theory.simulation.compiled.kernel import inlined, kernel
from forebay.theory.simulation.compiled.line import ORDERS
from forebay.theory.simulation.compiled.staff import wind_up
from forebay.theory.simulation.rules import Rules

FED, DRY, FULL, OVERGROWN = range(4)
"""Why the kernel came back: all are fed; a stream has run out; all seats are taken; too many are in the system,
or one is there too often."""


class Events:
    """Customers to whom anything may happen that Rules name."""

    def __init__(self, rules: Rules, streams: Streams, limit: int) -> None:
        self._rules, self._limit = rules, limit
        self._streams = [getattr(streams, name) for name in STREAMS]
        self._hall = hall(int(rules.workers), 64, 0)
        self._hall.switches[:] = switches(rules, ORDERS[rules.discipline], limit)
        self._state["clients"] = int(rules.population) if math.isfinite(rules.population) else 0

    @property
    def _state(self) -> Any:
        return self._hall.state[0]

    @property
    def inside(self) -> int:
        """How many came, or think, whose end is not yet decided."""
        return int(self._state["inside"] + self._state["thinking"])

    def feed(
        self, T: Seconds, S: Seconds, patience: Seconds | None = None, priority: Priorities | None = None
    ) -> Block:
        """See Engine."""
        patiences = patience if self._rules.patience and patience is not None else np.full(len(T), math.inf)
        classes = np.zeros(len(T), dtype=np.int32) if priority is None else priority
        return self._run(T, S, patiences, classes, drain=False)

    def finish(self) -> Block:
        """See Engine."""
        return self._run(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int32), drain=True)

    def _run(self, T: Seconds, S: Seconds, patience: Seconds, priority: Priorities, drain: bool) -> Block:
        if len(self._hall.out) < self.inside + len(T):
            self._hall = grown(self._hall, len(self._hall.seats), 2 * (self.inside + len(T)))
        self._state["fed"] = self._state["rows"] = 0
        self._hall = self._hall._replace(T=plain(T), S=plain(S), patience=plain(patience), priority=plain(priority))
        while (reason := _run(self._hall, drain)) != FED:
            if reason == OVERGROWN:
                raise Overgrown.of(self._limit)
            if reason == DRY:
                self._fill()
            else:
                self._hall = grown(self._hall, 2 * len(self._hall.seats), len(self._hall.out))
        return self._block()

    def _fill(self) -> None:
        """Let every stream have numbers; those that have run out are asked, a whole portion at a time."""
        for numbers, used, stream in zip(self._hall.numbers, range(len(STREAMS)), self._streams, strict=True):
            if self._hall.used[used] == len(numbers):
                self._hall.used[used] = 0
                if stream is not None:
                    stream(numbers)
        self._state["dry"] = 0

    def _block(self) -> Block:
        rows = self._hall.out[: self._state["rows"]]
        columns = {name: rows[name] for name in rows.dtype.names or ()}
        return Block(**columns if self._rules.classes > 1 else {**columns, "priority": None})


@kernel
def _run(hall: Any, drain: bool) -> int:
    state, closed = hall.state[0], hall.switches[0].closed
    customers = len(hall.T)
    while state.fed < customers or (drain and state.inside + state.thinking > 0):
        if state.dry:
            return DRY
        if state.seats == len(hall.seats):
            return FULL
        if state.endless or state.inside > hall.switches[0].limit:
            return OVERGROWN
        if hall.switches[0].breaking and state.wound_up < len(hall.workers):
            wind_up(hall, state.wound_up, 0.0)
            state.wound_up += 1
        elif closed and state.clients and state.fed < customers:
            state.clients -= 1
            think(hall, 0.0)
        elif closed or state.fed == customers or _something_first(hall):
            if state.planned == 0:  # those who are left never end
                break
            happen(hall)
        else:
            arrive(hall, sit(hall, hall.T[state.fed]))
    return FED


@inlined
def _something_first(hall: Any) -> bool:
    """Return whether something is planned before the next comes, or when it does."""
    return bool(hall.state[0].planned and hall.dates[hall.agenda[0]].first <= hall.T[hall.state[0].fed])
