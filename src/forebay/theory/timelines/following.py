"""Follows requests through a system exactly, and says where each was when: the maker of timelines.

At one instant the order is: who is ready leaves, then the queue moves to the free workers, then who comes comes, in the
order of the batch; the free worker with the lowest number takes the next. With another order at one instant a system
whose places are just enough (D/D/1/1 with two together and half a period of work each) would lose every second one.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.theory.laws import Deterministic
from forebay.theory.path import Fate, Path
from forebay.theory.system import System
from forebay.theory.timelines.exact import Time, rational, show
from forebay.theory.timelines.timeline import Stay, Timeline, Visit

PERIODS = 4
"""How many periods are drawn where nothing is said, as the lecture does."""
MOST = 2000
"""Requests beyond which nobody can see anything in a timeline."""


def follow(
    arrivals: Iterable[Time],
    services: Iterable[Time] | Time,
    n: float = 1,
    q: float = math.inf,
    *,
    until: Time | None = None,
    discipline: Discipline = Discipline.FIFO,
    name: str = "",
    note: str = "",
) -> Timeline:
    """Return what becomes of requests whose arrivals and work are given.

    Arguments:
        arrivals: instants, seconds, from 0; equal ones are a batch in the order given. Fractions stay exact; a float
            becomes the simplest fraction that it can stand for.
        services: seconds of work, one for each arrival (the lost ones too), or one for all.
        n: workers; inf: one for each. q: waiting places.
        until: end of what is drawn, seconds; None: when the last one has left.
        discipline: FIFO or LIFO.

    Raises:
        UsageError: times below 0, fewer services than arrivals, a discipline that needs more than the two lists.
    """
    came = sorted(rational(time) for time in arrivals)
    work = [rational(time) for time in _work(services, len(came))]
    if discipline not in (Discipline.FIFO, Discipline.LIFO):
        raise UsageError(f"a timeline is exact, {discipline} is not", "draw fifo or lifo, or a simulated path")
    if any(time < 0 for time in [*came, *work]):
        raise UsageError("a time below 0 has no place in a timeline", "arrivals and services are seconds from 0")
    desk = _Desk(n, q, discipline, work)
    for number, now in enumerate(came, 1):
        desk.leave(now)
        desk.arrive(number, now)
    desk.leave(None)
    end = max([*came, *(ended for _, _, ended in desk.begun.values())], default=Fraction(0))
    end = rational(until) if until is not None else end
    if end <= 0:
        raise UsageError("a timeline of no length shows nothing", "give at least one request, or until above 0")
    visits = [desk.visit(number, now) for number, now in enumerate(came, 1) if now < end]
    lanes = max((visit.worker or 0 for visit in visits), default=0) if math.isinf(n) else int(n)
    return Timeline(name, _placed(visits, end), lanes, q, end, note=note, limited=math.isfinite(n))


def follow_system(system: System, seconds: Time | None = None, name: str = "", *, begin: Time = 0) -> Timeline:
    """Return the timeline of D/D/n/q: `batch` come together at 0 and then every period.

    Arguments:
        seconds: how long it is; None: four periods, or four times the work where that is longer. begin: from when on.

    Raises:
        UsageError: arrivals or work are not of the law D, or there is more than a timeline shows.
    """
    if not (isinstance(system.arrivals, Deterministic) and isinstance(system.service, Deterministic)):
        raise UsageError("only D/D/n/q has a timeline that follows from its name", "simulate another one and draw that")
    period, work = rational(system.arrivals.mean), rational(system.service.mean)
    long = rational(seconds) if seconds is not None else period * max(PERIODS, math.ceil(PERIODS * work / period))
    first = rational(begin)
    end = first + long
    times = math.ceil(end / period)
    if times * system.batch + system.backlog > MOST:
        raise UsageError(f"a timeline of {times * system.batch:,} requests shows nothing", "draw less: --for 4ms")
    backlog = [Fraction(0)] * system.backlog
    came = [*backlog, *(i * period for i in range(times) for _ in range(system.batch))]
    note = f"{system.batch} together every {{}}" if system.batch > 1 else "one every {}"
    note = f"{note.format(show(period))}, {show(work)} of work each"
    whole = follow(
        came, work, system.n, system.q, until=end, discipline=system.discipline, name=name or "D/D", note=note
    )
    there = tuple(v for v in whole.visits if v.arrived >= first or (v.ended is not None and v.ended > first))
    return replace(whole, visits=there, begin=first)


def follow_path(
    path: Path, begin: Time | None = None, end: Time | None = None, name: str = "", q: float = math.inf, note: str = ""
) -> Timeline:
    """Return the timeline of a simulation, or of the log of a run, between two instants.

    Where it is not told which worker had whom, each is on the lowest lane that was free.

    Raises:
        UsageError: nothing happened in that time, or more than a timeline shows, or it is not told when work began.
    """
    if not len(path):
        raise UsageError("there is nothing to draw: nobody came", "draw a longer time, or another log")
    first = Fraction(float(path.arrived[0])) if begin is None else Fraction(begin)
    last = Fraction(float(np.nanmax(np.append(path.ended, path.arrived[-1])))) if end is None else Fraction(end)
    there = (path.arrived < float(last)) & ~(path.ended < float(first))
    chosen = np.flatnonzero(there)
    if not 0 < len(chosen) <= MOST or last <= first:
        raise UsageError(f"a timeline of {len(chosen):,} requests shows nothing", "draw a shorter or another time")
    visits = [_visit(path, int(i), number) for number, i in enumerate(chosen, 1)]
    _check_begun(visits)
    told = all(visit.worker for visit in visits if visit.started is not None)
    visits = visits if told else list(_dealt(visits, first, last))
    lanes = max((visit.worker or 0 for visit in visits), default=0)
    lanes = max(lanes, int(path.workers) if math.isfinite(path.workers) else 0)
    return Timeline(
        name, _placed(visits, last), lanes, q, last, first, note,
        limited=math.isfinite(path.workers) and (told or path.workers > 0), named=told or math.isinf(path.workers),
    )  # fmt: skip


def _check_begun(visits: Sequence[Visit]) -> None:
    """Refuse what does not tell who waited and who was at work."""
    unknown = [visit for visit in visits if visit.fate is Fate.SERVED and visit.started is None]
    if unknown:
        raise UsageError(
            f"of {len(unknown):,} of {len(visits):,} requests it is not told when their work began",
            "number and cumulative need only when they came and left",
        )


def _dealt(visits: Sequence[Visit], begin: Fraction, end: Fraction) -> Iterator[Visit]:
    """Yield the visits, each that was at work between two instants on the lowest lane that was free when it began."""
    works = [(v.started, math.inf if v.ended is None else v.ended, v.number) for v in visits if v.started is not None]
    busy: list[tuple[Fraction | float, int]] = []
    free: list[int] = []
    lane: dict[int, int] = {}
    for started, ended, number in sorted(works):
        if started >= end or ended <= begin:
            continue
        while busy and busy[0][0] <= started:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane[number] = heapq.heappop(free) if free else len(busy) + 1
        heapq.heappush(busy, (ended, lane[number]))
    for visit in visits:
        yield replace(visit, worker=lane.get(visit.number))


@dataclass(slots=True)
class _Desk:
    """Free workers, those in work, and the line before them."""

    n: float
    q: float
    discipline: Discipline
    work: Sequence[Fraction]
    waiting: list[int] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    busy: list[tuple[Fraction, int]] = field(default_factory=list)
    begun: dict[int, tuple[int, Fraction, Fraction]] = field(default_factory=dict)
    """Request to its worker, and the begin and the end of its work."""
    lost: set[int] = field(default_factory=set)
    seen: int = 0
    """How many workers have ever worked."""

    def leave(self, until: Fraction | None) -> None:
        """Let leave who is ready, and move the line, up to an instant and at it; None: till all have left."""
        while self.busy and (until is None or self.busy[0][0] <= until):
            now = self.busy[0][0]
            while self.busy and self.busy[0][0] == now:
                heapq.heappush(self.free, heapq.heappop(self.busy)[1])
            while self.waiting and self.free:
                self._start(self.waiting.pop(0 if self.discipline is Discipline.FIFO else -1), now)

    def arrive(self, number: int, now: Fraction) -> None:
        if self.free or self.seen < self.n:
            self._start(number, now)
        elif len(self.waiting) < self.q:
            self.waiting.append(number)
        else:
            self.lost.add(number)

    def _start(self, number: int, now: Fraction) -> None:
        if not self.free:
            self.seen += 1
            heapq.heappush(self.free, self.seen)
        worker, end = heapq.heappop(self.free), now + self.work[number - 1]
        heapq.heappush(self.busy, (end, worker))
        self.begun[number] = worker, now, end

    def visit(self, number: int, arrived: Fraction) -> Visit:
        if number in self.lost:
            return Visit(number, arrived, Fate.LOST)
        return Visit(number, arrived, Fate.SERVED, *self.begun[number])


def _work(services: Iterable[Time] | Time, count: int) -> list[Time]:
    if isinstance(services, Fraction | float | int):
        return [services] * count
    work = list(itertools.islice(services, count))
    if len(work) < count:
        raise UsageError(f"{count} arrivals have {len(work)} services", "give one for each, or one number for all")
    return work


def _visit(path: Path, i: int, number: int) -> Visit:
    started, ended, worker = float(path.started[i]), float(path.ended[i]), int(path.worker[i])
    return Visit(
        number,
        Fraction(float(path.arrived[i])),
        Fate(int(path.fate[i])),
        worker + 1 if worker >= 0 else None,
        None if math.isnan(started) else Fraction(started),
        None if math.isnan(ended) else Fraction(ended),
    )


def _placed(visits: Sequence[Visit], end: Fraction) -> tuple[Visit, ...]:
    """Return the visits with the places that they held: the line closes up when somebody leaves it."""
    stays: dict[int, list[Stay]] = {visit.number: [] for visit in visits}
    line: list[int] = []
    since: Fraction = Fraction(0)
    for now, changes in itertools.groupby(sorted(_waits(visits, end)), key=lambda change: change[0]):
        for place, number in enumerate(line, 1):
            held = stays[number]
            if held and held[-1].place == place and held[-1].end == since:
                held[-1] = Stay(place, held[-1].begin, now)
            elif since < now:
                held.append(Stay(place, since, now))
        for _, comes, number in changes:
            line.append(number) if comes else line.remove(number)
        since = now
    return tuple(replace(visit, stays=tuple(stays[visit.number])) for visit in visits)


def _waits(visits: Sequence[Visit], end: Fraction) -> Iterator[tuple[Fraction, bool, int]]:
    """Yield who joins the line and who leaves it, and when; at one instant those who leave first."""
    for visit in visits:
        until = visit.started if visit.started is not None else visit.ended
        until = max(end, visit.arrived) if until is None else until
        if visit.fate is not Fate.LOST and until > visit.arrived:
            yield visit.arrived, True, visit.number
            yield until, False, visit.number
