from __future__ import annotations

import json

import numpy as np
import pytest

from forebay.lab.verdict import Comparison, Measured, Verdict
from forebay.load.ledger import Tally, judge
from forebay.load.results.figures import COLUMNS
from forebay.load.results.run import Run
from forebay.load.shot import Kind
from forebay.theory.varying.fluid import predict
from forebay.theory.varying.sine import Sine


def fired(accepted: int, kaput: int = 0, unknown: int = 0) -> Run:
    run = Run("http://localhost/", "sine(0, 100, 60s)", 60)
    statuses = [200] * accepted + [500] * kaput + [-1] * unknown
    zero = run.zero
    rows = [
        (i, zero + i, zero + i, zero + i + 1_000, zero + i + 2_000_000, status, 0, 0, 0)
        for i, status in enumerate(statuses)
    ]
    shape = (len(rows), len(COLUMNS))
    run.absorb(np.array(rows, dtype=np.int64).reshape(shape), [(Kind.UNKNOWN, "no answer in time")], [""])
    return run


def whole() -> Verdict:
    measured = Measured(
        accepted=3000, done=2998, dead=2, refused=7, peak_backlog=689, longest_wait_seconds=11.0, drained_seconds=61.0
    )
    return Verdict(measured, predict(Sine(50, 50, 60).rate, 60, 60), fired(3000, kaput=7))


def test_the_report_lays_prediction_and_measurement_side_by_side() -> None:
    text = str(whole())
    for line in (
        "accepted               3,000",
        "lost                       0",
        "peak backlog             689         674      +2.2 %",
        "longest wait             11s       11.2s      -2.1 %",
        "drained after          1m01s       1m01s      +0.6 %",
        "requests        3,000 x 200, 7 x 500",
        "response        p50 2ms  p90 2ms  p99 2ms  p99.9 2ms  max 2ms",
    ):
        assert line in text
    assert text.splitlines()[-1] == "Promise kept: all 3,000 accepted ended exactly once, none was lost."


def test_the_form_for_json_has_everything_that_the_text_has() -> None:
    form = json.loads(json.dumps(whole().as_dict(), allow_nan=False))
    assert form["kept"] is True
    assert form["lost"] == 0
    assert form["comparisons"][0]["difference_percent"] == pytest.approx(2.2, abs=0.05)
    assert form["run"]["statuses"] == {"200": 3000, "500": 7}
    assert form["prediction"]["peak_backlog"] == pytest.approx(674.1, abs=0.1)
    assert form["response_seconds"]["p99"] == pytest.approx(0.002, rel=1e-3)


@pytest.mark.parametrize(
    ("measured", "run", "said"),
    [
        (Measured(accepted=10, done=7, lost=3), None, "broken: 3 of 10 accepted are nowhere"),
        (Measured(accepted=8, done=8), fired(10), "broken: 2 of 10 accepted are nowhere"),
        (Measured(accepted=10, done=12, lost=-2), None, "broken: 2 more ended than were accepted"),
    ],
)
def test_a_broken_promise_is_said_with_its_number(measured: Measured, run: Run | None, said: str) -> None:
    verdict = Verdict(measured, run=run)
    assert not verdict.kept
    assert said in verdict.sentence
    assert str(verdict).endswith(verdict.sentence)


def test_the_ledger_of_the_client_can_break_what_the_books_of_the_queue_call_whole() -> None:
    twice = judge({"a": Tally(1, 1)}, ["a", "a"])
    verdict = Verdict(Measured(accepted=1, done=1), judgement=twice)
    assert not verdict.kept
    assert "ledger does not agree" in verdict.sentence
    assert "duplicated   1  a" in str(verdict)
    lost = judge({"a": Tally(1, 1)}, [])
    assert Verdict(Measured(accepted=1, done=1), judgement=lost).lost == 1


def test_an_unknown_outcome_that_was_accepted_all_the_same_breaks_nothing() -> None:
    verdict = Verdict(Measured(accepted=11, done=11), run=fired(10, unknown=3))
    assert verdict.kept
    assert "3 unknown" in str(verdict)


def test_an_interrupted_run_says_what_is_still_to_be_worked_off() -> None:
    verdict = Verdict(Measured(accepted=10, done=4, unfinished=6))
    assert verdict.kept
    assert "6 of 10 are still to be worked off" in verdict.sentence
    assert "unfinished" in str(verdict)


def test_where_nothing_was_accepted_nothing_was_promised() -> None:
    verdict = Verdict(Measured(accepted=0, done=0), run=Run("http://localhost/", "const(1)", 1))
    assert verdict.kept
    assert "nothing was promised" in verdict.sentence
    assert "requests        none" in str(verdict)
    json.dumps(verdict.as_dict(), allow_nan=False)


def test_a_backlog_that_never_ends_is_said_and_no_percentage_made_of_it() -> None:
    verdict = Verdict(Measured(accepted=100, done=0, unfinished=100), predict(lambda t: 10, 10, 0))
    assert "never ends" in str(verdict)
    assert "inf" in str(verdict)
    json.dumps(verdict.as_dict(), allow_nan=False)
    assert Comparison("peak backlog", 0, 5).difference_percent is None
    assert Comparison("peak backlog", None, 5).difference_percent is None
