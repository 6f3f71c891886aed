"""How many workers, and how many places: the smallest numbers that keep all promises, and what their neighbours do."""

from __future__ import annotations

import math
from collections.abc import Sequence

from forebay.errors import ForebayError, UsageError
from forebay.theory.laws import Exponential, Law
from forebay.theory.models.erlang import erlang_b_workers, square_root_staffing
from forebay.theory.planning.capacity_plan import Neighbour, Plan
from forebay.theory.planning.outlook import Demand, Outlook
from forebay.theory.planning.promises import Promise, Quantity, promise
from forebay.theory.planning.search import Search
from forebay.theory.planning.stand_ins import stand_ins
from forebay.theory.system import Load
from forebay.theory.varying.waits import survival

WAITS = 0.2
"""The share that waits, for which the square-root rule is shown."""
BLOCKING = 0.001
"""The loss of a service without a queue that is compared, where none is promised."""
_LESS = 0.1
"""Of the places, that a neighbour has fewer where the formula is approximate."""


class Unkeepable(ForebayError):
    """No number of workers keeps a promise."""


def plan(
    load: Load | float,
    service: Law | float,
    promises: Sequence[Promise | str],
    *,
    n: int | None = None,
    q: float | None = None,
    seconds: float | None = None,
    backlog: int = 0,
    cost: float | None = None,
) -> Plan:
    """Return the fewest workers and places that keep all promises.

    Arguments:
        load: S(t) of Poisson arrivals, or their constant rate, per second.
        service: the law of the work of one worker, or the mean of exponential work, seconds.
        promises: as `promise` reads them.
        n: workers, if they are given; q: places, if they are given. Where no loss is promised and no places are given
            there is no limit.
        seconds: how long the load lasts, once; None: a constant rate for ever, or a load with an attribute `period`
            again and again.
        backlog: how many wait at the beginning.
        cost: of one worker, an hour.

    Raises:
        Unkeepable: no such numbers exist; it says why.
        UsageError: numbers without meaning, or no promise.
    """
    law = Exponential(float(service)) if isinstance(service, int | float) else service
    asked = tuple(promise(one) if isinstance(one, str) else one for one in promises)
    if not asked:
        raise UsageError("nothing is promised", "give at least one: 'p99<5s'")
    period: float | None = getattr(load, "period", None) if seconds is None else None
    demand = Demand(load, law, seconds or period, period is not None, backlog)
    _check_work(law, asked)
    search = Search(demand, asked, q)
    least, most = _bounds(demand, asked, q) if n is None else (n, n)
    workers = search.workers(least, most)
    places = None if workers is None else search.places(workers)
    if workers is None or places is None:
        raise _unkeepable(search, n, most)
    return _told(search, workers, places, cost)


def _check_work(service: Law, promises: Sequence[Promise]) -> None:
    """Refuse what the work alone breaks, whoever waits or not."""
    for one in promises:
        if one.quantity is not Quantity.SOJOURN:
            continue
        if one.percent is None and not one.kept(service.mean):
            raise Unkeepable(
                f"{one} cannot be kept: the work alone takes {one.show(service.mean)} on average", _QUICKER
            )
        if one.percent is not None and survival(service, one.limit) > 1 - one.percent / 100:
            share = survival(service, one.limit)
            raise Unkeepable(
                f"{one} cannot be kept: the work alone takes longer than {one.show(one.limit)} in {share:.2%} of cases",
                _QUICKER,
            )


_QUICKER = "no number of workers makes one piece of work quicker; promise more time, or less of them: p95, p90"


def _bounds(demand: Demand, promises: Sequence[Promise], q: float | None) -> tuple[int, int]:
    """Return workers of which fewer cannot suffice, and more are never needed."""
    a, peak = demand.mean_rate * demand.service.mean, demand.peak_rate * demand.service.mean
    losses = [one.limit for one in promises if one.quantity is Quantity.LOSS]
    busy = [one.limit for one in promises if one.quantity is Quantity.UTILISATION]
    least = 1.0
    if demand.seconds is None or demand.periodic:
        lossless = q is None or math.isinf(q)
        least = a * (1 - min(losses)) if losses else (a if lossless else 1.0)
    most = peak + 40 * math.sqrt(peak) + 40 + demand.backlog
    if busy and min(busy) > 0:
        most = max(most, 2 * a / min(busy) + 1)
    return max(1, math.floor(least)), math.ceil(most)


def _unkeepable(search: Search, n: int | None, most: int) -> Unkeepable:
    workers = most if n is None else n
    outlook = search.look(workers, math.inf if search.q is None else search.q)
    if outlook.growing and not search.broken(outlook):
        return Unkeepable(
            f"with {workers} workers the backlog grows for ever, which no promise forbids but no service survives",
            "leave the number of workers open, or give places: what finds none is lost, and can be promised",
        )
    broken = search.broken(outlook) or search.promises
    told = ", ".join(f"{one.name} is {one.show(outlook.value(one))}" for one in broken)
    hint = (
        "promise less, or let more wait" if n is None else "leave the number of workers open, and see how many it takes"
    )
    return Unkeepable(f"{' and '.join(map(str, broken))} cannot be kept: with {workers} workers {told}", hint)


def _told(search: Search, n: int, q: float, cost: float | None) -> Plan:
    demand, outlook = search.demand, search.look(n, q)
    losses = [one.limit for one in search.promises if one.quantity is Quantity.LOSS and one.limit > 0]
    peak = demand.peak_rate * demand.service.mean
    around = _around(n, q, search.q is None, outlook.exact)
    return Plan(
        demand=demand,
        promises=tuple(search.promises),
        n=n,
        q=q,
        outlook=outlook,
        neighbours=tuple(_neighbour(search, search.look(*pair)) for pair in around),
        drain=outlook.drain(),
        square_root=square_root_staffing(peak, WAITS),
        unlevelled=erlang_b_workers(peak, min([BLOCKING, *losses])),
        cost=cost,
        instead=stand_ins(outlook, search.promises),
    )


def _around(n: int, q: float, free: bool, exact: bool) -> Sequence[tuple[int, float]]:
    """Return the numbers of the neighbours, and of the plan among them."""
    pairs = [(n - 1, q), (n, q), (n + 1, q)] if n > 1 else [(n, q), (n + 1, q)]
    if free and math.isfinite(q):
        less = q - 1 if exact else math.floor(q * (1 - _LESS))
        pairs += [(n, max(0, q // 2)), (n, max(0, less)), (n, 2 * q)] if q else [(n, 1)]
    return sorted(set(pairs))


def _neighbour(search: Search, outlook: Outlook) -> Neighbour:
    values = {one.name: outlook.value(one) for one in search.promises}
    return Neighbour(outlook.n, outlook.q, values, search.broken(outlook), outlook.growing)
