"""The workers: who serves whom, who is idle, who is broken down."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterator

from forebay.theory.simulation.rules import Rules
from forebay.theory.simulation.specification.agenda import Agenda, Event
from forebay.theory.simulation.specification.lines import Customer


class Staff:
    """n workers; what each is going to do next stands in the agenda."""

    def __init__(self, rules: Rules, agenda: Agenda, ups: Iterator[float], downs: Iterator[float]) -> None:
        n = int(rules.workers)
        self._rules, self._agenda, self._ups, self._downs = rules, agenda, ups, downs
        self._serving: list[Customer | None] = [None] * n
        self._broken = [False] * n
        self._up_left = [math.inf] * n  # seconds of work until it breaks down, of one that breaks only at work
        self.idle = list(range(n))
        """Who is neither at work nor broken down, the lowest number first."""
        for worker in range(n if rules.breaking else 0):
            self._wind_up(worker, 0.0)

    def free_for(self, customer: Customer) -> int | None:
        """Return an idle worker, or the one at the least urgent work if that is less urgent and may be interrupted."""
        if self.idle:
            return self.idle[0]
        if not self._rules.preemptive:
            return None
        work = [
            (-served.priority, worker)
            for worker, served in enumerate(self._serving)
            if served and not self._broken[worker]
        ]
        urgency, worker = min(work, default=(0, -1))
        return worker if -urgency > customer.priority else None

    def interrupt(self, worker: int, t: float) -> Customer | None:
        """Take the work away from a worker, and return whose it is; None when it is idle."""
        customer = self._serving[worker]
        if customer:
            customer.left = self._agenda.cancel(Event.DONE, worker) - t
            self._stop_clock(worker, t)
            self._serving[worker] = None
        else:
            self.idle.remove(worker)
        return customer

    def begin(self, worker: int, customer: Customer, t: float) -> None:
        """Let a worker begin, or resume."""
        self._serving[worker] = customer
        self._agenda.plan(t + customer.left, Event.DONE, worker)
        if not self._rules.idle_too:
            self._agenda.plan(t + self._up_left[worker], Event.BROKEN, worker)

    def release(self, worker: int, t: float) -> Customer:
        """Take note that work is done, and return whose it was."""
        customer = self._serving[worker]
        assert customer is not None, "only who works is done"
        self._serving[worker] = None
        self._stop_clock(worker, t)
        return customer

    def rest(self, worker: int) -> None:
        """Let a worker be idle."""
        insort(self.idle, worker)

    def break_down(self, worker: int, t: float) -> Customer | None:
        """Let a worker break down, and return the customer that it held; it keeps the one that it will resume."""
        self._broken[worker] = True
        self._agenda.plan(t + next(self._downs), Event.REPAIRED, worker)
        customer = self._serving[worker]
        if customer is None:
            self.idle.remove(worker)
            return None
        customer.left = self._agenda.cancel(Event.DONE, worker) - t
        if self._rules.redelivery is not None:
            self._serving[worker] = None
        return customer

    def repair(self, worker: int, t: float) -> bool:
        """Let a worker be back, and return whether it is free: else it resumes."""
        self._broken[worker] = False
        self._wind_up(worker, t)
        customer = self._serving[worker]
        if customer:
            self.begin(worker, customer, t)
        return customer is None

    def _wind_up(self, worker: int, t: float) -> None:
        up = next(self._ups)
        if self._rules.idle_too:
            self._agenda.plan(t + up, Event.BROKEN, worker)
        else:
            self._up_left[worker] = up

    def _stop_clock(self, worker: int, t: float) -> None:
        if not self._rules.idle_too:
            self._up_left[worker] = self._agenda.cancel(Event.BROKEN, worker) - t
