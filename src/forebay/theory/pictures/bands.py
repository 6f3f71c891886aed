"""What was to be expected: where a quantity lies in 90 of 100 simulated runs, or its mean with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forebay.theory.path import Path, Seconds
from forebay.theory.pictures.steps import level_at

_BATCHES = 20
_STUDENT = 2.093
"""t of 95 % with 19 degrees of freedom: as many as batches less one."""


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """A range over x; arrays of the same shape (points,)."""

    x: Seconds
    low: Seconds
    high: Seconds
    label: str


def expected_number(paths: Sequence[Path], times: Seconds, label: str) -> Band:
    """Return from where to where the number in the system lies in 90 of 100 of the given runs, at each time."""
    levels = np.array([level_at(t, N.astype(float), times) for t, N in (path.in_system() for path in paths)])
    low, high = np.quantile(levels, [0.05, 0.95], axis=0)
    return Band(times, low, high, label)


def tail_of(samples: Seconds, times: Seconds) -> Seconds:
    """Return the share of the samples above each time."""
    ordered = np.sort(samples)
    found: Seconds = 1 - np.searchsorted(ordered, times, side="right") / max(len(ordered), 1)
    return found


def simulated_tail(samples: Seconds, times: Seconds, label: str = "simulated") -> Band:
    """Return the 95 % interval of the share above each time, by the means of 20 batches in the order of arrival.

    Neighbours wait alike, so the shares of single ones would look more certain than they are. Source: A. M. Law,
    "Simulation Modeling and Analysis" (5th ed. 2015), section 9.5.3.
    """
    tails = np.array([tail_of(batch, times) for batch in np.array_split(samples, _BATCHES)])
    half = _STUDENT * tails.std(axis=0, ddof=1) / math.sqrt(_BATCHES)
    middle = tails.mean(axis=0)
    return Band(times, np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0), label)
