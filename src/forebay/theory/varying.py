"""Mt/G/n/q: random arrivals whose rate changes with time, solved instead of averaged away.

The forward equations of the chain that stands for the system are solved over the time, or over period after period
until nothing changes any more. For exponential work that is the truth, for other laws a diffusion. What it is for, and
what is done where nobody solves them (see `stand_ins`): L. Green, P. Kolesar, W. Whitt, "Coping with Time-Varying
Demand When Setting Staffing Requirements for a Service System" (2007).
"""

# ruff: noqa: N806 - the letters of the formulas
from __future__ import annotations

import math
from dataclasses import replace

from forebay.errors import UsageError
from forebay.theory.chain import SEGMENTS, Chain, Followed, Setting
from forebay.theory.evolution import Evolution
from forebay.theory.forward import Hill
from forebay.theory.laws import Law
from forebay.theory.system import Load

EVENTS = 40_000
"""Of a period, that are followed one by one; beyond, states are several messages apart."""
_MOST = 1.5e5
"""Steps that are taken in one period; more take too long."""
_WIDTH = 10
"""States that a backlog is spread over at least."""
_CYCLES = 16
_SETTLED = 1e-6
_ENOUGH = 0.5
_LEAST_ROOM = 1e-3


def evolve(
    load: Load | float,
    service: Law | float,
    n: int,
    q: float = math.inf,
    *,
    seconds: float,
    periodic: bool = False,
    backlog: int = 0,
    events: float = EVENTS,
    steps: int = 4,
    begin: Evolution | None = None,
) -> Evolution:
    """Return how the system fares under a load.

    Arguments:
        load: S(t) of Poisson arrivals, or their constant rate, per second. service: the law of the work, or the mean
            of exponential work, seconds.
        n: workers. q: waiting places; inf: no limit.
        seconds: how long it is followed; the period where it is `periodic`, which is repeated until nothing changes
            from one to the next.
        backlog: how many wait at the beginning, when the workers begin.
        events: arrivals and ends of work that are followed one by one; of more, so many together that there are not.
        steps: at least so many in each 256th of the time, for more digits.
        begin: an answer for similar numbers, with whose end a periodic one begins; it saves time.

    Raises:
        UsageError: numbers without meaning, or millions of events.
    """
    setting = Setting.of(load, service, n, q, seconds, periodic, backlog)
    setting = replace(setting, unit=_unit(setting, events))
    growth = setting.load.cumulative(seconds) / seconds - setting.capacity
    if periodic and math.isinf(q) and growth >= 0:
        return Evolution.growing(setting, growth)
    chain = Chain.of(setting, backlog)
    followed = chain.follow(_beginning(chain, backlog, begin), steps)
    cycles = 1
    while periodic and not _repeats(followed) and cycles < _CYCLES:
        followed = chain.follow(followed.hills[-1], steps)
        cycles += 1
    return Evolution.of(setting, followed, settled=not periodic or _repeats(followed))


def _unit(setting: Setting, events: float) -> int:
    """Return how many messages apart the states may be: many events together, but far less than a backlog varies by."""
    H, C, cumulative = setting.seconds / SEGMENTS, setting.capacity, setting.load.cumulative
    came = [cumulative((i + 1) * H) - cumulative(i * H) for i in range(SEGMENTS)]
    above = sum(x + C * H for x in came if x > C * H)
    spread = math.sqrt(above) if above else 1 / max(1 - max(came) / (C * H), _LEAST_ROOM)
    unit = max(1, min(math.ceil(math.sqrt(setting.events / events)), int(spread / _WIDTH)))
    steps = setting.events / unit**2 + (C * setting.seconds / unit / 2 if unit > 1 else 0)  # by variance, by drift
    if steps > _MOST:
        raise UsageError(
            f"{setting.events:,.0f} arrivals and ends of work are too many to follow",
            "what changes so slowly is steady at its crest: take its highest rate, or a shorter part of it",
        )
    return unit


def _repeats(followed: Followed) -> bool:
    return followed.hills[-1].differs(followed.hills[0]) <= _SETTLED


def _beginning(chain: Chain, backlog: int, begin: Evolution | None) -> Hill:
    """Return the state at the beginning."""
    if begin is None or not begin.hills or not chain.setting.periodic or begin.setting.unit != chain.setting.unit:
        return chain.beginning(backlog)
    last = begin.hills[-1]
    p = last.p[: max(0, len(chain.busy) - last.low)]
    return Hill(last.low, p / p.sum()) if p.sum() > _ENOUGH else chain.beginning(backlog)
