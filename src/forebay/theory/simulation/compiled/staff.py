"""The workers and the agenda, compiled. See specification.staff and specification.agenda."""

from __future__ import annotations

from typing import Any

import numpy as np

from forebay.theory.simulation.compiled.hall import DOWNS, UPS
from forebay.theory.simulation.compiled.heap import NOWHERE, push, remove
from forebay.theory.simulation.compiled.kernel import inlined, part

NOBODY = -1
NEVER = np.inf
DONE, REPAIRED, REDELIVERED, IMPATIENT, BROKEN, RETURNED, THOUGHT = range(7)
_KIND = 1 << 48  # the kind of an event is above the number of its subject, in one integer that orders both


@inlined
def draw(hall: Any, stream: int) -> float:
    """Return the next number of a stream; it has been seen to that there is one."""
    place = hall.used[stream]
    hall.used[stream] = place + 1
    if place + 1 == hall.numbers.shape[1]:
        hall.state[0].dry = 1
    number: float = hall.numbers[stream, place]
    return number


@inlined
def plan(hall: Any, when: float, event: int, number: int, subject: int) -> None:
    """Let an event happen at that instant, which is never where it is inf."""
    if when < NEVER:
        hall.dates[subject].first = when
        hall.dates[subject].second = event * _KIND + number
        hall.state[0].planned = push(hall.agenda, hall.dates, hall.state[0].planned, subject)


@inlined
def cancel(hall: Any, subject: int) -> float:
    """Let it not happen, and return when it would have: inf when it was not planned."""
    if hall.dates[subject].place == NOWHERE:
        return NEVER
    hall.state[0].planned = remove(hall.agenda, hall.dates, hall.state[0].planned, subject)
    when: float = hall.dates[subject].first
    return when


@inlined
def event_of(hall: Any, subject: int) -> int:
    """Return what happens to a subject of the agenda."""
    return int(hall.dates[subject].second // _KIND)


@part
def free_for(hall: Any, seat: int) -> int:
    """Return an idle worker, or the one at the least urgent work if that is less urgent and may be interrupted."""
    if hall.state[0].idle:
        return _lowest_idle(hall)
    if not hall.switches[0].preemptive:
        return NOBODY
    least, chosen = hall.seats[seat].priority, NOBODY
    for worker in range(len(hall.workers)):
        served = hall.workers[worker].seat
        if served != NOBODY and not hall.workers[worker].broken and hall.seats[served].priority > least:
            least, chosen = hall.seats[served].priority, worker
    return chosen


@part
def _lowest_idle(hall: Any) -> int:
    worker = 0
    while not hall.idle[worker]:
        worker += 1
    return worker


@part
def interrupt(hall: Any, worker: int, t: float) -> int:
    """Take the work away from a worker, and return whose it is; nobody's when it is idle."""
    seat: int = hall.workers[worker].seat
    if seat == NOBODY:
        _rest_no_more(hall, worker)
    else:
        hall.seats[seat].left = cancel(hall, worker) - t
        _stop_clock(hall, worker, t)
        hall.workers[worker].seat = NOBODY
    return seat


@part
def begin_work(hall: Any, worker: int, seat: int, t: float) -> None:
    """Let a worker begin, or resume."""
    hall.workers[worker].seat = seat
    plan(hall, t + hall.seats[seat].left, DONE, worker, worker)
    if not hall.switches[0].idle_too:
        plan(hall, t + hall.workers[worker].up_left, BROKEN, worker, len(hall.workers) + worker)


@inlined
def release(hall: Any, worker: int, t: float) -> int:
    """Take note that work is done, and return whose it was."""
    seat: int = hall.workers[worker].seat
    hall.workers[worker].seat = NOBODY
    _stop_clock(hall, worker, t)
    return seat


@inlined
def rest(hall: Any, worker: int) -> None:
    """Let a worker be idle."""
    hall.idle[worker] = True
    hall.state[0].idle += 1


@inlined
def _rest_no_more(hall: Any, worker: int) -> None:
    hall.idle[worker] = False
    hall.state[0].idle -= 1


@part
def break_down(hall: Any, worker: int, t: float) -> int:
    """Let a worker break down, and return the customer that it held; it keeps the one that it will resume."""
    hall.workers[worker].broken = 1
    seat: int = hall.workers[worker].seat
    due = cancel(hall, worker)
    plan(hall, t + draw(hall, DOWNS), REPAIRED, worker, worker)
    if seat == NOBODY:
        _rest_no_more(hall, worker)
        return NOBODY
    hall.seats[seat].left = due - t
    if not hall.switches[0].keeps:
        hall.workers[worker].seat = NOBODY
    return seat


@part
def repair(hall: Any, worker: int, t: float) -> bool:
    """Let a worker be back, and return whether it is free: else it resumes."""
    hall.workers[worker].broken = 0
    wind_up(hall, worker, t)
    seat: int = hall.workers[worker].seat
    if seat != NOBODY:
        begin_work(hall, worker, seat, t)
    return seat == NOBODY


@part
def wind_up(hall: Any, worker: int, t: float) -> None:
    """Draw how long a worker will not break down."""
    up = draw(hall, UPS)
    if hall.switches[0].idle_too:
        plan(hall, t + up, BROKEN, worker, len(hall.workers) + worker)
    else:
        hall.workers[worker].up_left = up


@inlined
def _stop_clock(hall: Any, worker: int, t: float) -> None:
    if not hall.switches[0].idle_too:
        hall.workers[worker].up_left = cancel(hall, len(hall.workers) + worker) - t
