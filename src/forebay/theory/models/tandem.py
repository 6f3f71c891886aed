"""Stations in a row: what is done at one goes on to the next.

Where arrivals are Poisson and the stations are M/M/n without a limit (or have a worker for everyone), the departures
are Poisson again, and the stations are as if alone. Sources: P. J. Burke, "The output of a queueing system" (1956);
J. R. Jackson, "Networks of waiting lines" (1957). The times at the stations are independent where those in the middle
have one worker (E. Reich, "Waiting times when queues are in tandem" (1957); P. J. Burke, "The dependence of sojourn
times in tandem M/M/s queues" (1969)). Elsewhere what comes out has about

    c²_d = 1 + (1 − ρ²)(c²_a − 1) + ρ²(max(c²_s, 0.2) − 1)/√n

W. Whitt, "The Queueing Network Analyzer" (1983), equation 39.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from forebay.theory import notation
from forebay.theory.laws import Deterministic, Exponential, General, Law
from forebay.theory.models.erlang import erlang_c
from forebay.theory.models.passage import tail_of
from forebay.theory.models.steady import asked, markovian, poisson
from forebay.theory.models.transforms import Transform
from forebay.theory.percentiles import Tail
from forebay.theory.solution import Solution
from forebay.theory.system import System

Solve = Callable[[System], Solution]

JACKSON = "J. R. Jackson, Networks of waiting lines (1957); P. J. Burke, The output of a queueing system (1956)"
ANALYZER = "W. Whitt, The Queueing Network Analyzer (1983), equation 39"
LINKED = "what comes out of a station is known by two moments only; check with forebay simulate"


def in_a_row(systems: Sequence[System], solve: Solve) -> Solution:
    """Return the answer of all stations together, with a part for each.

    Arguments:
        systems: the first says what comes; of the others only the work counts. solve: for one station.

    Raises:
        UsageError: a station cannot be solved.
    """
    coming, stations, parts = systems[0].arrivals, [], []
    for system in systems:
        stations.append(replace(system, arrivals=coming))
        parts.append(solve(stations[-1]))
        coming = _leaving(stations[-1], parts[-1])
    exact = all(part.exact for part in parts) and all(map(_passes_poisson, stations[:-1]))
    return _together(systems, stations, parts, exact)


def _passes_poisson(station: System) -> bool:
    """Return whether a Poisson process leaves the station as one."""
    unlimited = math.isinf(station.q) and asked(station) <= {"discipline"}
    return poisson(station) and unlimited and (markovian(station) or math.isinf(station.n))


def _leaving(station: System, found: Solution) -> Law:
    """Return the law of the time between two that leave."""
    mean = 1 / found.throughput
    if _passes_poisson(station):
        return Exponential(mean)
    rho, came = min(1.0, found.utilization), getattr(station.arrivals, "c2", 1.0)
    if math.isinf(station.n):
        return _of_two_moments(mean, came)
    work = (max(station.service.c2, 0.2) - 1) / math.sqrt(station.n)
    return _of_two_moments(mean, max(0.0, 1 + (1 - rho * rho) * (came - 1) + rho * rho * work))


def _of_two_moments(mean: float, c2: float) -> Law:
    if abs(c2 - 1) < 1e-9:
        return Exponential(mean)
    return General(mean, c2) if c2 > 0 else Deterministic(mean)


def _together(
    systems: Sequence[System], stations: Sequence[System], parts: Sequence[Solution], exact: bool
) -> Solution:
    summed: dict[str, Any] = {
        name: math.fsum(getattr(part, name) for part in parts) for name in ("L", "Lq", "W", "Wq", "offered_load")
    }
    growth, stable = math.fsum(part.growth for part in parts), all(part.stable for part in parts)
    came, left = parts[0].arrival_rate, parts[-1].throughput
    busiest = max(range(len(parts)), key=lambda i: parts[i].utilization)
    known = [part.p0 for part in parts if part.p0 is not None]
    return Solution(
        system=" -> ".join(map(notation.write, systems)),
        formula="stations in a row, each as if alone" if exact else "stations in a row, linked by two moments",
        source=JACKSON if exact else ANALYZER,
        arrival_rate=came,
        utilization=parts[busiest].utilization,
        throughput=left,
        growth=growth,
        critical=growth == 0 and not stable,
        p0=math.prod(known) if exact and len(known) == len(parts) else None,
        loss=max(0.0, 1 - left / came) if stable and any(part.loss for part in parts) else 0.0,
        sojourn_tail=_whole_time(stations) if exact and stable else None,
        exact=exact,
        error="" if exact else LINKED,
        notes=(f"station {busiest + 1} is the busiest",),
        parts=tuple((f"station {i}", part) for i, part in enumerate(parts, 1)),
        **summed,
    )


def _whole_time(stations: Sequence[System]) -> Tail | None:
    """Return P(W > t) of the whole row, where the times at its stations are independent."""
    if not all(markovian(one) and math.isinf(one.q) and math.isfinite(one.n) and not asked(one) for one in stations):
        return None
    if any(one.n > 1 for one in stations[1:-1]):
        return None
    each = [_sojourn(one) for one in stations]
    return tail_of(lambda s: math.prod((one(s) for one in each), start=1 + 0 * s))


def _sojourn(station: System) -> Transform:
    """Return E[e^(−sW)] = (1 − C + C d/(d + s)) μ/(μ + s) of M/M/n, d = nμ − λ."""
    lam, mu, n = station.arrival_rate, 1 / station.service.mean, int(station.n)
    delayed, d = erlang_c(n, lam / mu), n * mu - lam
    return lambda s: (1 - delayed + delayed * d / (d + s)) * mu / (mu + s)
