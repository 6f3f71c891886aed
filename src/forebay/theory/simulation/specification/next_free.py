"""First in, first out: when a customer comes, the instants at which the workers will be free tell its whole fate.

Source: J. Kiefer, J. Wolfowitz, "On the theory of queues with many servers", Trans. Amer. Math. Soc. 78 (1955): the
vector of the workers' remaining work. Here it is kept as the instants at which they end, so that it need not be aged.
"""
# ruff: noqa: N803 - the letters of the formulas

from __future__ import annotations

import math
from collections import deque
from heapq import heappop, heappush, heapreplace

import numpy as np

from forebay.theory.path import Fate
from forebay.theory.simulation.block import Block, Priorities, Seconds
from forebay.theory.simulation.rules import Rules


class NextFree:
    """Customers are served in the order in which they come; who finds q waiting is lost."""

    inside = 0

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._customers = 0
        self._busy: list[tuple[float, int]] = []  # a heap of (when its work ends, worker)
        self._idle = list(range(int(rules.n))) if math.isfinite(rules.n) else []  # a heap: lowest number first
        self._places: deque[float] = deque()  # when each of those who wait will begin; not falling

    def feed(
        self, T: Seconds, S: Seconds, patience: Seconds | None = None, priority: Priorities | None = None
    ) -> Block:
        """See Engine; every end is decided at once."""
        first = self._customers
        self._customers += len(T)
        fates = self._unlimited if math.isinf(self._rules.n) else self._fates
        started, ended, worker = fates(T.tolist(), S.tolist())
        starts = np.array(started, dtype=np.float64)
        classes = np.zeros(len(T), dtype=np.int32) if priority is None else priority
        return Block(
            customer=np.arange(first, self._customers),
            arrived=T,
            started=starts,
            ended=np.array(ended, dtype=np.float64),
            worker=np.array(worker, dtype=np.int32),
            fate=np.where(np.isnan(starts), Fate.LOST, Fate.SERVED).astype(np.int8),
            priority=classes if self._rules.classes > 1 else None,
        )

    def finish(self) -> Block:
        """Return nobody."""
        return self.feed(np.zeros(0), np.zeros(0))

    def _fates(self, T: list[float], S: list[float]) -> tuple[list[float], list[float], list[int]]:
        """Return when work began (nan: never), when each left, and its worker (-1: none)."""
        busy, idle, places, q = self._busy, self._idle, self._places, self._rules.q
        started, ended, workers = [], [], []
        for t, s in zip(T, S, strict=True):
            while busy and busy[0][0] <= t:  # departures
                heappush(idle, heappop(busy)[1])
            while places and places[0] <= t:  # then moves to a worker
                places.popleft()
            if idle:  # then who comes
                start, worker = t, heappop(idle)
                end = start + s
                heappush(busy, (end, worker))
            elif len(places) < q:
                start, worker = busy[0]
                end = start + s
                heapreplace(busy, (end, worker))
                if q < math.inf:
                    places.append(start)
            else:
                start, end, worker = math.nan, t, -1
            started.append(start)
            ended.append(end)
            workers.append(worker)
        return started, ended, workers

    @staticmethod
    def _unlimited(T: list[float], S: list[float]) -> tuple[list[float], list[float], list[int]]:
        return T, [t + s for t, s in zip(T, S, strict=True)], [-1] * len(T)
