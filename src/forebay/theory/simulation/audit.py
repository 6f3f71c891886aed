"""The laws that hold on every path, whoever made it: a broken engine is caught before anybody believes it."""

# ruff: noqa: N803, N806 - the letters of the formulas

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from forebay.errors import ForebayError
from forebay.theory.path import Fate, Path, Seconds
from forebay.theory.simulation.block import Block
from forebay.theory.simulation.rules import Rules

_CLOSE = 1e-9


class Broken(ForebayError):
    """A path breaks a law of queues: the engine that made it is wrong, and so would be every number from it."""


def audit(path: Path, rules: Rules, work: float | None = None) -> None:
    """Check a path on which everybody has left.

    Time runs forwards; Little: ∫N dt is the sum of the times in the system; nobody stands in a place that is not there;
    no more work at once than there are workers; no worker idles while somebody waits, unless workers break down; and
    the workers have done the work that was brought.
    Source: J. D. C. Little, "A proof for the queuing formula L = λW", Operations Research 9(3) (1961); the utilisation
    law is that of P. J. Denning, J. P. Buzen, "The operational analysis of queueing network models" (1978).

    Arguments:
        work: seconds that all customers brought; None: not known.

    Raises:
        Broken: names the law.
    """
    inside = path.fate != Fate.LOST
    _require(np.all(path.ended[inside] >= path.arrived[inside]), "somebody leaves before it comes")
    served = path.served
    _require(np.all(path.started[served] >= path.arrived[served]), "work begins before its customer comes")
    _require(not np.any(path.fate == Fate.UNFINISHED), "somebody never leaves")
    t, N = path.in_system()
    area = float((N[:-1] * np.diff(t)).sum()) if len(t) else 0.0
    sojourns = float((path.ended[inside] - path.arrived[inside]).sum())
    scale = max(sojourns, float(t[-1]) if len(t) else 0.0)
    _require(math.isclose(area, sojourns, rel_tol=_CLOSE, abs_tol=_CLOSE * scale), "Little's law does not hold")
    if not (rules.breaking or rules.preemptive or rules.retry_share or rules.failing):
        _audit_workers(path, rules, t, N)
        if work is not None and path.served.all():
            rounding = 2 * len(path) * math.ulp(float(path.ended.max())) if len(path) else 0.0
            done = math.isclose(float(path.services.sum()), work, rel_tol=_CLOSE, abs_tol=rounding)
            _require(done, "the workers have not done the work that was brought")


class Books:
    """What goes into a long run and what comes out of it, block by block, by the sums alone.

    Nobody leaves before it comes or is begun before; the workers do no more work than was brought, and no more than
    they have time for; where nobody is lost or leaves, and none is inside, they do all of it.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._plain = not (rules.breaking or rules.preemptive or rules.retry_share or rules.failing)
        self._brought = self._done = self._last = 0.0
        self._decided, self._all_served = 0, True

    def add(self, S: Seconds, block: Block, inside: int) -> None:
        """Enter customers with their work, and those that are decided by now.

        Arguments:
            S: seconds of work, shape (customers,). inside: how many came that are not decided.

        Raises:
            Broken: names the law.
        """
        self._brought += float(S.sum())
        if not len(block):
            return
        _require(not np.any(block.ended < block.arrived), "somebody leaves before it comes")
        _require(not np.any(block.started < block.arrived), "work begins before its customer comes")
        served = block.fate == Fate.SERVED
        self._all_served = self._all_served and bool(served.all())
        self._done += float((block.ended - block.started).sum(where=served))
        self._last = max(self._last, float(block.ended.max()))
        self._decided += len(block)
        if self._plain:
            self._close(inside)

    def _close(self, inside: int) -> None:
        rounding = _CLOSE * self._brought + 2 * self._decided * math.ulp(self._last)
        _require(self._done <= self._brought + rounding, "the workers have done more work than was brought")
        if math.isfinite(self._rules.workers):
            possible = self._rules.workers * self._last
            _require(self._done <= possible + rounding, "the workers have worked for longer than there was time")
        if self._all_served and not inside:
            _require(self._done >= self._brought - rounding, "the workers have not done the work that was brought")


def _audit_workers(path: Path, rules: Rules, t: Seconds, N: NDArray[np.int64]) -> None:
    """Check places and workers where every customer has one wait and then one work."""
    _require(not len(N) or N.max() <= rules.n + rules.q, "more customers are inside than there are places")
    since, waiting = path.waiting()
    queue = np.append(0, waiting)[np.searchsorted(since, t, side="right")]
    busy = N - queue
    _require(not len(N) or busy.max() <= rules.workers, "more are in work than there are workers")
    _require(np.all((queue == 0) | (busy == rules.workers)), "a worker idles while somebody waits")


def _require(holds: object, law: str) -> None:
    if not holds:
        raise Broken(f"the simulation is wrong: {law}", "this is an error of forebay; please report it with its seed")
