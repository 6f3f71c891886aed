"""Step functions: what they are at an instant, and how a long one is drawn with few of its steps."""

from __future__ import annotations

import numpy as np

from forebay.theory import draw, read
from forebay.theory.pictures.material import simulated
from forebay.theory.pictures.steps import COLUMNS, level_at, shown


def test_a_level_holds_from_its_step_on():
    t, levels = np.array([1.0, 2.0]), np.array([5.0, 7.0])
    assert level_at(t, levels, np.array([0.5, 1.0, 1.5, 2.0, 9.0])).tolist() == [0, 5, 5, 7, 7]


def test_a_short_one_is_drawn_whole():
    assert shown(np.arange(10.0), np.zeros(10)).tolist() == list(range(10))


def test_a_long_one_keeps_its_ends_and_the_extremes_of_every_column():
    generator = np.random.default_rng(7)
    t, levels = np.sort(generator.random(50_000)), generator.normal(size=50_000).cumsum()
    kept = shown(t, levels)
    assert (kept[0], kept[-1]) == (0, len(t) - 1)
    assert len(kept) <= 4 * COLUMNS + 1
    assert (levels[kept].min(), levels[kept].max()) == (levels.min(), levels.max())
    first = t < t[0] + (t[-1] - t[0]) / COLUMNS
    assert levels[first].max() in levels[kept[first[kept]]]


def test_a_long_run_makes_no_long_file():
    path = simulated(read("M/M/1/5", "9/s", "100ms"), 3000.0)
    assert len(path) > 20_000
    for kind in ("number", "cumulative"):
        picture = draw(kind, path)
        assert len(picture.svg) < 250_000
        assert picture.text().count("\n") < 40
