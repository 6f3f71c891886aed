from __future__ import annotations

from pathlib import Path

import numpy as np

from fired import REASONS, empty, record, rows
from forebay.load.reports.text import text
from forebay.load.results.examples import Example
from forebay.load.results.merging import merged
from forebay.load.results.runfile import Writer, read
from forebay.load.results.window import window

TAGS = ("", "buy")
SHOTS = rows([0.5, 1.5, 2.5, 3.5, 4.5], status=[200, 503, -1, 503, -1], tag=[0, 1, 0, 0, 1])
FOUND = {"status 503": Example(1.5, 1, "buy"), REASONS[0][1]: Example(2.5, 2)}


def run_of(*batches):
    run = empty()
    for batch in batches:
        run.absorb(batch, REASONS, TAGS)
    run.elapsed_seconds = 10.0
    return run


def test_of_each_way_to_fail_the_first_planned_shot_is_kept() -> None:
    assert run_of(SHOTS).examples == FOUND


def test_the_order_in_which_shots_end_changes_nothing() -> None:
    assert run_of(SHOTS[::-1]).examples == FOUND
    assert run_of(SHOTS[3:], SHOTS[:3]).examples == FOUND
    whole = run_of(SHOTS[3:])
    whole.merge(run_of(SHOTS[:3]).take())
    assert whole.examples == FOUND


def test_what_was_taken_is_not_told_again() -> None:
    run = run_of(SHOTS)
    assert run.take().examples == FOUND
    assert run.take().examples == {}


def test_a_file_of_a_run_holds_its_examples(tmp_path: Path) -> None:
    run = run_of(SHOTS)
    Writer(tmp_path / "run", run, {}, 0.0).close({})
    assert read(tmp_path / "run").run.examples == FOUND


def test_a_file_of_before_has_none(tmp_path: Path) -> None:
    Writer(tmp_path / "run", run_of(SHOTS[:1]), {}, 0.0).close({})
    data = (tmp_path / "run").read_bytes()
    (tmp_path / "run").write_bytes(data.replace(b',"examples":{}', b""))
    assert read(tmp_path / "run").run.examples == {}


def test_a_machine_that_began_later_has_its_examples_later() -> None:
    first, later = run_of(SHOTS[:1]), run_of(SHOTS)
    later.started_at += 2
    assert merged([record(first), record(later)]).run.examples["status 503"] == Example(3.5, 1, "buy")


def test_a_window_has_the_examples_planned_in_it() -> None:
    assert window(record(run_of(SHOTS)), 2, 5).run.examples == {REASONS[0][1]: Example(0.5, 2)}


def test_the_report_names_the_shot() -> None:
    told = text(record(run_of(SHOTS)))
    assert "status 503" in told
    assert "shot 1 at 1.500s, buy" in told
    assert "for the first time" not in text(record(run_of(np.array(SHOTS[:1]))))
