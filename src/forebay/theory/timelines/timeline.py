"""Timelines: who comes when, where each waits, which worker has it; exact, in fractions of a second.

Requests are numbered from 1, as are workers and waiting places; place 1 holds who has waited longest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from forebay.theory.path import Fate, Path


@dataclass(frozen=True, slots=True)
class Stay:
    """A waiting place that was held, from 1."""

    place: int
    begin: Fraction
    end: Fraction


@dataclass(frozen=True, slots=True)
class Visit:
    """What became of one request; times are seconds.

    Arguments:
        number: from 1, in the order of arrival.
        worker: from 1; None: never in work.
        ended: when it left; None: still there when the watching ended.
        stays: the waiting places that it held, one after the other; waits of no time are none.
    """

    number: int
    arrived: Fraction
    fate: Fate = Fate.SERVED
    worker: int | None = None
    started: Fraction | None = None
    ended: Fraction | None = None
    stays: tuple[Stay, ...] = ()

    @property
    def sojourn(self) -> Fraction | None:
        """The whole time of a served one, seconds."""
        return self.ended - self.arrived if self.fate is Fate.SERVED and self.ended is not None else None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The visits that touch the time from `begin` to `end`, in the order of arrival; who comes at the end is not in.

    Arguments:
        name: of the system. note: how its arrivals are meant.
        workers: how many lanes there are. places: q.
        limited: whether there are no more workers than lanes; else the lanes are as many as were at work at once.
        named: whether it is known which worker had whom; else `worker` is only a lane, the lowest that was free.
    """

    name: str
    visits: tuple[Visit, ...]
    workers: int
    places: float
    end: Fraction
    begin: Fraction = Fraction(0)
    note: str = ""
    limited: bool = True
    named: bool = True

    @property
    def arrivals(self) -> list[Visit]:
        """Who came within the time drawn."""
        return [visit for visit in self.visits if visit.arrived >= self.begin]

    @property
    def lost(self) -> list[Visit]:
        """Who found no place, of the arrivals."""
        return [visit for visit in self.arrivals if visit.fate is Fate.LOST]

    @property
    def left(self) -> list[Visit]:
        """Who was worked off within the time drawn, its end included."""
        ends = [(visit, visit.ended) for visit in self.visits if visit.fate is Fate.SERVED]
        return [visit for visit, ended in ends if ended is not None and self.begin < ended <= self.end]

    @property
    def loss(self) -> Fraction:
        """The share of the arrivals that was lost."""
        return Fraction(len(self.lost), len(self.arrivals)) if self.arrivals else Fraction(0)

    @property
    def throughput(self) -> Fraction:
        """How many were worked off, a second."""
        return len(self.left) / (self.end - self.begin)

    def utilization(self, worker: int | None = None) -> Fraction:
        """Return the share of the time that a worker works; of all together without one."""
        lanes = self.workers if worker is None else 1
        return self.at_work(worker) / lanes if lanes else Fraction(0)

    def at_work(self, worker: int | None = None) -> Fraction:
        """Return how many are at work on average, of all lanes or of one."""
        busy = sum((self._within(v) for v in self.visits if v.worker and worker in (None, v.worker)), Fraction(0))
        return busy / (self.end - self.begin)

    def _within(self, visit: Visit) -> Fraction:
        begin = max(self.begin, visit.started or self.begin)
        return max(Fraction(0), min(self.end, self.end if visit.ended is None else visit.ended) - begin)

    @property
    def deepest(self) -> int:
        """The last waiting place that was ever held."""
        return max((stay.place for visit in self.visits for stay in visit.stays), default=0)

    @property
    def instants(self) -> list[Fraction]:
        """When anything happens, each once, rising."""
        times = {time for v in self.visits for time in (v.arrived, v.started, v.ended) if time is not None}
        return sorted(time for time in times if self.begin <= time <= self.end)

    def path(self) -> Path:
        """Return what became of the customers in floats, for what is computed of paths."""
        visits = self.visits
        return Path(
            arrived=np.array([float(v.arrived) for v in visits]),
            started=np.array([math.nan if v.started is None else float(v.started) for v in visits]),
            ended=np.array([math.nan if v.ended is None else float(v.ended) for v in visits]),
            worker=np.array([(v.worker or 0) - 1 for v in visits], dtype=np.int32),
            fate=np.array([v.fate for v in visits], dtype=np.int8),
            workers=self.workers,
        )
