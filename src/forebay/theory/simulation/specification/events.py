"""Event by event: patience, retries, interruption, breakdowns, failing work, a closed system, and any of them together.

Whenever somebody waits, no worker is idle: who comes finds a worker, or waits, or is refused.
"""
# ruff: noqa: N803 - the letters of the formulas

from __future__ import annotations

import math
from collections import deque

import numpy as np

from forebay.theory.path import Fate
from forebay.theory.simulation.block import Block, Overgrown, Priorities, Seconds, Streams, block_of
from forebay.theory.simulation.rules import Rules
from forebay.theory.simulation.specification.agenda import Agenda, Event
from forebay.theory.simulation.specification.lines import Customer, open_line
from forebay.theory.simulation.specification.numbers import numbers
from forebay.theory.simulation.specification.staff import Staff


class Events:
    """Customers to whom anything may happen that Rules name."""

    def __init__(self, rules: Rules, streams: Streams, limit: int) -> None:
        self._rules = rules
        self._limit = limit
        self._agenda = Agenda()
        self._line = open_line(rules.discipline, numbers(streams.choices))
        self._staff = Staff(rules, self._agenda, numbers(streams.ups), numbers(streams.downs))
        self._returns, self._delays = numbers(streams.returns), numbers(streams.delays)
        self._failures, self._reworks = numbers(streams.failures), numbers(streams.reworks)
        self._away: dict[int, Customer] = {}  # those with an event of their own: impatient, coming again, redelivered
        self._thinking: dict[int, Customer] = {}
        self._thoughts: deque[Customer] = deque()  # of a closed system: those who did not yet begin to think
        self._clients = rules.population  # who may begin to think, at the very beginning
        self._came = self._turns = self._thought = self._inside = 0
        self._rows: list[tuple[float, ...]] = []
        self._happens = {
            Event.DONE: self._done,
            Event.REPAIRED: self._repaired,
            Event.REDELIVERED: self._redelivered,
            Event.IMPATIENT: self._impatient,
            Event.BROKEN: self._broken,
            Event.RETURNED: self._returned,
            Event.THOUGHT: self._thought_over,
        }

    @property
    def inside(self) -> int:
        """How many came, or think, whose end is not yet decided."""
        return self._inside + len(self._thinking)

    def feed(
        self, T: Seconds, S: Seconds, patience: Seconds | None = None, priority: Priorities | None = None
    ) -> Block:
        """See Engine."""
        patiences = patience if self._rules.patience and patience is not None else np.full(len(T), math.inf)
        classes = np.zeros(len(T), dtype=np.int32) if priority is None else priority
        for t, s, waits, rank in zip(T.tolist(), S.tolist(), patiences.tolist(), classes.tolist(), strict=True):
            customer = Customer(-1, t, s, rank, waits)
            if math.isfinite(self._rules.population):
                self._thoughts.append(customer)
            else:
                self._run(t)
                self._arrive(customer, t)
        self._run_closed()
        return self._block()

    def finish(self) -> Block:
        """See Engine."""
        while self.inside and self._step(math.inf):
            pass
        return self._block()

    def _run(self, until: float) -> None:
        while self._step(until):
            pass

    def _run_closed(self) -> None:
        """Go on as long as whoever leaves has a time to think."""
        while self._thoughts:
            if self._clients:
                self._clients -= 1
                self._think(0.0)
            else:
                self._step(math.inf)

    def _step(self, until: float) -> bool:
        happening = self._agenda.next(until)
        if happening:
            when, event, subject = happening
            self._happens[event](subject, when)
        return happening is not None

    # who comes

    def _think(self, t: float) -> None:
        customer = self._thoughts.popleft()
        self._thinking[self._thought] = customer
        self._agenda.plan(t + customer.arrived, Event.THOUGHT, self._thought)
        self._thought += 1

    def _thought_over(self, thought: int, t: float) -> None:
        customer = self._thinking.pop(thought)
        customer.arrived = t
        self._arrive(customer, t)

    def _arrive(self, customer: Customer, t: float) -> None:
        customer.number = self._came
        self._came += 1
        self._inside += 1
        self._bound(self._inside)
        self._come(customer, t)

    def _bound(self, count: int) -> None:
        if count > self._limit:
            raise Overgrown.of(self._limit)

    def _come(self, customer: Customer, t: float) -> None:
        if not self._staff.idle and len(self._line) >= self._rules.q:
            self._refuse(customer, t)
            return
        self._give_turn(customer)
        self._seat(customer, t)
        if not customer.begun:
            self._away[customer.number] = customer
            self._agenda.plan(t + customer.patience, Event.IMPATIENT, customer.number)

    def _give_turn(self, customer: Customer) -> None:
        customer.turn = self._turns
        self._turns += 1

    def _refuse(self, customer: Customer, t: float) -> None:
        share = self._rules.retry_share
        again = customer.came < self._rules.retry_attempts and share > 0
        if again and (share >= 1 or next(self._returns) < share):
            self._away[customer.number] = customer
            self._agenda.plan(t + next(self._delays), Event.RETURNED, customer.number)
        else:
            self._leave(customer, t, Fate.LOST)

    def _returned(self, number: int, t: float) -> None:
        customer = self._away.pop(number)
        customer.came += 1
        self._bound(customer.came)
        self._come(customer, t)

    # who is served

    def _seat(self, customer: Customer, t: float) -> None:
        """Give a worker: an idle one, or one whose work is less urgent; else let the customer wait."""
        worker = self._staff.free_for(customer)
        if worker is None:
            self._line.enter(customer)
            return
        interrupted = self._staff.interrupt(worker, t)
        if interrupted:
            self._line.enter(interrupted)
        self._begin(customer, worker, t)

    def _begin(self, customer: Customer, worker: int, t: float) -> None:
        self._agenda.cancel(Event.IMPATIENT, customer.number)
        self._away.pop(customer.number, None)
        customer.begun += 1
        self._bound(customer.begun)
        customer.started, customer.worker = t, worker
        self._staff.begin(worker, customer, t)

    def _done(self, worker: int, t: float) -> None:
        customer = self._staff.release(worker, t)
        failed = self._rules.failing > 0 and next(self._failures) < self._rules.failing
        if not failed:
            self._leave(customer, t, Fate.SERVED)
        elif customer.begun >= self._rules.tries:
            self._leave(customer, t, Fate.LOST)
        else:
            customer.work = customer.left = next(self._reworks)
            self._give_turn(customer)
            self._line.enter(customer)
        self._take_next(worker, t)

    def _take_next(self, worker: int, t: float) -> None:
        if self._line:
            self._begin(self._line.next(), worker, t)
        else:
            self._staff.rest(worker)

    def _impatient(self, number: int, t: float) -> None:
        customer = self._away.pop(number)
        self._line.leave(customer)
        self._leave(customer, t, Fate.ABANDONED)

    # what happens to workers

    def _broken(self, worker: int, t: float) -> None:
        customer = self._staff.break_down(worker, t)
        if customer is None:
            return
        if self._rules.redelivery == math.inf:
            self._leave(customer, t, Fate.LOST)
        elif self._rules.redelivery is not None:
            self._away[customer.number] = customer
            self._agenda.plan(t + self._rules.redelivery, Event.REDELIVERED, customer.number)

    def _redelivered(self, number: int, t: float) -> None:
        customer = self._away.pop(number)
        customer.left = customer.work
        self._seat(customer, t)

    def _repaired(self, worker: int, t: float) -> None:
        if self._staff.repair(worker, t):
            self._take_next(worker, t)

    # who leaves

    def _leave(self, customer: Customer, t: float, fate: Fate) -> None:
        attempts = max(customer.came, customer.begun)
        self._rows.append(
            (customer.number, customer.arrived, customer.started, t, customer.worker, fate, attempts, customer.priority)
        )
        self._inside -= 1
        if self._thoughts:
            self._think(t)

    def _block(self) -> Block:
        rows, self._rows = self._rows, []
        return block_of(rows, self._rules)
