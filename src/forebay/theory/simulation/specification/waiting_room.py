"""Last in first out, at random, by priority: two rows are merged, those who come and the instants workers end.

A worker that ends takes the next of the waiting at once, so nothing happens between two such instants and no other
events are needed.
"""
# ruff: noqa: N803 - the letters of the formulas

from __future__ import annotations

import math
from collections import deque
from heapq import heappop, heappush

from forebay.theory.path import Fate
from forebay.theory.simulation.block import Block, Overgrown, Priorities, Seconds, Streams, block_of
from forebay.theory.simulation.rules import Rules
from forebay.theory.simulation.specification.lines import Customer, open_line
from forebay.theory.simulation.specification.numbers import numbers


class WaitingRoom:
    """Customers wait in any order, none is interrupted, and none leaves before its work is done."""

    def __init__(self, rules: Rules, streams: Streams, limit: int) -> None:
        self._rules = rules
        self._limit = limit
        self._line = open_line(rules.discipline, numbers(streams.choices))
        self._works: deque[float] = deque()  # those of the waiting, in the order in which they will be begun
        self._busy: list[tuple[float, int]] = []  # a heap of (when its work ends, worker)
        self._idle = list(range(int(rules.n)))  # a heap: lowest number first
        self._customers = 0
        self._rows: list[tuple[float, ...]] = []

    @property
    def inside(self) -> int:
        """How many wait."""
        return len(self._line)

    def feed(
        self, T: Seconds, S: Seconds, patience: Seconds | None = None, priority: Priorities | None = None
    ) -> Block:
        """See Engine; an end is decided when work begins."""
        classes = [0] * len(T) if priority is None else priority.tolist()
        for t, s, rank in zip(T.tolist(), S.tolist(), classes, strict=True):
            self._move_up(t)
            self._come(Customer(self._customers, t, s, rank, turn=self._customers))
            self._customers += 1
        return self._block()

    def finish(self) -> Block:
        """See Engine."""
        self._move_up(math.inf)
        return self._block()

    def _move_up(self, t: float) -> None:
        """Let every worker that ends by t take the next; those that find nobody are idle."""
        while self._busy and self._busy[0][0] <= t:
            end, worker = heappop(self._busy)
            if self._line:
                self._begin(self._line.next(), end, worker, None if self._rules.own_work else self._works.popleft())
            else:
                heappush(self._idle, worker)

    def _come(self, customer: Customer) -> None:
        if self._idle:
            self._begin(customer, customer.arrived, heappop(self._idle))
        elif len(self._line) < self._rules.q:
            self._wait(customer)
        else:
            self._end(customer, customer.arrived, Fate.LOST)

    def _wait(self, customer: Customer) -> None:
        if len(self._line) >= self._limit:
            raise Overgrown.of(self._limit)
        self._line.enter(customer)
        if not self._rules.own_work:
            self._works.append(customer.work)

    def _begin(self, customer: Customer, t: float, worker: int, work: float | None = None) -> None:
        end = t + (customer.work if work is None else work)
        heappush(self._busy, (end, worker))
        customer.started, customer.worker = t, worker
        self._end(customer, end, Fate.SERVED)

    def _end(self, customer: Customer, t: float, fate: Fate) -> None:
        self._rows.append(
            (customer.number, customer.arrived, customer.started, t, customer.worker, fate, 1, customer.priority)
        )

    def _block(self) -> Block:
        rows, self._rows = self._rows, []
        return block_of(rows, self._rules)
