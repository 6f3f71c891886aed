"""What goes into an engine besides customers, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from forebay.errors import ForebayError, UsageError
from forebay.theory.simulation.rules import Algorithm, Rules

Seconds = NDArray[np.float64]
Priorities = NDArray[np.int32]
Stream = Callable[[Seconds], None]
"""Fills an array with the next numbers of an endless row."""
CHUNK = 4096
"""How many numbers a stream is asked for at a time; the same in both engines, so that they get the same numbers."""


class Overgrown(ForebayError):
    """More customers are in the system than memory is meant for, or one came or began more often than that."""

    @classmethod
    def of(cls, limit: int) -> Overgrown:
        """Return the error that says the limit."""
        return cls(
            f"more than {limit:,} are in the system, or one was there as often: it does not end",
            "is the capacity above the load? can work be done before a worker breaks down? bound the queue with q",
        )


@dataclass(frozen=True, slots=True)
class Streams:
    """Numbers that cannot be counted beforehand, each purpose its own row; `Rules.streams` names those needed.

    Arguments:
        choices: uniform from 0 to below 1: which of the waiting is next, one for each that had to wait.
        returns: uniform: whether one who found no place comes again.
        delays: seconds until it does.
        ups: seconds from the repair of a worker to its next breakdown. downs: seconds that a repair takes.
        failures: uniform: whether work has failed. reworks: seconds of the work that is done anew.
    """

    choices: Stream | None = None
    returns: Stream | None = None
    delays: Stream | None = None
    ups: Stream | None = None
    downs: Stream | None = None
    failures: Stream | None = None
    reworks: Stream | None = None

    def require(self, names: tuple[str, ...]) -> None:
        """Raise UsageError when one of the named is missing."""
        missing = [name for name in names if getattr(self, name) is None]
        if missing:
            raise UsageError(
                f"the rules need random numbers that were not given: {', '.join(missing)}", "pass them in Streams"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Customers whose end has been decided, in the order in which it was; the arrays have the shape (customers,).

    The arrays are views of buffers that the next call of the engine fills again: copy what is to be kept. The fields
    are those of Path, and

    Arguments:
        customer: the number of each in the order of arrival, from 0.
    """

    customer: NDArray[np.int64]
    arrived: Seconds
    started: Seconds
    ended: Seconds
    worker: NDArray[np.int32]
    fate: NDArray[np.int8]
    attempts: NDArray[np.int32] | None = None
    priority: Priorities | None = None

    def __len__(self) -> int:
        return len(self.customer)


def block_of(rows: list[tuple[float, ...]], rules: Rules) -> Block:
    """Return rows of the fields of a block, in their order, as a block."""
    columns = zip(*rows, strict=True) if rows else ((),) * 8
    customer, arrived, started, ended, worker, fate, attempts, priority = map(np.array, columns)
    return Block(
        customer.astype(np.int64),
        arrived.astype(np.float64),
        started.astype(np.float64),
        ended.astype(np.float64),
        worker.astype(np.int32),
        fate.astype(np.int8),
        attempts.astype(np.int32) if rules.algorithm is Algorithm.EVENTS else None,
        priority.astype(np.int32) if rules.classes > 1 else None,
    )


class Engine(Protocol):
    """One run of a system, fed block by block; it carries what is under way from one block to the next."""

    def feed(
        self,
        T: Seconds,  # noqa: N803
        S: Seconds,  # noqa: N803
        patience: Seconds | None = None,
        priority: Priorities | None = None,
    ) -> Block:
        """Let customers come, and return those whose end is decided by now.

        Arguments:
            T: instants of arrival, seconds, not falling, from 0, also from block to block. In a closed system (rules
                with a population): times of thinking, taken when one begins to think.
            S: work, seconds, of shape (customers,). Of the k-th that finds a place: drawn when work begins, it is
                that of the k-th to begin; with `own_work`, or where events happen, that of this customer.
            patience: seconds, of each. priority: class of each, 0 the most urgent.

        Raises:
            Overgrown: too many wait.
        """
        ...

    def finish(self) -> Block:
        """Let nobody come any more, and return all the others when they have left."""
        ...

    @property
    def inside(self) -> int:
        """How many came whose end is not yet decided."""
        ...
