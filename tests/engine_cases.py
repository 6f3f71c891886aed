"""Customers, streams and rules for the tests of the engine of the simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from forebay.disciplines import Discipline
from forebay.theory.path import Path
from forebay.theory.simulation.block import Streams
from forebay.theory.simulation.engine import run
from forebay.theory.simulation.rules import Rules

COLUMNS = ("arrived", "started", "ended", "worker", "fate", "attempts", "priority")


def uniform(seed: int) -> Callable[[Any], None]:
    generator = np.random.default_rng(seed)
    return lambda out: generator.random(out=out)


def exponential(seed: int, mean: float) -> Callable[[Any], None]:
    generator = np.random.default_rng(seed)

    def fill(out: Any) -> None:
        generator.standard_exponential(out=out)
        out *= mean

    return fill


def quarters(seed: int, mean: float) -> Callable[[Any], None]:
    """A stream of whole quarters above 0: sums of them are exact, and many fall on one instant."""
    generator = np.random.default_rng(seed)

    def fill(out: Any) -> None:
        out[:] = generator.geometric(1 / (4 * mean), size=len(out)) / 4

    return fill


def streams(seed: int) -> Streams:
    return Streams(
        choices=uniform(seed),
        returns=uniform(seed + 1),
        delays=quarters(seed + 2, 1),
        ups=quarters(seed + 3, 4),
        downs=quarters(seed + 4, 1),
        failures=uniform(seed + 5),
        reworks=quarters(seed + 6, 1),
    )


@dataclass(frozen=True)
class Case:
    """Rules, and the customers that they are tried on."""

    rules: Rules
    T: Any
    S: Any
    patience: Any
    priority: Any
    seed: int

    def path(self, *, compiled: bool, block: int = 32_768) -> Path:
        columns = self.T, self.S, self.patience, self.priority
        return run(self.rules, *columns, streams(self.seed), compiled=compiled, block=block)

    def under(self, **changes: Any) -> Case:
        return replace(self, rules=replace(self.rules, **changes))


@st.composite
def customers(draw: Any, most: int = 40, exact: bool = True) -> tuple[Any, Any, Any, Any]:
    """T, S, patience, priority: quarters with many ties and zeros, or, where not exact, any floats, huge ones too."""
    count = draw(st.integers(0, most))
    quarter = st.integers(0, 8).map(lambda k: k / 4)
    number = quarter if exact else st.one_of(quarter, st.floats(0, 10), st.floats(0, 1e15))
    gaps, work, patience = (draw(st.lists(number, min_size=count, max_size=count)) for _ in range(3))
    priority = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    return np.cumsum(gaps), np.array(work), np.array(patience), np.array(priority, dtype=np.int32)


PLAIN = {
    "n": st.sampled_from([1, 1, 2, 3, 5]),
    "q": st.sampled_from([math.inf, math.inf, 0, 1, 3]),
    "discipline": st.sampled_from(list(Discipline)),
    "own_work": st.booleans(),
    "classes": st.just(3),
}
EVENTFUL = PLAIN | {
    "preemptive": st.booleans(),
    "patience": st.booleans(),
    "retry_share": st.sampled_from([0.0, 0.5, 1.0]),
    "retry_attempts": st.sampled_from([1, 3, math.inf]),
    "breaking": st.booleans(),
    "redelivery": st.sampled_from([None, 0.0, 0.5, math.inf]),
    "idle_too": st.booleans(),
    "failing": st.sampled_from([0.0, 0.0, 0.5]),
    "tries": st.sampled_from([2, math.inf]),
    "population": st.sampled_from([math.inf, math.inf, 1, 4, 20]),
}


@st.composite
def cases(draw: Any, fields: dict[str, Any], exact: bool = True, most: int = 40) -> Case:
    rules = Rules(**{name: draw(strategy) for name, strategy in fields.items()})
    return Case(rules, *draw(customers(most, exact)), draw(st.integers(0, 1000)))


def bits(path: Path) -> dict[str, bytes | None]:
    """The path, for comparisons bit for bit."""
    columns = {name: getattr(path, name) for name in COLUMNS}
    return {name: None if column is None else column.tobytes() for name, column in columns.items()}
