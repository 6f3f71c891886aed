"""What a family of formulas offers to `solve`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from forebay.theory.solution import Solution
from forebay.theory.system import System


@dataclass(frozen=True, slots=True)
class Model:
    """One formula.

    Arguments:
        name: of the systems that it solves, in the notation: M/M/n/q.
        fits: whether it solves a system.
        solve: the answer; for a system that has no steady state a Solution with its growth.
        exact: whether it is exact; `solve` takes an approximation only where nothing exact fits.
    """

    name: str
    fits: Callable[[System], bool]
    solve: Callable[[System], Solution]
    exact: bool = True
