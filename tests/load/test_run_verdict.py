from __future__ import annotations

import pytest

from fired import evenly, fired, record, rows
from forebay.errors import UsageError
from forebay.load.results.verdict import judge, verdict


def test_a_run_of_which_nothing_was_required_is_judged_by_its_validity() -> None:
    found = verdict(record(fired(rows(evenly(10, 10)))))
    assert found.validity.valid
    assert found.kept
    assert str(found) == "nothing was required"


def test_each_requirement_is_told_with_what_was_measured() -> None:
    run = fired(rows(evenly(10, 10), 0.010, status=[200] * 95 + [503] * 5))
    found = verdict(record(run, requirements=["p99<20ms", "failed<1%"]))
    assert [(one.text, one.shown, one.kept) for one in found.requirements] == [
        ("p99<20ms", "10ms", True),
        ("failed<1%", "5%", False),
    ]
    assert not found.kept
    assert str(found) == "1 of 2 requirements missed"


def test_what_was_not_measured_is_not_kept() -> None:
    refused = fired(rows(evenly(10, 10), status=-2))
    (one,) = judge(refused, ["service p99<20ms"]).requirements
    assert (one.shown, one.kept) == ("not measured", False)
    assert judge(refused, ["service p99<20ms"]).as_dict()["requirements"][0]["value"] is None


def test_a_tag_that_no_shot_has_is_not_kept() -> None:
    (one,) = judge(fired(rows([0.5])), ["p99{buy}<20ms"]).requirements
    assert (one.shown, one.kept) == ("no shot has this tag", False)


def test_an_interrupted_run_is_told_as_one() -> None:
    run = fired(rows([0.5]))
    run.interrupted = True
    assert str(judge(run, ["p99<1s"])) == "every requirement is kept, by a run that was interrupted"


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(UsageError, match="not a requirement"):
        judge(fired(rows([0.5])), ["as fast as possible"])


def test_a_verdict_is_told_to_programs() -> None:
    form = judge(fired(rows(evenly(10, 10))), ["p99<20ms"]).as_dict()
    assert (form["valid"], form["reasons"], form["cautions"]) == (True, [], [])
    assert form["requirements"][0]["value"] == pytest.approx(0.010, rel=1e-3)


def test_how_many_shots_the_plan_had_is_taken_from_the_file() -> None:
    short = fired(rows(evenly(10, 4)))
    told = [verdict(record(short, expected=n)).validity.cautions for n in (40.5, 60, None)]
    assert [bool(cautions) for cautions in told] == [False, True, False]
    assert verdict(record(short)).validity.cautions


def test_how_busy_the_generator_was_is_taken_from_the_file() -> None:
    closed = fired(rows(evenly(10, 10)), profile="closed(8)")
    assert verdict(record(closed, busy=0.97)).validity.cautions
    assert not verdict(record(closed, busy=None)).validity.cautions
