"""Runs contenders in turn, A B A B ..., and prints each figure and each ratio as minimum, median and maximum."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

Measure = Callable[[], Mapping[str, float]]


def alternate(contenders: Mapping[str, Measure], rounds: int, ratios_of: str) -> None:
    """Measure every contender once a round and print the table.

    Arguments:
        contenders: by name; the first is ours, and ratios are of it to each other one, round by round.
        rounds: how often each is measured.
        ratios_of: the figure whose ratios are printed.
    """
    taken: dict[str, list[Mapping[str, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            taken[name].append(measure())
    print(f"{'':44}{'min':>12}{'median':>12}{'max':>12}")
    for name, rows in taken.items():
        for figure in rows[0]:
            _print(f"{name}: {figure}", [row[figure] for row in rows])
    ours, *peers = contenders
    for peer in peers:
        pairs = zip(taken[ours], taken[peer], strict=True)
        _print(f"ratio {ours} / {peer}", [a[ratios_of] / b[ratios_of] for a, b in pairs])


def _print(label: str, values: list[float]) -> None:
    row = (min(values), statistics.median(values), max(values))
    print(f"{label:44}" + "".join(f"{v:12,.0f}" if v >= 1000 else f"{v:12.2f}" for v in row), flush=True)
