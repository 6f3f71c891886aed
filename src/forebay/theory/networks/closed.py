"""Closed networks: N customers that go round between stations for ever, as N connections between a client and services.

The throughput is X(N) = G(N − 1)/G(N), where G is the convolution of f_i(k) = D_i^k/Π min(j, n_i) over the stations.
Only positive numbers are added, in logarithms, so that neither many customers nor many workers do harm; for single
workers and thinking it gives what exact mean value analysis gives. Sources: J. P. Buzen, "Computational algorithms for
closed queueing networks with exponential servers" (1973); M. Reiser, S. S. Lavenberg, "Mean-value analysis of closed
multichain queuing networks" (1980).
"""

# ruff: noqa: N803, N806 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebay.errors import UsageError
from forebay.quantity import show_seconds
from forebay.theory.result import Result, Row, finite

Logarithms = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Station:
    """Where customers go round.

    Arguments:
        demand: D, seconds of work for one round: visits times the mean service time. n: workers; inf: nobody waits.
        name: how it is called.
    """

    demand: float
    n: float = 1
    name: str = ""


@dataclass(frozen=True, slots=True)
class Visited:
    """The steady state of one station.

    Arguments:
        name: of the station. L: mean number there. W: mean time there in one round, seconds.
        utilization: share of their time that its workers work (the mean number at work where n is infinite).
    """

    name: str
    L: float
    W: float
    utilization: float


@dataclass(frozen=True, slots=True)
class Circulation(Result):
    """The steady state of a closed network.

    Arguments:
        population: N. throughput: X, rounds a second. response: R, seconds of a round without thinking.
        think: Z, seconds. knee: N* = (Z + ΣD)/max(D/n), from which on more customers mainly wait.
        stations: each of them.
    """

    population: int
    throughput: float
    response: float
    think: float
    knee: float
    stations: tuple[Visited, ...]

    def rows(self) -> Sequence[Row]:
        """Return what is told, in the order of reading."""
        each = [
            (one.name, f"L {one.L:.6g}  W {show_seconds(one.W)}  utilisation {one.utilization:.2%}")
            for one in self.stations
        ]
        return [
            ("customers", f"{self.population}"),
            ("throughput", f"{self.throughput:.6g}/s"),
            ("response", show_seconds(self.response)),
            ("knee", f"{self.knee:.4g} customers"),
            *each,
            ("source", "J. P. Buzen, Computational algorithms for closed queueing networks (1973)"),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return every field in a form that JSON can hold."""
        result: dict[str, Any] = finite(asdict(self))
        return result


def closed_network(population: int, stations: Sequence[Station], think: float = 0.0) -> Circulation:
    """Return the steady state of N customers that go round; exact for exponential work first in first out.

    Arguments:
        population: N. stations: where they go. think: Z, seconds that each thinks in every round.

    Raises:
        UsageError: no customers or stations, or a demand that is not above 0.
    """
    if population < 1 or not stations or think < 0 or not all(one.demand > 0 and one.n >= 1 for one in stations):
        raise UsageError("a closed network needs customers and stations with work", "population >= 1, demand > 0")
    factors = [_factor(one.demand, one.n, population) for one in stations]
    around = [*factors, _factor(think, math.inf, population)] if think else factors
    G = _product(around)
    X = math.exp(G[-2] - G[-1])
    visited = tuple(
        _visited(one, i, X, G[-1], factor, _product([*around[: i - 1], *around[i:]], population))
        for i, (one, factor) in enumerate(zip(stations, factors, strict=True), 1)
    )
    bottleneck = max(one.demand / one.n for one in stations)
    knee = (think + math.fsum(one.demand for one in stations)) / bottleneck if bottleneck else math.inf
    return Circulation(population, X, population / X - think, think, knee, visited)


def _factor(D: float, n: float, N: int) -> Logarithms:
    """Return ln f(k), k = 0..N."""
    k = np.arange(1, N + 1)
    return np.concatenate([[0.0], np.cumsum(math.log(D) - np.log(np.minimum(k, n)))])


def _product(factors: Sequence[Logarithms], N: int = 0) -> Logarithms:
    """Return ln G(k) of stations together; of none where N customers have nowhere to be."""
    if not factors:
        return np.concatenate([[0.0], np.full(N, -np.inf)])
    G = factors[0]
    for f in factors[1:]:
        G = np.array([np.logaddexp.reduce(G[: k + 1] + f[k::-1]) for k in range(len(f))])
    return G


def _visited(one: Station, i: int, X: float, whole: float, f: Logarithms, others: Logarithms) -> Visited:
    p = np.exp(f + others[::-1] - whole)
    L = float(p @ np.arange(len(p)))
    busy = X * one.demand
    return Visited(one.name or f"station {i}", L, L / X, busy / one.n if math.isfinite(one.n) else busy)
