"""Open networks: customers come to some stations, go from one to another by chance, and leave at last.

The rates solve λ_i = γ_i + Σ_j λ_j r_ji, and each station is an M/M/n of its own with that rate, though what comes to
it need not be a Poisson process. Source: J. R. Jackson, "Networks of waiting lines" (1957).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forebay.errors import UsageError
from forebay.theory.laws import Exponential
from forebay.theory.models.tandem import JACKSON
from forebay.theory.solution import Solution
from forebay.theory.solving import solve
from forebay.theory.system import System


@dataclass(frozen=True, slots=True)
class Node:
    """A station of an open network.

    Arguments:
        service: mean time of the work on one, seconds. n: workers. name: how it is called.
        arrival_rate: how many come from outside, per second.
        onward: probabilities to go on to each of the stations; what is lacking to 1 leaves.
    """

    service: float
    n: float = 1
    name: str = ""
    arrival_rate: float = 0.0
    onward: tuple[float, ...] = ()


def open_network(nodes: Sequence[Node]) -> Solution:
    """Return the steady state of an open network, with a part for each station; W is from the first to the last.

    Raises:
        UsageError: nobody comes, nobody leaves, or a row of `onward` is no row of probabilities of these stations.
    """
    rates = traffic(nodes)
    named = [
        (one.name or f"station {i}", solve(System(Exponential(1 / rate), Exponential(one.service), one.n)))
        for i, (one, rate) in enumerate(zip(nodes, rates, strict=True), 1)
        if rate > 0
    ]
    parts = [part for _, part in named]
    came, growth = math.fsum(one.arrival_rate for one in nodes), math.fsum(part.growth for part in parts)
    summed: dict[str, Any] = {
        name: math.fsum(getattr(part, name) for part in parts) for name in ("L", "Lq", "offered_load")
    }
    return Solution(
        system=f"network of {len(nodes)} stations",
        formula="open network, each station as if alone",
        source=JACKSON,
        arrival_rate=came,
        utilization=max(part.utilization for part in parts),
        throughput=came - growth,
        W=summed["L"] / came,
        Wq=summed["Lq"] / came,
        growth=growth,
        critical=growth == 0 and not all(part.stable for part in parts),
        p0=math.prod(part.p0 or 0.0 for part in parts),
        notes=("the utilisation is that of the busiest station",),
        parts=tuple(named),
        **summed,
    )


def traffic(nodes: Sequence[Node]) -> list[float]:
    """Return λ_i, how many come to each station a second, from outside and from the others.

    Raises:
        UsageError: as `open_network`.
    """
    count = len(nodes)
    routing = np.zeros((count, count))
    for i, one in enumerate(nodes):
        if len(one.onward) > count or min(one.onward, default=0.0) < 0 or math.fsum(one.onward) > 1 + 1e-12:
            raise UsageError(
                f"station {i + 1} goes on with {one.onward}", "probabilities of at most 1 in all, one for each station"
            )
        routing[i, : len(one.onward)] = one.onward
    outside = np.array([one.arrival_rate for one in nodes])
    try:
        rates = np.linalg.solve(np.eye(count) - routing.T, outside)
    except np.linalg.LinAlgError:
        rates = np.full(count, -1.0)
    if outside.sum() <= 0 or rates.min() < 0 or not np.isfinite(rates).all():
        raise UsageError("the network has no steady rates", "somebody comes from outside, and everybody can leave")
    return [float(rate) for rate in rates]
