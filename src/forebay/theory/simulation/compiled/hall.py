"""The records that the events of the compiled engine read and write, and how they grow."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from forebay.theory.simulation.block import CHUNK
from forebay.theory.simulation.compiled.heap import keys
from forebay.theory.simulation.rules import Rules

SEAT = np.dtype(
    [
        *((name, np.float64) for name in ("arrived", "work", "left", "patience", "started")),
        *((name, np.int64) for name in ("number", "priority", "turn", "came", "begun", "worker")),
    ]
)
"""A customer, as in specification.lines."""
WORKER = np.dtype([("seat", np.int64), ("broken", np.int64), ("up_left", np.float64)])
"""A worker: whom it serves (-1: nobody), whether it is broken down, seconds of work until it breaks down."""
SWITCHES = np.dtype(
    [
        *((name, np.int64) for name in ("order", "q", "preemptive", "breaking", "keeps", "idle_too", "closed")),
        *((name, np.int64) for name in ("workers", "limit")),
        *((name, np.float64) for name in ("retry_share", "retry_attempts", "redelivery", "failing", "tries")),
    ]
)
"""Rules, as numbers. keeps: whether a worker that breaks down keeps the work in hand."""
STATE = np.dtype(
    [
        *((name, np.int64) for name in ("fed", "planned", "waiting", "seats", "idle", "clients", "wound_up")),
        *((name, np.int64) for name in ("came", "turns", "thought", "inside", "thinking", "rows", "dry", "endless")),
    ]
)
"""fed: of the customers given, how many came or began to think. planned, waiting: lengths of agenda and line. seats:
how many are taken. idle: workers. clients: who will begin to think.
wound_up: workers whose first breakdown is planned. dry: whether a stream has run out.
endless: whether one began, or came, more often than the limit."""
ROW = np.dtype(
    [
        ("customer", np.int64),
        *((name, np.float64) for name in ("arrived", "started", "ended")),
        *((name, np.int32) for name in ("worker", "attempts", "priority")),
        ("fate", np.int8),
    ]
)
"""A row of the block."""
STREAMS = ("choices", "returns", "delays", "ups", "downs", "failures", "reworks")
CHOICES, RETURNS, DELAYS, UPS, DOWNS, FAILURES, REWORKS = range(len(STREAMS))


class Hall(NamedTuple):
    """Everything: the customers that are fed, and what is known of all others.

    Subjects of the agenda: workers at work (from 0), workers breaking (from n), seats (from 2n).
    """

    T: Any
    S: Any
    patience: Any
    priority: Any
    switches: Any
    state: Any
    workers: Any
    idle: Any
    agenda: Any
    dates: Any
    seats: Any
    spare: Any
    line: Any
    ranks: Any
    numbers: Any
    used: Any
    out: Any


def hall(n: int, seats: int, rows: int) -> Hall:
    """Return an empty hall of n idle workers."""
    workers = np.zeros(n, dtype=WORKER)
    workers["seat"], workers["up_left"] = -1, np.inf
    subjects = 2 * n + seats
    state = np.zeros(1, dtype=STATE)
    state["idle"], state["dry"] = n, 1  # no stream has been asked yet
    return Hall(
        T=np.zeros(0),
        S=np.zeros(0),
        patience=np.zeros(0),
        priority=np.zeros(0, dtype=np.int32),
        switches=np.zeros(1, dtype=SWITCHES),
        state=state,
        workers=workers,
        idle=np.ones(n, dtype=np.bool_),
        agenda=np.zeros(subjects, dtype=np.int64),
        dates=keys(subjects),
        seats=np.zeros(seats, dtype=SEAT),
        spare=np.arange(seats),
        line=np.zeros(seats, dtype=np.int64),
        ranks=keys(seats),
        numbers=np.zeros((len(STREAMS), CHUNK)),
        used=np.full(len(STREAMS), CHUNK, dtype=np.int64),
        out=np.zeros(rows, dtype=ROW),
    )


def grown(old: Hall, seats: int, rows: int) -> Hall:
    """Return the hall with so many seats and rows, and all that is in it; seats are used from 0 up."""
    new = hall(len(old.workers), seats, rows)
    for name in ("agenda", "dates", "seats", "spare", "line", "ranks", "out"):
        column = getattr(old, name)
        getattr(new, name)[: len(column)] = column
    kept = ("T", "S", "patience", "priority", "switches", "state", "workers", "idle", "numbers", "used")
    return new._replace(**{name: getattr(old, name) for name in kept})


def switches(rules: Rules, order: int, limit: int) -> Any:
    """Return the rules as the kernels read them."""
    record = np.zeros(1, dtype=SWITCHES)
    for name in ("preemptive", "breaking", "idle_too", "retry_share", "retry_attempts", "failing", "tries"):
        record[name] = getattr(rules, name)
    record["order"], record["limit"], record["workers"] = order, limit, int(rules.workers)
    record["q"] = limit + 1 if rules.q > limit else int(rules.q)
    record["closed"] = np.isfinite(rules.population)
    record["keeps"] = rules.redelivery is None
    record["redelivery"] = 0.0 if rules.redelivery is None else rules.redelivery
    return record
