"""The rules of the game: what of a System decides about a customer once its numbers have been drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.theory.system import System

MOST = 10_000_000
"""Workers, or waiting places, that an engine keeps a record of each."""


class Algorithm(StrEnum):
    """How a path is computed; the first that can is taken."""

    NEXT_FREE = "next free"
    """First in, first out: a customer's whole fate is known when it comes, from the instants at which workers are free.
    Source: J. Kiefer, J. Wolfowitz, "On the theory of queues with many servers" (1955)."""
    WAITING_ROOM = "waiting room"
    """Any other order: those who wait are kept until a worker takes them."""
    EVENTS = "events"
    """Whatever may happen to a customer or to a worker in between: event by event."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides, given the numbers; frozen.

    At one instant who leaves goes before what moves up, and that before who comes. The lowest-numbered of the free
    workers takes the next. Batches and a backlog are customers that come at one instant: the source makes them.

    Arguments:
        n: workers; inf: one for each. q: waiting places; inf: no limit.
        discipline: which of the waiting is next.
        classes: how many priorities there are, 0 the most urgent.
        preemptive: whether the more urgent interrupts the work of the least urgent; it is resumed later.
        own_work: a customer brings its work along (a trace). Else, where the order allows it, work is drawn when it
            begins, so that the number in the system is the same under every order.
        patience: whether those who wait leave when their patience ends, unless their work has begun by then.
        retry_share, retry_attempts: who finds no place comes again with this probability, at most so often in all.
        breaking: whether workers break down. redelivery: after so many seconds the work in hand begins anew with
            another worker; None: the same worker resumes it; inf: it is lost (at most once). idle_too: whether those
            without work break as well.
        failing: the probability that a work, when done, has failed; it is queued anew, behind the others, and is drawn
            anew. tries: at most so many, then it is lost.
        population: how many customers there are at all; inf: an open system.
    """

    n: float = 1
    q: float = math.inf
    discipline: Discipline = Discipline.FIFO
    classes: int = 1
    preemptive: bool = False
    own_work: bool = False
    patience: bool = False
    retry_share: float = 0.0
    retry_attempts: float = math.inf
    breaking: bool = False
    redelivery: float | None = None
    idle_too: bool = True
    failing: float = 0.0
    tries: float = math.inf
    population: float = math.inf

    def __post_init__(self) -> None:
        if math.isinf(self.n) and (self.breaking or self.failing):
            raise UsageError("workers without number cannot break down or fail", "give n as a number")
        if not 0 <= self.failing <= 1 or (self.failing == 1 and math.isinf(self.tries)):
            raise UsageError(f"work that fails with probability {self.failing:g} never ends", "give 0 <= failing < 1")
        for name, number in (("n", self.workers), ("q", self.q)):
            if MOST < number < math.inf:
                raise UsageError(f"{name} = {number:g} is more than memory is meant for", f"up to {MOST:,}, or inf")

    @classmethod
    def of(cls, system: System, *, own_work: bool = False) -> Rules:
        """Return the rules of a system.

        Arguments:
            own_work: customers bring their work along, as in a trace.

        Raises:
            UsageError: workers without number that break down.
        """
        retrying, breaking = system.retrying, system.breaking
        return cls(
            n=system.n,
            q=system.q,
            discipline=system.discipline,
            classes=max(1, len(system.classes)),
            preemptive=system.preemptive,
            own_work=own_work,
            patience=system.patience is not None,
            retry_share=retrying.share if retrying else 0.0,
            retry_attempts=retrying.attempts if retrying else math.inf,
            breaking=breaking is not None,
            redelivery=breaking.redelivery if breaking else None,
            idle_too=breaking.idle_too if breaking else True,
            population=system.population,
        )

    @property
    def workers(self) -> float:
        """How many workers can ever be busy: n, or as many as there are customers."""
        return min(self.n, self.population)

    @property
    def algorithm(self) -> Algorithm:
        """The cheapest way that is exact."""
        eventful = (self.patience, self.retry_share, self.breaking, self.failing, self.preemptive)
        if math.isfinite(self.population) or (math.isfinite(self.n) and any(eventful)):
            return Algorithm.EVENTS
        in_order = self.discipline is Discipline.FIFO or math.isinf(self.n) or self.q == 0
        return Algorithm.NEXT_FREE if in_order else Algorithm.WAITING_ROOM

    @property
    def streams(self) -> tuple[str, ...]:
        """The names of the streams of numbers that an engine of these rules draws from (fields of Streams)."""
        if math.isinf(self.n) and math.isinf(self.population):
            return ()
        wanted = {
            "choices": self.discipline is Discipline.RANDOM and self.q > 0,
            "returns": 0 < self.retry_share < 1,
            "delays": self.retry_share > 0,
            "ups": self.breaking,
            "downs": self.breaking,
            "failures": self.failing > 0,
            "reworks": self.failing > 0,
        }
        return tuple(name for name, needed in wanted.items() if needed)
