"""How good two moments are: on every case that is also solved exactly."""

import itertools
import math

import pytest

from forebay.theory import Deterministic, Erlang, Exponential, Hyperexponential, System
from forebay.theory.models import gimn, mapphn, mdn, whitt
from forebay.theory.models.ggn import (
    allen_cunneen,
    bjoerklund_elldin,
    cosmetatos,
    dmn,
    kimura,
    kingman,
    kraemer_langenbach_belz,
    marchal,
    mmn,
)
from forebay.theory.models.ggn import mdn as mdn_wait


def law(c2, mean=1.0):
    if c2 > 1:
        return Hyperexponential(mean, c2)
    return Exponential(mean) if c2 == 1 else Erlang(mean, round(1 / c2)) if c2 else Deterministic(mean)


def exact(rho, n, ca2, cs2):
    system = System(law(ca2, 1 / (n * rho)), law(cs2), n)
    for family in (mdn, gimn, mapphn):
        if family.fits(system):
            return family.solve(system)
    return None


@pytest.mark.parametrize("n", [1, 2, 7, 30])
@pytest.mark.parametrize("rho", [0.3, 0.7, 0.95])
def test_all_are_right_for_mmn(n, rho):
    wait = mmn(rho, n)
    for formula in (allen_cunneen, kraemer_langenbach_belz, kimura, whitt.mean_wait):
        assert formula(rho, n, 1.0, 1.0) == pytest.approx(wait, rel=1e-12)
    assert bjoerklund_elldin(rho, n, 1.0) == pytest.approx(wait)
    assert whitt.p_wait(rho, n, 1.0, 1.0) == pytest.approx(wait * n * (1 - rho), rel=1e-9)


@pytest.mark.parametrize("rho", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("cs2", [0.0, 0.5, 4.0])
def test_pollaczek_and_khinchine_are_met_by_those_that_should(rho, cs2):
    right = rho * (1 + cs2) / 2 / (1 - rho)
    for formula in (allen_cunneen, kraemer_langenbach_belz, kimura):
        assert formula(rho, 1, 1.0, cs2) == pytest.approx(right)
    assert marchal(rho, 1.0, cs2) == pytest.approx(right)
    assert kingman(rho, 1.0, cs2) > right


@pytest.mark.parametrize("ca2", [0.0, 0.5, 4.0])
@pytest.mark.parametrize("cs2", [0.25, 1.0, 9.0])
@pytest.mark.parametrize("rho", [0.4, 0.8])
def test_kingman_is_never_exceeded(rho, ca2, cs2):
    found = exact(rho, 1, ca2, cs2)
    assert found is None or found.Wq <= kingman(rho, ca2, cs2)


def test_clocks_do_not_wait():
    assert kimura(0.9, 3, 0.0, 0.0) == kraemer_langenbach_belz(0.9, 3, 0.0, 0.0) == allen_cunneen(0.9, 3, 0.0, 0.0) == 0
    assert whitt.mean_wait(0.9, 3, 0.0, 0.0) == whitt.p_wait(0.9, 7, 0.0, 0.0) == 0


def test_the_limits_of_kimura_are_exact():
    assert kimura(0.8, 4, 1.0, 0.0) == pytest.approx(mdn_wait(0.8, 4))
    assert kimura(0.8, 4, 0.0, 1.0) == pytest.approx(dmn(0.8, 4))
    assert dmn(0.8, 4) == pytest.approx(gimn.solve(System(Deterministic(1 / 3.2), Exponential(1.0), 4)).Wq)
    assert kimura(0.1, 400, 1.0, 3.0) == 0.0
    assert kimura(0.3, 1, 9.0, 1.0) == math.inf


@pytest.mark.parametrize(("n", "least", "most"), [(2, -0.6, 0.1), (5, -0.6, 0.1), (50, -4.5, 0.9)])
def test_cosmetatos_is_as_far_off_as_known(n, least, most):
    errors = [100 * (cosmetatos(rho, n) / mdn_wait(rho, n) - 1) for rho in (0.7, 0.8, 0.9)]
    assert least <= min(errors) <= max(errors) <= most


TABLE = {  # n, ρ: the range of errors in percent over cs² = 0, 0.25, 0.5, 2, 4: Allen-Cunneen, Kimura, Whitt
    (2, 0.5): ((-6, 13), (-4, 1), (-8, 0)),
    (2, 0.7): ((-4, 7), (-2, 1), (-4, 0)),
    (2, 0.9): ((-1, 2), (-1, 1), (-2, 0)),
    (5, 0.5): ((-15, 38), (-6, 2), (-1, 4)),
    (5, 0.7): ((-8, 18), (-3, 1), (-1, 2)),
    (5, 0.9): ((-2, 5), (-1, 0.5), (-0.5, 0.5)),
    (20, 0.5): ((-34, 95), (-4, 5), (-18, 38)),
    (20, 0.7): ((-19, 52), (-3, 3), (-2, 12)),
    (20, 0.9): ((-5, 13), (-1, 2), (0, 4)),
}


@pytest.mark.parametrize(("n", "rho"), TABLE)
def test_random_arrivals_are_approximated_as_well_as_the_table_says(n, rho):
    found = {cs2: exact(rho, n, 1.0, cs2) for cs2 in (0.0, 0.25, 0.5, 2.0, 4.0)}
    formulas = (allen_cunneen, kimura, whitt.mean_wait)
    for formula, (least, most) in zip(formulas, TABLE[n, rho], strict=True):
        errors = [100 * (formula(rho, n, 1.0, c) / s.Wq - 1) for c, s in found.items() if s]
        assert least <= min(errors) <= max(errors) <= most
        assert max(errors) - min(errors) >= (most - least) / 4  # the table does not say more than is true


def test_for_random_arrivals_kimura_is_the_best_of_them():
    def worst(formula):
        cases = itertools.product((2, 5, 20), (0.5, 0.7, 0.9), (0.5, 2.0, 4.0))
        return max(abs(formula(rho, n, 1.0, c) / exact(rho, n, 1.0, c).Wq - 1) for n, rho, c in cases)

    assert worst(kimura) < 0.06 < worst(whitt.mean_wait) < worst(allen_cunneen)


@pytest.mark.parametrize("cs2", [0.5, 2.0, 4.0])
@pytest.mark.parametrize("n", [2, 5, 20])
def test_whitt_knows_who_waits(n, cs2):
    for rho in (0.5, 0.7, 0.9):
        assert whitt.p_wait(rho, n, 1.0, cs2) == pytest.approx(exact(rho, n, 1.0, cs2).p_wait, rel=0.12)
