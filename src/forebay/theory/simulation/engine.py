"""Opens an engine for rules: compiled where numba is installed, pure Python elsewhere, with the same result."""
# ruff: noqa: N803 - the letters of the formulas

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forebay.errors import Missing, UsageError
from forebay.theory.path import Fate, Path
from forebay.theory.simulation import specification
from forebay.theory.simulation.block import Block, Engine, Seconds, Streams
from forebay.theory.simulation.rules import Algorithm, Rules

BLOCK = 32_768
"""Customers in a block: their arrays stay in the cache of the processor."""
LIMIT = 4_000_000
"""How many may be in the system before a run is given up."""


def compiled_available() -> bool:
    """Return whether numba is installed (the extra ``fast``)."""
    return importlib.util.find_spec("numba") is not None


def open_engine(
    rules: Rules, streams: Streams | None = None, *, compiled: bool | None = None, limit: int = LIMIT
) -> Engine:
    """Return an engine at time 0 with nobody in the system.

    Arguments:
        streams: random numbers that the rules name in `Rules.streams`.
        compiled: True: compiled, False: pure Python, None: compiled where numba is installed. They agree bit for bit.
        limit: how many may be in the system; an unstable one ends with Overgrown and not with the memory.

    Raises:
        Missing: compiled is asked for and numba is not installed.
        UsageError: a stream that the rules need was not given.
    """
    streams = streams or Streams()
    streams.require(rules.streams)
    if compiled and not compiled_available():
        raise Missing("the compiled engine needs numba", "pip install 'forebay[fast]', or take the pure engine")
    if compiled is False or not compiled_available():
        return specification.open_engine(rules, streams, limit)
    from forebay.theory.simulation import compiled as kernels  # numba takes a second to import

    return kernels.open_engine(rules, streams, limit)


def run(
    rules: Rules,
    T: Seconds | Sequence[float],
    S: Seconds | Sequence[float],
    patience: Seconds | Sequence[float] | None = None,
    priority: NDArray[np.int32] | Sequence[int] | None = None,
    streams: Streams | None = None,
    *,
    compiled: bool | None = None,
    block: int = BLOCK,
    limit: int = LIMIT,
) -> Path:
    """Return what became of every customer, when all have left, in the order of their arrival.

    For traces, pictures and short runs; a long one feeds an engine and keeps only its statistics.

    Arguments: as of `Engine.feed` and `open_engine`; block: how many are fed at a time, which changes nothing.

    Raises:
        UsageError: the arrays are not of one length, hold something else than finite times from 0, or T falls.
        Overgrown: too many wait.
    """
    times, works, patiences, classes = _columns(rules, T, S, patience, priority)
    engine = open_engine(rules, streams, compiled=compiled, limit=limit)
    path = _empty(len(times), rules)
    for begin in range(0, len(times), block):
        part = slice(begin, begin + block)
        waits_for = None if patiences is None else patiences[part]
        _put(path, engine.feed(times[part], works[part], waits_for, None if classes is None else classes[part]))
    _put(path, engine.finish())
    return path


def _columns(
    rules: Rules, T: object, S: object, patience: object, priority: object
) -> tuple[Seconds, Seconds, Seconds | None, NDArray[np.int32] | None]:
    times, works = np.ascontiguousarray(T, dtype=np.float64), np.ascontiguousarray(S, dtype=np.float64)
    patiences = None if patience is None else np.ascontiguousarray(patience, dtype=np.float64)
    classes = None if priority is None else np.ascontiguousarray(priority, dtype=np.int32)
    if len({len(column) for column in (times, works, patiences, classes) if column is not None}) > 1:
        raise UsageError("the arrays of a run are of different length", "one arrival and one service for each customer")
    if not all(np.isfinite(column).all() and (column >= 0).all() for column in (times, works)):
        raise UsageError("a run needs finite times", "seconds, each 0 or above")
    if patiences is not None and not (patiences >= 0).all():
        raise UsageError("patience is below 0, or not a number", "seconds, inf for those who never leave")
    if np.isinf(rules.population) and (np.diff(times) < 0).any():
        raise UsageError("the instants of arrival fall", "sort them")
    if classes is not None and len(classes) and not 0 <= classes.min() <= classes.max() < rules.classes:
        raise UsageError(f"a priority is not one of the {rules.classes} classes", "0 is the most urgent")
    return times, works, patiences, classes


def _empty(customers: int, rules: Rules) -> Path:
    counted = rules.algorithm is Algorithm.EVENTS
    return Path(
        arrived=np.full(customers, np.nan),
        started=np.full(customers, np.nan),
        ended=np.full(customers, np.nan),
        worker=np.full(customers, -1, dtype=np.int32),
        fate=np.full(customers, Fate.UNFINISHED, dtype=np.int8),
        attempts=np.zeros(customers, dtype=np.int32) if counted else None,
        priority=np.zeros(customers, dtype=np.int32) if rules.classes > 1 else None,
        workers=rules.n,
    )


def _put(path: Path, block: Block) -> None:
    for name in ("arrived", "started", "ended", "worker", "fate", "attempts", "priority"):
        column = getattr(path, name)
        if column is not None:
            column[block.customer] = getattr(block, name)
