"""What each event does, compiled. See specification.events."""

from __future__ import annotations

import math
from typing import Any

from forebay.theory.path import Fate
from forebay.theory.simulation.compiled.hall import CHOICES, DELAYS, FAILURES, RETURNS, REWORKS
from forebay.theory.simulation.compiled.kernel import inlined, part
from forebay.theory.simulation.compiled.line import RANDOM, enter, leave, take
from forebay.theory.simulation.compiled.staff import (
    BROKEN,
    DONE,
    IMPATIENT,
    NOBODY,
    REDELIVERED,
    REPAIRED,
    RETURNED,
    THOUGHT,
    begin_work,
    break_down,
    cancel,
    draw,
    event_of,
    free_for,
    interrupt,
    plan,
    release,
    repair,
    rest,
)

SERVED, LOST, ABANDONED = int(Fate.SERVED), int(Fate.LOST), int(Fate.ABANDONED)


@inlined
def happen(hall: Any) -> None:
    """Let the first event of the agenda happen."""
    subject = hall.agenda[0]
    t = cancel(hall, subject)
    event = event_of(hall, subject)
    workers = len(hall.workers)
    seat = subject - 2 * workers
    if event == DONE:
        _done(hall, subject, t)
    elif event == REPAIRED:
        if repair(hall, subject, t):
            _take_next(hall, subject, t)
    elif event == REDELIVERED:
        hall.seats[seat].left = hall.seats[seat].work
        _seat(hall, seat, t)
    elif event == IMPATIENT:
        hall.state[0].waiting = leave(hall.line, hall.ranks, hall.state[0].waiting, seat, hall.switches[0].order)
        _leave(hall, seat, t, ABANDONED)
    elif event == BROKEN:
        _broken(hall, subject - workers, t)
    elif event == RETURNED:
        hall.seats[seat].came += 1
        _note_endless(hall, hall.seats[seat].came)
        _come(hall, seat, t)
    else:
        hall.state[0].thinking -= 1
        arrive(hall, seat)


@inlined
def sit(hall: Any, arrived: float) -> int:
    """Return the seat of the next customer that was given; it has been seen to that one is free."""
    state = hall.state[0]
    seat: int = hall.spare[state.seats]
    state.seats += 1
    c = hall.seats[seat]
    c.arrived = arrived
    c.work = c.left = hall.S[state.fed]
    c.patience, c.priority = hall.patience[state.fed], hall.priority[state.fed]
    c.started, c.came, c.begun, c.worker = math.nan, 1, 0, NOBODY
    state.fed += 1
    return seat


@part
def think(hall: Any, t: float) -> None:
    """Let the next customer of a closed system begin to think."""
    state = hall.state[0]
    when = t + hall.T[state.fed]
    seat = sit(hall, when)
    state.thinking += 1
    plan(hall, when, THOUGHT, state.thought, 2 * len(hall.workers) + seat)
    state.thought += 1


@inlined
def arrive(hall: Any, seat: int) -> None:
    """Let a customer come for the first time."""
    state = hall.state[0]
    hall.seats[seat].number = state.came
    state.came += 1
    state.inside += 1
    _come(hall, seat, hall.seats[seat].arrived)


@part
def _come(hall: Any, seat: int, t: float) -> None:
    state = hall.state[0]
    if state.idle == 0 and state.waiting >= hall.switches[0].q:
        _refuse(hall, seat, t)
        return
    _give_turn(hall, seat)
    _seat(hall, seat, t)
    c = hall.seats[seat]
    if c.begun == 0:
        plan(hall, t + c.patience, IMPATIENT, c.number, 2 * len(hall.workers) + seat)


@inlined
def _give_turn(hall: Any, seat: int) -> None:
    hall.seats[seat].turn = hall.state[0].turns
    hall.state[0].turns += 1


@part
def _refuse(hall: Any, seat: int, t: float) -> None:
    share = hall.switches[0].retry_share
    c = hall.seats[seat]
    again = c.came < hall.switches[0].retry_attempts and share > 0
    if again and (share >= 1 or draw(hall, RETURNS) < share):
        plan(hall, t + draw(hall, DELAYS), RETURNED, c.number, 2 * len(hall.workers) + seat)
    else:
        _leave(hall, seat, t, LOST)


@inlined
def _wait(hall: Any, seat: int) -> None:
    state, c = hall.state[0], hall.seats[seat]
    state.waiting = enter(hall.line, hall.ranks, state.waiting, seat, hall.switches[0].order, c.priority, c.turn)


@part
def _seat(hall: Any, seat: int, t: float) -> None:
    worker = free_for(hall, seat)
    if worker == NOBODY:
        _wait(hall, seat)
        return
    interrupted = interrupt(hall, worker, t)
    if interrupted != NOBODY:
        _wait(hall, interrupted)
    _begin(hall, seat, worker, t)


@part
def _begin(hall: Any, seat: int, worker: int, t: float) -> None:
    cancel(hall, 2 * len(hall.workers) + seat)
    c = hall.seats[seat]
    c.begun += 1
    _note_endless(hall, c.begun)
    c.started = t
    c.worker = worker
    begin_work(hall, worker, seat, t)


@inlined
def _note_endless(hall: Any, attempts: int) -> None:
    if attempts > hall.switches[0].limit:
        hall.state[0].endless = 1


@part
def _done(hall: Any, worker: int, t: float) -> None:
    seat = release(hall, worker, t)
    failing = hall.switches[0].failing
    c = hall.seats[seat]
    failed = failing > 0 and draw(hall, FAILURES) < failing
    if not failed:
        _leave(hall, seat, t, SERVED)
    elif c.begun >= hall.switches[0].tries:
        _leave(hall, seat, t, LOST)
    else:
        c.work = c.left = draw(hall, REWORKS)
        _give_turn(hall, seat)
        _wait(hall, seat)
    _take_next(hall, worker, t)


@part
def _take_next(hall: Any, worker: int, t: float) -> None:
    state, order = hall.state[0], hall.switches[0].order
    if state.waiting == 0:
        rest(hall, worker)
        return
    choice = draw(hall, CHOICES) if order == RANDOM else 0.0
    seat = take(hall.line, hall.ranks, state.waiting, order, choice)
    state.waiting -= 1
    _begin(hall, seat, worker, t)


@part
def _broken(hall: Any, worker: int, t: float) -> None:
    seat = break_down(hall, worker, t)
    if seat == NOBODY or hall.switches[0].keeps:
        return
    if hall.switches[0].redelivery == math.inf:
        _leave(hall, seat, t, LOST)
    else:
        when = t + hall.switches[0].redelivery
        plan(hall, when, REDELIVERED, hall.seats[seat].number, 2 * len(hall.workers) + seat)


@part
def _leave(hall: Any, seat: int, t: float, fate: int) -> None:
    state, c = hall.state[0], hall.seats[seat]
    row = hall.out[state.rows]
    row.customer, row.arrived, row.started, row.ended = c.number, c.arrived, c.started, t
    row.worker, row.fate, row.priority = c.worker, fate, c.priority
    row.attempts = max(c.came, c.begun)
    state.rows += 1
    state.inside -= 1
    state.seats -= 1
    hall.spare[state.seats] = seat
    if hall.switches[0].closed and state.fed < len(hall.T):
        think(hall, t)
