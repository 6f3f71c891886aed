"""Runs of the cannon as its file would hold them, made of numbers: of any length, without waiting for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from forebay.load.results.figures import NANOSECONDS, Reason
from forebay.load.results.run import Run
from forebay.load.results.runfile import Record, Writer, read
from forebay.load.shot import Kind

REASONS: tuple[Reason, ...] = ((Kind.UNKNOWN, "no answer in time"), (Kind.REFUSED, "connection refused"))
_CHUNK_SECONDS = 60


def made_run(
    folder: Path,
    seconds: int,
    rate: float = 50.0,
    typical: float = 0.02,
    statuses: Mapping[int, float] | None = None,
    tags: tuple[str, ...] = ("",),
    reasons: tuple[Reason, ...] = REASONS,
    url: str = "http://127.0.0.1:8080/orders",
    about: Mapping[str, Any] | None = None,
) -> Record:
    """Return a run read back from its file: a wave of a rate with a period of a minute, lognormal service times.

    Arguments:
        seconds: how long. rate: in the mean. typical: the median of the service time at no load.
        statuses: what shots end with, to their shares; −1 and below are the reasons, by number.
        tags, reasons, url, about: as they would be told.
    """
    path = folder / "made.run"
    run = Run(url, f"sine(0, {2 * rate:g}, 60s, phase=15s)", seconds)
    run.started_at = 1_795_000_000.0
    writer = Writer(path, run, about or {}, settled_seconds=60.0)
    draw = np.random.default_rng(7)
    for begin in range(0, seconds, _CHUNK_SECONDS):
        rows = _shots(draw, begin, min(seconds - begin, _CHUNK_SECONDS), rate, typical, statuses or {200: 1.0})
        rows[:, 6] = rows[:, 0] % len(tags)
        rows[:, [1, 2, 3, 4]] += run.zero
        refused = np.isin(rows[:, 5], [-1 - i for i, (kind, _) in enumerate(reasons) if kind is Kind.REFUSED])
        rows[refused, 3] = 0
        run.absorb(rows, reasons, tags)
        writer.look(begin)
    run.elapsed_seconds = seconds + 0.25
    run.connections = 40
    writer.close({})
    return read(path)


def _shots(
    draw: np.random.Generator, begin: int, seconds: int, rate: float, typical: float, statuses: Mapping[int, float]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return rows of shots planned within some seconds, of which the busy ones take longer."""
    at = begin + np.sort(draw.random(max(1, round(2 * rate * seconds)))) * seconds
    wave = 1 + np.sin(2 * np.pi * at / 60)
    at, wave = at[keep := draw.random(len(at)) * 2 < wave], wave[keep]
    planned = (at * NANOSECONDS).astype(np.int64)
    sent = planned + draw.integers(8_000, 60_000, len(at))
    service = typical * (1 + wave**3) * draw.lognormal(0.0, 0.6, len(at))
    rows = np.zeros((len(at), 9), np.int64)
    ends = draw.choice(list(statuses), len(at), p=list(statuses.values()))
    rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] = np.arange(len(at)), planned, sent - 3_000, sent
    rows[:, 4], rows[:, 5], rows[:, 7], rows[:, 8] = sent + (service * NANOSECONDS).astype(np.int64), ends, 200, 300
    return rows
