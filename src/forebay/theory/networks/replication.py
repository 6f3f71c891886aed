"""Replicas: the same service several times, and who decides which of them a request goes to.

    random          each replica gets a part of the stream, chosen by chance: a Poisson stream stays one
    round robin     each replica gets every k-th: the time between two is a sum of k (Poisson: Erlang of k stages)
    shared          one queue before all workers of all replicas

A shared queue is never worse: nobody waits at one replica while another has nothing to do. Source: L. Kleinrock,
"Queueing Systems" II (1976), section 5.1; round robin as E_k/M/n: Kleinrock I (1975), section 6.
"""

from __future__ import annotations

import math
from dataclasses import replace
from enum import StrEnum

from forebay.errors import UsageError
from forebay.quantity import show_seconds
from forebay.theory.laws import Deterministic, Erlang, Exponential, General, Law
from forebay.theory.solution import Solution
from forebay.theory.solving import solve
from forebay.theory.system import System


class Routing(StrEnum):
    """Which replica is next."""

    RANDOM = "random"
    ROUND_ROBIN = "round robin"
    SHARED = "shared"


def replicas(system: System, count: int, routing: Routing | str = Routing.SHARED) -> Solution:
    """Return the answer of `count` replicas together; the parts are those of all three routings.

    Arguments:
        system: one replica; its arrivals are those of all together. count: how many replicas.

    Raises:
        UsageError: the routing is not known, the arrivals do not follow one law, or one of them has no formula.
    """
    try:
        chosen = Routing(routing)
    except ValueError:
        raise UsageError(f"{routing!r} is no routing", f"one of {', '.join(Routing)}") from None
    if count < 1 or not isinstance(system.arrivals, Law) or math.isinf(system.n) or system.batch > 1:
        raise UsageError("replicas need arrivals of one law, one at a time, and a number of workers", "as M/M/1")
    found = {routing: _whole(system, count, routing) for routing in Routing}
    best = found[Routing.SHARED].Wq
    note = f"the mean wait with one shared queue is {show_seconds(best)}; {_beside(found, best)}"
    parts = tuple((str(one), part) for one, part in found.items())
    return replace(found[chosen], parts=parts, notes=(note, *found[chosen].notes))


def _beside(found: dict[Routing, Solution], best: float) -> str:
    told = []
    for routing in (Routing.ROUND_ROBIN, Routing.RANDOM):
        ratio = found[routing].Wq / best if 0 < best < math.inf else math.nan
        longer = "" if math.isnan(ratio) else f", {ratio:.3g} times as long"
        told.append(f"{routing}: {show_seconds(found[routing].Wq)}{longer}")
    return "; ".join(told)


def _whole(system: System, count: int, routing: Routing) -> Solution:
    if routing is Routing.SHARED:
        return solve(replace(system, n=count * system.n, q=count * system.q))
    assert isinstance(system.arrivals, Law)
    split = _by_chance if routing is Routing.RANDOM else _in_turn
    one = solve(replace(system, arrivals=split(system.arrivals, count)))
    of_all = ("arrival_rate", "offered_load", "throughput", "L", "Lq", "growth")
    several = {name: count * getattr(one, name) for name in of_all}
    return replace(one, system=f"{count} times {one.system}", p0=None, **several)


def _by_chance(law: Law, count: int) -> Law:
    """Return the law of the time between two that one replica gets: a geometric number of gaps."""
    if isinstance(law, Exponential) or count == 1:
        return law.with_mean(law.mean * count)
    return General(law.mean * count, 1 + (law.c2 - 1) / count)


def _in_turn(law: Law, count: int) -> Law:
    """Return the law of a sum of `count` gaps."""
    if isinstance(law, Deterministic) or count == 1:
        return law.with_mean(law.mean * count)
    if isinstance(law, Exponential | Erlang):
        return Erlang(law.mean * count, count * (law.k if isinstance(law, Erlang) else 1))
    return General(law.mean * count, law.c2 / count)
