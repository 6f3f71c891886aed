"""Mt/G/n/q: random arrivals whose rate changes with time, solved instead of averaged away.

The forward equations of the chain that stands for the system are solved over the time, or over period after period
until nothing changes any more. For exponential work that is the truth, for other laws a diffusion. What it is for, and
what is done where nobody solves them (see `stand_ins`): L. Green, P. Kolesar, W. Whitt, "Coping with Time-Varying
Demand When Setting Staffing Requirements for a Service System" (2007).
"""

from __future__ import annotations

import math

from forebay.theory.laws import Law
from forebay.theory.system import Load
from forebay.theory.varying.chain import Chain, Followed, Setting
from forebay.theory.varying.evolution import Evolution
from forebay.theory.varying.forward import Hill
from forebay.theory.varying.levelled import levelled

EVENTS = 12_000
"""Of a period, that are followed one by one; beyond, the fluid with its Gaussian term answers."""
_CYCLES = 16
_SETTLED = 1e-6
_ENOUGH = 0.5


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
        events: arrivals and ends of work that are followed one by one; of more the fluid answers, see `levelled`.
        steps: at least so many in each 256th of the time, for more digits.
        begin: an answer for similar numbers, with whose end a periodic one begins; it saves time.

    Raises:
        UsageError: numbers without meaning.
    """
    setting = Setting.of(load, service, n, q, seconds, periodic, backlog)
    growth = setting.load.cumulative(seconds) / seconds - setting.capacity
    if periodic and math.isinf(q) and growth >= 0:
        return Evolution.growing(setting, growth)
    if setting.events > events:
        return levelled(setting, backlog)
    chain = Chain.of(setting, backlog)
    followed = chain.follow(_beginning(chain, backlog, begin), steps)
    cycles = 1
    while periodic and not _repeats(followed) and cycles < _CYCLES:
        followed = chain.follow(followed.hills[-1], steps)
        cycles += 1
    return Evolution.of(setting, followed, settled=not periodic or _repeats(followed))


def _repeats(followed: Followed) -> bool:
    return followed.hills[-1].differs(followed.hills[0]) <= _SETTLED


def _beginning(chain: Chain, backlog: int, begin: Evolution | None) -> Hill:
    """Return the state at the beginning."""
    if begin is None or not begin.hills or not chain.setting.periodic or begin.hills[-1].unit != 1:
        return chain.beginning(backlog)
    last = begin.hills[-1]
    p = last.p[: max(0, len(chain.busy) - last.low)]
    return Hill(last.low, p / p.sum()) if p.sum() > _ENOUGH else chain.beginning(backlog)
