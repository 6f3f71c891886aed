from __future__ import annotations

import math

import numpy as np
import pytest

from fired import empty, evenly, fired, rows
from forebay.load.results.run import Run
from forebay.load.results.validity import validity

NOTE = "by the generator's own fault"


def late_by(late: float, service: float = 0.010, share: float = 1.0) -> Run:
    """Return a run of 10,000 shots of which a share was late."""
    count = round(10_000 * share)
    on_time = rows(evenly(1000, 10)[count:], service)
    return fired(np.concatenate([on_time, rows(evenly(1000, 10)[:count], service, late=late)]), profile="const(1000)")


def test_a_run_on_time_is_valid_and_there_is_nothing_to_say() -> None:
    found = validity(late_by(0.00002))
    assert (found.valid, found.reasons, found.cautions, str(found)) == (True, (), (), "valid")


def test_a_generator_that_was_the_limit_makes_a_run_not_valid() -> None:
    found = validity(late_by(0.5))
    assert not found.valid
    assert str(found).startswith("not valid: the generator was the limit: 1 of 100 shots was 500ms late")
    assert "--processes" in str(found)


def test_one_shot_of_a_hundred_is_enough_for_that() -> None:
    assert not validity(late_by(0.5, share=0.02)).valid
    assert validity(late_by(0.5, share=0.005)).valid


def test_fewer_late_shots_are_a_caution() -> None:
    (caution,) = validity(late_by(0.5, share=0.005)).cautions
    assert caution.startswith("0.5% of the shots were more than 10ms late, up to 500ms")
    assert NOTE in caution


def test_a_handful_is_not_worth_a_word() -> None:
    assert validity(late_by(0.5, share=0.0005)).cautions == ()


def test_a_server_that_is_slow_is_not_the_fault_of_the_generator() -> None:
    assert validity(late_by(0.00002, service=8.0)).valid


def test_beside_a_slow_server_a_generator_may_be_later() -> None:
    assert validity(late_by(0.050, service=1.0)).valid
    assert not validity(late_by(0.050, service=0.1)).valid


def test_beside_a_slow_server_a_late_generator_without_a_core_left_is_not_forgiven() -> None:
    found = validity(late_by(0.050, service=1.0), busy=0.99)
    assert str(found).startswith("not valid: the generator was the limit: it used 99% of its core, and 1 of 100 shots")
    assert validity(late_by(0.050, service=1.0), busy=0.9).valid
    assert validity(late_by(0.00002, service=1.0), busy=0.99).valid


def test_a_generator_that_makes_up_most_of_a_short_response_is_a_caution() -> None:
    (caution,) = validity(late_by(0.005, service=0.001)).cautions
    assert "of the p99 of the response time, 6ms, up to 5ms are the generator's own" in caution


def test_waiting_for_a_connection_is_a_caution_and_nothing_more() -> None:
    found = validity(fired(rows(evenly(10, 10), 0.01, wait=2.0)))
    assert found.valid
    assert found.cautions == ("1 of 100 shots waited 2s or more for a free connection: that is in the response time",)


def test_where_nothing_was_answered_lateness_alone_decides() -> None:
    refused = fired(rows(evenly(10, 10), 0.01, late=3.0, status=-2))
    assert "nan" not in str(validity(refused))
    assert not validity(refused).valid
    assert validity(fired(rows(evenly(10, 10), 0.01, status=-2))).valid


def test_shots_that_are_in_no_percentile_are_a_caution() -> None:
    half = fired(rows(evenly(10, 10), 0.01, status=[200] * 50 + [-2] * 50))
    (caution,) = validity(half).cautions
    assert caution == "50% of the shots were refused, and no percentile knows how long they waited"
    most = fired(rows(evenly(100, 10), 0.01, status=[200] * 4 + [-2] * 996))
    assert validity(most).cautions[0].startswith("99.6% of the shots were refused")
    assert validity(fired(rows(evenly(10, 10), 0.01, status=-2))).cautions == ()
    assert validity(fired(rows(evenly(10, 10), 0.01, status=[200] * 50 + [-1] * 50))).cautions == ()


def test_a_run_without_a_shot_is_not_valid_unless_it_was_interrupted() -> None:
    run = empty()
    assert str(validity(run)) == "not valid: not one shot was fired"
    run.interrupted = True
    assert validity(run).valid


def test_a_plan_that_was_not_fired_whole_is_a_caution() -> None:
    found = validity(fired(rows(evenly(10, 4))))
    assert found.valid
    assert found.cautions == ("40 of the 100 shots of the plan were fired: was the ammunition used up?",)


@pytest.mark.parametrize("profile", ["const(10)", "closed(8)", "unlimited(10s)", "poisson(const(10.5), seed=3)", "??"])
def test_a_plan_that_was_fired_whole_or_has_no_number_is_none(profile: str) -> None:
    assert validity(fired(rows(evenly(10, 10)), profile=profile)).cautions == ()


@pytest.mark.parametrize(("expected", "said"), [(40.9, False), (60.0, True), (0.0, False)])
def test_how_many_the_plan_has_is_believed_rather_than_read_from_the_profile(expected: float, said: bool) -> None:
    found = validity(fired(rows(evenly(10, 4)), profile="trace(that-is-elsewhere.csv)"), expected=expected)
    assert found.cautions == (("40 of the 60 shots of the plan were fired: was the ammunition used up?",) * said)


def test_an_interrupted_plan_is_none_either() -> None:
    run = fired(rows(evenly(10, 4)))
    run.interrupted = True
    assert validity(run).cautions == ()


@pytest.mark.parametrize(
    ("profile", "busy", "told"),
    [("closed(8)", 0.99, True), ("closed(8)", 0.5, False), ("closed(8)", math.nan, False), ("const(10)", 0.99, False)],
)
def test_a_closed_loop_without_a_core_left_is_a_caution(profile: str, busy: float, told: bool) -> None:
    found = validity(fired(rows(evenly(10, 10)), profile=profile), busy)
    assert found.valid
    assert any("used 99% of its core" in caution for caution in found.cautions) is told
