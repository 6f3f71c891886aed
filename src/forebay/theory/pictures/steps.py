"""Step functions of time: what they are at an instant, and which of their steps a picture can show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forebay.theory.path import Seconds

COLUMNS = 800
"""More than a picture is wide."""


def level_at(t: Seconds, levels: Seconds, times: Seconds) -> Seconds:
    """Return what a step function is at each of the given times; 0 before its first step."""
    steps = np.concatenate([[0.0], levels])
    found: Seconds = steps[np.searchsorted(t, times, side="right")]
    return found


def shown(t: Seconds, *levels: Seconds) -> NDArray[np.int64]:
    """Return which steps to draw, so that nothing looks different: of each column the first, last and extreme ones."""
    if len(t) <= 4 * COLUMNS:
        return np.arange(len(t))
    edges = np.searchsorted(t, np.linspace(t[0], t[-1], COLUMNS + 1)[:-1])
    chosen = {len(t) - 1}
    for begin, end in zip(edges, [*edges[1:], len(t)], strict=True):
        if begin < end:
            chosen |= {int(begin), int(end) - 1}
            for level in levels:
                chosen |= {int(begin + level[begin:end].argmin()), int(begin + level[begin:end].argmax())}
    return np.array(sorted(chosen), dtype=np.int64)
