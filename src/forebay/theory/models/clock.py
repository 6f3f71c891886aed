"""D/D/n/q: everything by the clock, so everything can be told, to the request.

Every τ a batch of b comes; each takes s. At one instant first those that are done leave, then the waiting move up, then
the new ones come, in order. The state at the batches repeats after some of them, and what happens in between repeats
with it. It is followed in fractions: with floats, whether a worker is free just when somebody comes would be chance.
Nothing is lost, and nobody waits for the batch before, where b ≤ n + q and ⌈b/n⌉s ≤ τ; without limit of the places a
steady state needs bs ≤ nτ, else the backlog grows by b/τ − n/s.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from forebay.quantity import show_seconds
from forebay.theory.laws import Deterministic
from forebay.theory.models.model import Model
from forebay.theory.models.steady import asked, growing, steady
from forebay.theory.percentiles import Tail
from forebay.theory.solution import Solution
from forebay.theory.system import System

SOURCE = "the timeline itself, in rational numbers: who is done leaves, then the waiting move up, then others come"
_FINEST = 10**6
_MOST_BATCHES = 20_000
_TOLD = 8


@dataclass(frozen=True, slots=True)
class Cycle:
    """What repeats for ever in D/D/n/q.

    Arguments:
        waits: of every request of the cycle in the order of coming, in units of τ; None: lost.
        batches: how many batches the cycle has.
        complete: False where none was found, and these are the batches that were looked at.
    """

    waits: tuple[Fraction | None, ...]
    batches: int
    complete: bool = True

    @property
    def accepted(self) -> list[Fraction]:
        """The waits of those that were not lost, in units of τ."""
        return [wait for wait in self.waits if wait is not None]

    @property
    def loss(self) -> Fraction:
        """The share that is lost."""
        return Fraction(self.waits.count(None), len(self.waits))


def clock_cycle(service: Fraction, batch: int = 1, n: float = 1, q: float = math.inf) -> Cycle:
    """Return the cycle of D/D/n/q with a batch at 0, 1, 2, ...

    Arguments:
        service: s/τ. batch: b. n: workers, q: waiting places; inf is possible for either where bs/τ ≤ n.
    """
    ends: deque[Fraction] = deque()
    waits: list[Fraction | None] = []
    seen: dict[tuple[Fraction, ...], int] = {}
    for now in range(_MOST_BATCHES):
        while ends and ends[0] <= now:
            ends.popleft()
        state = tuple(end - now for end in ends)
        if state in seen:
            return Cycle(tuple(waits[seen[state] * batch :]), now - seen[state])
        seen[state] = now
        waits += [_admit(ends, Fraction(now), service, n, q) for _ in range(batch)]
    return Cycle(tuple(waits[len(waits) // 2 :]), _MOST_BATCHES // 2, complete=False)


def _admit(ends: deque[Fraction], now: Fraction, service: Fraction, n: float, q: float) -> Fraction | None:
    """Let one in, whose work begins when all but n − 1 of those before it are done; all take as long, so in order."""
    if len(ends) >= n + q:
        return None
    start = ends[len(ends) - int(n)] if len(ends) >= n else now
    ends.append(start + service)
    return start - now


def solve_clock(system: System) -> Solution:
    """Return the answer for D/D/n/q."""
    assert isinstance(system.arrivals, Deterministic)
    tau, s, n = system.arrivals.mean, system.service.mean, system.n
    together = _reading(system.batch, tau)
    service = Fraction(s / tau).limit_denominator(_FINEST)
    if math.isinf(system.q) and system.batch * service > n:
        growth = system.batch / tau - n / s
        return growing(system, "D/D/n", SOURCE, growth, notes=together)
    cycle = clock_cycle(service, system.batch, n, system.q)
    waits = sorted(float(wait) * tau for wait in cycle.accepted)
    p0 = 1 - float(len(waits) * service) / cycle.batches if n == 1 else None
    return steady(
        system,
        "D/D/n/q, followed through one cycle",
        SOURCE,
        Wq=math.fsum(waits) / len(waits),
        loss=float(cycle.loss),
        p0=p0,
        p_wait=sum(wait > 0 for wait in waits) / len(waits),
        wait_tail=_share_above(waits),
        sojourn_tail=_share_above([wait + s for wait in waits]),
        exact=cycle.complete,
        error="" if cycle.complete else f"no cycle within {_MOST_BATCHES} batches; the mean of the last half",
        notes=together + _every_request(cycle, tau, s),
    )


def _share_above(times: list[float]) -> Tail:
    return lambda t: sum(time > t for time in times) / len(times)


def _reading(batch: int, tau: float) -> tuple[str, ...]:
    if batch == 1:
        return ()
    return (f"{batch} come together every {show_seconds(tau)}; --apart sets them apart evenly",)


def _every_request(cycle: Cycle, tau: float, s: float) -> tuple[str, ...]:
    """Return a line for each request of a cycle, where there are few."""
    count = len(cycle.waits)
    if count > _TOLD:
        return (f"repeats every {cycle.batches} batches",) if cycle.complete else ()
    return tuple(f"request {i} of {count}: {_fate(wait, tau, s)}" for i, wait in enumerate(cycle.waits, 1))


def _fate(wait: Fraction | None, tau: float, s: float) -> str:
    if wait is None:
        return "lost"
    seconds = float(wait) * tau
    return f"waits {show_seconds(seconds)}, done after {show_seconds(seconds + s)}"


def _fits(system: System) -> bool:
    by_the_clock = isinstance(system.arrivals, Deterministic) and isinstance(system.service, Deterministic)
    return by_the_clock and asked(system) <= {"batch"}


MODELS = (Model("D/D/n/q", _fits, solve_clock),)
