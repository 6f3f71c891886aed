from __future__ import annotations

import json
import math

import numpy as np
import pytest

from fired import empty, record, rows
from forebay.errors import UsageError
from forebay.load.reports.side_by_side import side_by_side, side_by_side_json
from forebay.load.results.comparison import Comparison, Difference, compared
from forebay.load.results.resampling import Draws, Resampling, block_seconds, blocks, percentile_of, share_of
from forebay.load.results.runfile import Record


def noisy(
    seed: int, seconds: int = 60, slow: float = 1.0, bad: float = 0.01, name: str = "run", wave: bool = True
) -> Record:
    """Return a run whose seconds differ by chance: each has a level of its own, as neighbours on a machine make it."""
    draw = np.random.default_rng(seed)
    run = empty("sine(0, 100, 60s)" if wave else "const(50)", seconds)
    batches = []
    for second in range(seconds):
        count = max(1, round(50 * (1 - math.cos(2 * math.pi * second / 60)))) if wave else 50
        level = slow * math.exp(0.3 * draw.standard_normal()) * (1 + (count / 50) ** 3)
        service = 0.005 * level * draw.lognormal(0, 0.5, count)
        statuses = draw.choice([200, 503], count, p=[1 - bad, bad])
        batches.append(rows(second + np.arange(count) / count, service, status=statuses))
    run.absorb(np.concatenate(batches), (), [""])
    run.elapsed_seconds = seconds
    return record(run, name)


def of(comparison: Comparison, name: str) -> Difference:
    return next(one for one in comparison.differences if one.figure.name == name)


def test_a_run_beside_itself_is_the_same_in_everything() -> None:
    (found,) = compared([noisy(1), noisy(1)])
    assert found.paired
    assert {str(one) for one in found.differences if one.figure.name != "failed"} == {"the same"}
    assert str(of(found, "failed")).startswith("no difference beyond chance")


def test_a_run_that_is_half_as_slow_again_is_told_as_longer() -> None:
    (found,) = compared([noisy(1), noisy(2, slow=1.5)])
    median = of(found, "response p50")
    assert median.certain
    assert str(median).endswith("% longer")
    assert median.low < median.difference < median.high
    assert str(of(compared([noisy(2, slow=1.5), noisy(1)])[0], "response p50")).endswith("% shorter")


def test_what_more_than_doubles_is_told_as_a_multiple() -> None:
    (found,) = compared([noisy(1), noisy(2, slow=150.0)])
    low, word, high, *rest = str(of(found, "response p50")).split()
    assert (word, rest) == ("to", ["times", "the", "first"])
    assert 10 < float(low) < 150 < float(high)
    assert "e" not in high


def test_nothing_is_shorter_by_more_than_all_of_it() -> None:
    figure = of(compared([noisy(1), noisy(2)])[0], "response mean").figure
    said = str(Difference(figure, first=1.0, other=1.2, low=-1.5, high=2.0))
    assert said == "no difference beyond chance: 100% shorter to 3 times the first"


def test_all_failures_are_a_hundred_points() -> None:
    (found,) = compared([noisy(1, bad=0.0), noisy(2, bad=1.0)])
    assert str(of(found, "failed")).endswith(" to 100 points more")


def test_more_failures_are_told_in_points() -> None:
    (found,) = compared([noisy(1), noisy(2, bad=0.06)])
    assert of(found, "failed").certain
    assert str(of(found, "failed")).endswith("points more")


def test_nothing_is_certain_of_failures_where_nothing_failed() -> None:
    """The bootstrap of nothing is nothing; three failures in 3,000 shots could still have been chance."""
    failed = of(compared([noisy(1, bad=0.0), noisy(2, bad=0.0)])[0], "failed")
    assert failed.low < -0.0005
    assert failed.high > 0.0005


def interval(first: Record, other: Record, q: float) -> tuple[float, float]:
    """Return the interval of the difference of a percentile of the service time."""
    found = percentile_of("service", q)
    of_first, of_other = blocks(first.run), blocks(other.run)
    change = other.run.service.percentile(q) - first.run.service.percentile(q)
    low, high = Resampling(of_first, of_other, paired=True).interval(found)
    return change + low, change + high


def test_chance_alone_seldom_makes_a_difference() -> None:
    """The intervals are of 99 %: so of 30 pairs of equal runs hardly one median differs."""
    found = [interval(noisy(2 * i, 30), noisy(2 * i + 1, 30), 50) for i in range(30)]
    assert sum(low > 0 or high < 0 for low, high in found) <= 2


def test_the_true_difference_lies_in_the_interval() -> None:
    """Each time is 1.3 times as long, so every percentile is."""
    truth = 0.3 * noisy(1, 900, name="long").run.service.percentile(90)
    found = [interval(noisy(10 + 2 * i), noisy(11 + 2 * i, slow=1.3), 90) for i in range(15)]
    assert sum(low <= truth <= high for low, high in found) >= 13


def test_two_runs_of_one_plan_are_compared_second_for_second() -> None:
    (paired,) = compared([noisy(1), noisy(2)])
    (apart,) = compared([noisy(1), noisy(2, wave=False)])
    assert (paired.paired, apart.paired) == (True, False)
    assert "drawn together" in paired.method
    assert "for itself" in apart.method
    assert any("differ in profile" in caution for caution in apart.cautions)


def test_what_the_plan_does_to_both_is_no_uncertainty() -> None:
    """The wave makes the seconds very different; drawn together, two runs of it are told apart all the same."""
    together = of(compared([noisy(1), noisy(1, slow=1.1)])[0], "response p90")
    assert together.certain


def test_a_run_of_a_few_seconds_has_no_intervals() -> None:
    (found,) = compared([noisy(1, 4), noisy(2, 4)])
    assert str(of(found, "response p50")) == "too short to tell it from chance"
    assert any("few seconds" in caution for caution in found.cautions)


def test_what_was_not_measured_is_told_as_such() -> None:
    nobody = empty("sine(0, 100, 60s)", 60.0)
    nobody.absorb(rows(np.arange(60.0), status=-2), [("refused", "x"), ("refused", "y")], [""])  # type: ignore[list-item]
    nobody.elapsed_seconds = 60
    (found,) = compared([noisy(1), record(nobody)])
    assert str(of(found, "service p50")) == "not measured in both"
    assert json.loads(json.dumps(found.as_dict()))["differences"]


def test_a_run_that_is_not_valid_is_a_caution() -> None:
    late = empty("sine(0, 100, 60s)", 60.0)
    late.absorb(rows(np.arange(60.0), late=2.0), (), [""])
    late.interrupted = True
    (found,) = compared([noisy(1), record(late, "late")])
    assert "late is not valid" in found.cautions
    assert "late was interrupted" in found.cautions


def test_a_run_whose_generator_had_no_core_left_is_not_valid_beside_another_either() -> None:
    slow = empty("sine(0, 100, 60s)", 60.0)
    slow.absorb(rows(np.arange(60.0), 9.0, late=0.05), (), [""])
    (found,) = compared([noisy(1), record(slow, "slow", busy=0.99)])
    assert "slow is not valid" in found.cautions
    (found,) = compared([noisy(1), record(slow, "slow", busy=0.5)])
    assert "slow is not valid" not in found.cautions


def test_answers_that_were_waited_for_longer_are_no_lower_rate() -> None:
    patient = noisy(1)
    patient.run.elapsed_seconds += 5
    (found,) = compared([noisy(1), patient])
    assert str(of(found, "answered")) == "the same"
    assert of(found, "answered").other == pytest.approx(patient.run.answered / 60)


def test_every_run_stands_beside_the_first() -> None:
    found = compared([noisy(1, name="a"), noisy(2, name="b"), noisy(3, name="c")])
    assert [(one.first, one.other) for one in found] == [("a", "b"), ("a", "c")]


def test_one_run_has_nothing_to_be_compared_with() -> None:
    with pytest.raises(UsageError, match="two runs or more"):
        compared([noisy(1)])


def test_people_see_both_runs_the_difference_and_what_it_means() -> None:
    told = side_by_side([noisy(1, name="before"), noisy(2, slow=1.5, bad=0.06, name="after")]).splitlines()
    assert told[0].split() == ["before", "after", "difference"]
    line = next(line for line in told if line.startswith("response p50"))
    assert " * " in line
    assert line.endswith("% longer")
    assert "points" in next(line for line in told if line.startswith("failed"))
    assert "bootstrap" in told[-3]


def test_programs_get_a_line_for_every_other_run() -> None:
    lines = side_by_side_json([noisy(1), noisy(2), noisy(3, 4)]).splitlines()
    forms = [json.loads(line) for line in lines]
    assert len(forms) == 2
    assert forms[1]["differences"][0]["low"] is None


def test_the_blocks_of_a_run_hold_all_of_it() -> None:
    one = noisy(1, 100)
    made = blocks(one.run)
    assert block_seconds(one.run) == 5
    assert len(made) == 20
    assert made.counts["planned"].sum() == one.run.total.planned
    assert made.cells["response"].sum() == one.run.response.count
    assert made.totals["response"].sum() == pytest.approx(one.run.response.mean * one.run.response.count)


def test_a_long_run_has_at_most_five_hundred_blocks() -> None:
    run = empty("const(1)", 86_400.0)
    run.absorb(rows(np.arange(0, 86_400, 20.0)), (), [""])
    assert len(blocks(run)) <= 500


def test_the_figures_of_undrawn_blocks_are_those_of_the_run() -> None:
    one = noisy(1)
    made = blocks(one.run)
    as_it_is = Draws(made, np.ones((1, len(made))))
    for q in (50, 90, 99):
        assert percentile_of("response", q)(as_it_is)[0] == pytest.approx(one.run.response.percentile(q), rel=0.04)
    failures = sum(count for status, count in one.run.statuses.items() if status >= 400)
    assert share_of("failed")(as_it_is)[0] == pytest.approx(failures / one.run.planned)
