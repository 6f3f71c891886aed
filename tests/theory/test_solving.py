"""What holds of every answer, whatever the formula."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from forebay.errors import UsageError
from forebay.load.profiles.shapes import Sine
from forebay.theory import Breaking, Exponential, Retrying, read, solve, write
from forebay.theory.solving import MODELS, model_for

near = pytest.approx
CATALOGUE = Path(__file__).parents[2] / "docs/explanation/queueing-models.md"

ASKED = [
    ("M/M/3", {"arrivals": 5.0}),
    ("M/M/3/8", {"arrivals": 9.0}),
    ("M/D/2/0", {"arrivals": 3.0}),
    ("M/G(2)/inf", {"arrivals": 3.0}),
    ("M/M/2+M", {"arrivals": 5.0, "patience": 2.0}),
    ("M/M/2/5+M", {"arrivals": 5.0, "patience": 2.0}),
    ("M/M/2+D", {"arrivals": 5.0, "patience": 2.0}),
    ("M/M/2//9", {"arrivals": 3.0}),
    ("M/M/2/3//9", {"arrivals": 3.0}),
    ("D/D/1/1", {"arrivals": "2/s"}),
    ("M/M/2", {"classes": ("1/s 500ms", "2/s 500ms"), "service": None}),
    ("M/E2/1", {"arrivals": 1.5}),
    ("M/D/3", {"arrivals": 5.0}),
    ("M/H2(4)/1/6", {"arrivals": 1.9}),
    ("D/M/2", {"arrivals": 3.5}),
    ("E3/H2(3)/2", {"arrivals": 3.0}),
    ("MMPP(3/s, 0/s, 1s, 1s)/M/1", {}),
    ("G(2)/G(0.5)/2", {"arrivals": 3.0}),
    ("M(3)/M/2", {"arrivals": 3.0}),
    ("M/M/1", {"arrivals": 1.2, "breaking": Breaking(Exponential(10), Exponential(1))}),
    ("M/M/1/0", {"arrivals": 1.0, "retrying": Retrying(Exponential(1))}),
    ("M/M/1 -> M/M/2", {"arrivals": 1.5}),
]
ANSWERS = [pytest.param(text, solve(text, **{"service": 0.5, **given}), id=f"{text}{given}") for text, given in ASKED]


def catalogue():
    """Return (model, kind, sources) of every row of the docs' table, but its head."""
    lines = CATALOGUE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    return [(name, kind, source) for name, kind, source in rows[2:]]


@pytest.mark.parametrize(("text", "found"), ANSWERS)
def test_littles_law_holds(text, found):
    if found.abandoned and not found.parts:
        pytest.skip("who leaves is in the queue, and not in the throughput")
    accepted = found.arrival_rate * (1 - found.loss)
    assert near(accepted * found.W, rel=1e-6) == found.L
    assert found.Lq == near(accepted * found.Wq, rel=1e-6)


@pytest.mark.parametrize(("text", "found"), ANSWERS)
def test_shares_are_shares_and_times_are_not_negative(text, found):
    for share in (found.loss, found.abandoned, found.p0, found.p_wait):
        assert share is None or -1e-12 <= share <= 1 + 1e-12
    assert 0 <= found.Wq <= found.W < math.inf
    assert found.stable
    assert found.formula
    assert found.source
    assert found.exact != bool(found.error)


@pytest.mark.parametrize(("text", "found"), ANSWERS)
def test_percentiles_are_where_the_tails_say_and_rise(text, found):
    for tail, percentile in ((found.wait_tail, found.wait), (found.sojourn_tail, found.sojourn)):
        if tail is None:
            assert percentile(50) is None
            continue
        at = [percentile(percent) for percent in (0, 10, 50, 90, 99, 99.9)]
        assert at == sorted(at)
        assert tail(at[4]) <= 0.01 + 1e-6
        assert at[4] == 0 or tail(at[4] * (1 - 1e-6)) >= 0.01 - 1e-4
        assert all(tail(t) >= tail(1.1 * t + 0.1) - 1e-6 for t in at)


@pytest.mark.parametrize(("text", "found"), ANSWERS)
def test_an_answer_is_printed_and_becomes_json(text, found):
    form = found.as_dict((50, 99.9))
    assert set(form["wait_percentiles"]) == {"p50", "p99.9"}
    assert "formula" in str(found)
    assert "<table>" in found._repr_html_()


def test_a_system_a_text_and_a_row_of_one_are_the_same():
    system = read("M/M/3/8", 9.0, 0.5)
    assert solve(system) == solve("M/M/3/8", 9.0, 0.5) == solve([system])


def test_an_exact_formula_goes_before_an_approximation():
    exact, rough = solve("M/M/2", 3, 0.5), solve("G(1)/G(1)/2", 3, 0.5)
    assert (exact.exact, rough.exact) == (True, False)
    assert rough.error
    assert "approximation" in str(rough)
    assert rough.Wq == near(exact.Wq, rel=0.2)


def test_what_no_formula_is_known_for_is_told():
    with pytest.raises(UsageError, match=re.escape("no formula is known for M/M/4/10+D")) as error:
        solve("M/M/4/10+D", 6.0, 1.0, patience=1.0)
    assert "forebay simulate" in error.value.hint


def test_a_load_that_varies_has_no_steady_state():
    with pytest.raises(UsageError):
        solve("M/M/6", Sine(0, 100, 60), 0.1)


def test_the_catalogue_of_the_docs_names_every_model_and_what_it_is():
    told = [(name, kind) for name, kind, _ in catalogue()]
    assert told == [(model.name, "exact" if model.exact else "approximation") for model in MODELS]


@pytest.mark.parametrize(("text", "given"), [asked for asked in ASKED if "->" not in asked[0]])
def test_the_catalogue_names_the_source_of_the_answer(text, given):
    system = read(text, **{"service": 0.5, **given})
    sources = next(source for name, _, source in catalogue() if name == model_for(system).name)
    assert all(source in sources for source in solve(system).source.split("; "))


@pytest.mark.parametrize("text", ["M/M/3", "D/E2/1/4"])
def test_the_answer_names_the_system_as_it_is_written(text):
    assert solve(text, 1.0, 0.5).system == write(read(text, 1.0, 0.5)) == text


@pytest.mark.parametrize(
    ("text", "arrivals", "service"),
    [
        ("M/D/1000000", 9e5, 1.0),
        ("H2(1000)/M/1000000", 1e7, 0.08),
        ("U/M/1000000/300", 0.01, 0.1),
        ("G(0.01)/E1000/400/50", 138.0, 3.3),
    ],
)
def test_what_is_too_large_for_a_formula_is_refused_or_solved_at_once(text, arrivals, service):
    system = read(text, arrivals, service)
    if any(model.fits(system) for model in MODELS):
        assert solve(system).Wq >= 0
    else:
        with pytest.raises(UsageError, match="no formula is known"):
            solve(system)


def test_however_many_come_no_more_is_worked_off_than_the_workers_can():
    found = solve("U/M/30/500", 3e10, 0.001)
    assert found.utilization <= 1 + 1e-15
    assert 0 <= found.p0 <= found.p_wait <= 1


def test_a_short_wait_before_long_work_costs_no_more_to_follow():
    found = solve("M/M/1000+M", 4.4e-5, 0.0226, patience=1.8e-4)
    assert found.sojourn(99) == near(0.0226 * math.log(100), rel=1e-9)
