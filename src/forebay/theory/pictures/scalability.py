"""Throughput against the number of workers or connections: measured points, and the scalability law through them.

X(N) = γN/(1 + α(N − 1) + βN(N − 1)): α is what is done one after the other, β what each must tell every other. Source:
N. J. Gunther, "Guerrilla Capacity Planning" (2007), equation 6.6.
"""

# ruff: noqa: N803 - the letters of the formulas
from __future__ import annotations

import math
from collections.abc import Sequence

from forebay.errors import UsageError
from forebay.theory.pictures.axes import Axis, rising
from forebay.theory.pictures.chart import Dots, Figure, Line, Mark, Note, Panel
from forebay.theory.pictures.lettering import plain
from forebay.theory.pictures.picture import Picture, charted

_STEPS = 200


def draw_scalability(
    points: Sequence[tuple[float, float]],
    alpha: float,
    beta: float,
    gamma: float,
    name: str = "",
    note: str = "",
) -> Picture:
    """Return the picture of measured (N, throughput a second) and of the law with the given parameters.

    Raises:
        UsageError: there are no points, or one is not above 0.
    """
    if not points or not all(N > 0 and X >= 0 for N, X in points):
        raise UsageError("there is nothing to draw", "give points as N,throughput, each N above 0")
    best = math.sqrt((1 - alpha) / beta) if beta > 0 and alpha < 1 else math.inf
    last = max(N for N, _ in points)
    end = 1.2 * (max(last, best) if best < 3 * last else last)
    law = [(N, _throughput(N, alpha, beta, gamma)) for N in (end * i / _STEPS for i in range(_STEPS + 1))]
    straight = [(0.0, 0.0), (end, gamma * end)]
    top = max(X for _, X in [*points, *law])
    marks: list[Mark] = [
        Line(straight, "linear", "slate", dashed=True, thin=True),
        Line(law, "the law", "work"),
        Dots(list(points), "measured", "ink"),
    ]
    if best <= end:
        peak = _throughput(best, alpha, beta, gamma)
        marks.append(Note((best, peak), f"most at N = {plain(best, 3)}: {plain(peak, 3)}/s", "lost"))
    panel = Panel(Axis("N", 0.0, end), rising("throughput, per second", top, room=0.15), marks)
    told = f"α = {plain(alpha, 3)}, β = {plain(beta, 3)}, γ = {plain(gamma, 3)}"
    title = f"{name}: how it scales" if name else "how it scales"
    data = {"points": list(points), "law": law, "alpha": alpha, "beta": beta, "gamma": gamma, "best": best}
    return charted("scalability", Figure(title, f"{note}; {told}" if note else told, [panel], told), data)


def _throughput(N: float, alpha: float, beta: float, gamma: float) -> float:
    return gamma * N / (1 + alpha * (N - 1) + beta * N * (N - 1))
