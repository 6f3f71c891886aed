"""Erlang's curves: what is lost without waiting places, and how many workers a load needs."""

from __future__ import annotations

from collections.abc import Sequence

from forebay.theory.models.erlang import erlang_b, erlang_b_workers
from forebay.theory.pictures.axes import Axis, rising
from forebay.theory.pictures.chart import SERIES, Figure, Level, Line, Mark, Note, Panel
from forebay.theory.pictures.lettering import plain, share
from forebay.theory.pictures.picture import Picture, charted

WORKERS = (1, 2, 5, 10, 20)
LOSSES = (0.05, 0.01, 0.001)
_STEPS = 160
_LOWEST = 1e-4


def draw_erlang(
    name: str = "",
    note: str = "",
    *,
    workers: Sequence[int] = WORKERS,
    operating: tuple[int, float] | None = None,
    promise: float | None = None,
) -> Picture:
    """Return two charts over the offered load: the loss of n workers, and the n that keep the loss below a bound.

    Arguments:
        operating: (n, offered load) of the user's own system. promise: a share that may be lost.
    """
    shown = sorted({*workers, *((operating[0],) if operating else ())})
    high = max(1.5 * shown[-1], 1.2 * operating[1] if operating else 0.0)
    loads = [high * i / _STEPS for i in range(1, _STEPS + 1)]
    x = Axis("offered load a = λE[S], in workers", 0.0, high)
    curves = {n: [(a, erlang_b(n, a)) for a in loads] for n in shown}
    bounds = sorted({*LOSSES, *((promise,) if promise else ())}, reverse=True)
    stairs = {bound: [(a, float(erlang_b_workers(a, bound))) for a in loads] for bound in bounds}
    most = max(n for points in stairs.values() for _, n in points)
    panels = [
        Panel(x, Axis("share lost", _LOWEST, 1.0, "share", log=True), _losses(curves, operating, promise), 1.2),
        Panel(x, rising("workers needed", most), _stairs(stairs, high)),
    ]
    about = "The share lost rises with the load and falls with the workers; large groups need fewer workers for a load."
    data = {
        "losses": {str(n): points for n, points in curves.items()},
        "needed": {str(bound): points for bound, points in stairs.items()},
        "operating": operating,
    }
    title = f"{name}: what is lost, and how many workers it takes" if name else "Erlang: loss, and workers needed"
    return charted("erlang", Figure(title, note, panels, about), data)


def _losses(
    curves: dict[int, list[tuple[float, float]]], operating: tuple[int, float] | None, promise: float | None
) -> list[Mark]:
    marks: list[Mark] = [
        Line(points, f"n = {n}", SERIES[i % len(SERIES)]) for i, (n, points) in enumerate(curves.items())
    ]
    if promise:
        marks.append(Level(promise, f"promise {share(promise)}", "lost"))
    if operating:
        n, a = operating
        loss = erlang_b(n, a)
        marks.append(Note((a, loss), f"n = {n}, a = {plain(a, 3)}: {share(loss)}", side="below"))
    return marks


def _stairs(stairs: dict[float, list[tuple[float, float]]], high: float) -> list[Mark]:
    colours = SERIES[: len(stairs)]
    marks: list[Mark] = [Line([(0.0, 0.0), (high, high)], "n = a", "slate", dashed=True, thin=True)]
    for colour, (bound, points) in zip(colours, stairs.items(), strict=True):
        marks.append(Line(points, f"lost < {share(bound)}", colour, steps=True))
    return marks
