# ruff: noqa: N806 - the letters of the formulas
import numpy as np
import pytest

from forebay.theory.models.phases import stationary
from forebay.theory.models.qbd import map_map_1, quasi_birth_death, rate_matrix, reduce, steady_levels

B = np.array([[6.0, 1, 0], [0, 4, 1], [2, 0, 0]])
L = np.array([[-14.0, 3, 2], [0, -14, 4], [3, 1, -10]])
F = np.array([[0.0, 1, 1], [5, 0, 0], [1, 3, 0]])


def test_g_is_where_the_level_below_is_reached():
    G = reduce(B, L, F)
    assert G.sum(axis=1) == pytest.approx(1, abs=1e-12)
    assert abs(B + L @ G + F @ G @ G).max() < 1e-13


def test_r_solves_its_equation():
    R = rate_matrix(B, L, F)
    assert R.min() >= 0
    assert abs(F + R @ L + R @ R @ B).max() < 1e-13
    assert abs(np.linalg.eigvals(R)).max() < 1


def test_levels_are_those_of_the_whole_chain():
    top, size = 4, 3
    Q = np.zeros(((top + 1) * size, (top + 1) * size))
    for i in range(top + 1):
        here = slice(i * size, (i + 1) * size)
        Q[here, here] = L + (B if i == 0 else 0) + (F if i == top else 0)
        if i:
            Q[here, (i - 1) * size : i * size] = B
        if i < top:
            Q[here, (i + 1) * size : (i + 2) * size] = F
    within = [L + B, *[L] * (top - 1), L + F]
    levels = steady_levels(within, [F] * top, [B] * top)
    assert np.concatenate(levels.pi) == pytest.approx(stationary(Q), rel=1e-11)
    assert levels.mean_above(1) == pytest.approx(sum((i - 1) * levels.mass(i) for i in range(2, top + 1)))
    assert levels.mass(top + 1) == 0


def test_levels_without_end_sum_to_one():
    levels = quasi_birth_death(B, L, F, L + B)
    masses = np.array([levels.mass(i) for i in range(400)])
    assert masses.sum() == pytest.approx(1, abs=1e-12)
    assert np.arange(400) @ masses == pytest.approx(levels.mean_above(0), rel=1e-10)


def test_map_map_1_of_one_phase_is_mm1():
    levels = map_map_1([[-0.8]], [[0.8]], [[-1.0]], [[1.0]])
    assert [levels.mass(k) for k in range(4)] == pytest.approx([0.2 * 0.8**k for k in range(4)])
    assert levels.mean_above(0) == pytest.approx(4)
