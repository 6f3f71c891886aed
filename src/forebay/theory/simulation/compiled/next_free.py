"""First in, first out, compiled. See specification.next_free."""
# ruff: noqa: N803 - the letters of the formulas

from __future__ import annotations

import math
from typing import Any

import numpy as np

from forebay.theory.path import Fate
from forebay.theory.simulation.block import Block, Priorities, Seconds
from forebay.theory.simulation.compiled.columns import Columns, plain
from forebay.theory.simulation.compiled.kernel import kernel
from forebay.theory.simulation.compiled.tournament import lowest_free, occupy, tournament
from forebay.theory.simulation.rules import Rules

SERVED, LOST = int(Fate.SERVED), int(Fate.LOST)


class NextFree:
    """Customers are served in the order in which they come; who finds q waiting is lost."""

    inside = 0

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._columns = Columns(rules)
        self._customers = 0
        self._tree = tournament(int(rules.n)) if math.isfinite(rules.n) else None
        self._bounded = math.isfinite(rules.q)
        self._places = np.zeros(max(1, int(rules.q)) if self._bounded else 1)  # when each of the last q began
        self._place = np.zeros(1, dtype=np.int64)

    def feed(
        self, T: Seconds, S: Seconds, patience: Seconds | None = None, priority: Priorities | None = None
    ) -> Block:
        """See Engine; every end is decided at once."""
        out = self._columns.of(len(T))
        out.customer[: len(T)] = np.arange(self._customers, self._customers + len(T))
        self._customers += len(T)
        if self._tree is None:
            _unlimited(T, S, out.started, out.ended, out.worker, out.fate)
        else:
            q = int(self._rules.q) if self._bounded else -1
            fates = out.started, out.ended, out.worker, out.fate
            _serve(plain(T), plain(S), q, self._tree, self._places, self._place, *fates)
        return self._columns.block(len(T), arrived=T, priority=priority)

    def finish(self) -> Block:
        """Return nobody."""
        return self.feed(np.zeros(0), np.zeros(0))


def _unlimited(T: Seconds, S: Seconds, started: Seconds, ended: Seconds, worker: Any, fate: Any) -> None:
    m = len(T)
    started[:m] = T
    np.add(T, S, out=ended[:m])
    worker[:m] = -1
    fate[:m] = SERVED


@kernel
def _serve(
    T: Seconds,
    S: Seconds,
    q: int,
    tree: Seconds,
    places: Seconds,
    place: Any,
    started: Seconds,
    ended: Seconds,
    worker: Any,
    fate: Any,
) -> None:
    size = len(tree) >> 1
    here = place[0]
    for k in range(len(T)):
        t = T[k]
        start = tree[1]
        if start <= t:
            start = t
        elif q == 0 or (q > 0 and places[here] > t):  # the q-th before this one has not begun
            started[k] = math.nan
            ended[k] = t
            worker[k] = -1
            fate[k] = LOST
            continue
        if q > 0:
            places[here] = start
            here = here + 1 if here + 1 < q else 0
        leaf = lowest_free(tree, start)
        end = start + S[k]
        occupy(tree, leaf, end)
        started[k] = start
        ended[k] = end
        worker[k] = leaf - size
        fate[k] = SERVED
    place[0] = here
