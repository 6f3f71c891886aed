from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from fired import REASONS, empty, evenly, fired, record, rows
from forebay.load.reports.columns import aligned
from forebay.load.reports.formats import FORMATS
from forebay.load.reports.series import csv_of, json_of
from forebay.load.reports.summary import deviation
from forebay.load.reports.summary import rows as seconds
from forebay.load.reports.text import text

STATUSES = [200] * 90 + [404] * 4 + [503] * 3 + [-1] * 2 + [-2]


def mixed():
    """Return ten seconds of ten shots a second, of which 10 % failed, of two tags."""
    batch = rows(evenly(10, 10), 0.010, late=0.0001, wait=0.0002, status=STATUSES, tag=[0, 1] * 50)
    return fired(batch, ("buy", "look"))


def test_the_verdict_and_the_validity_stand_before_any_figure() -> None:
    told = text(record(mixed(), requirements=["failed<5%", "p99<1s"]))
    order = [
        told.index(words)
        for words in ("http://", "✓ valid", "✗ failed<5%", "✓ p99<1s", "planned", "response", "status")
    ]
    assert order == sorted(order)
    assert "✗ 1 of 2 requirements missed" in told


def test_the_report_tells_every_end_of_a_shot_with_its_count() -> None:
    told = text(record(mixed()))
    lines = [line.split() for line in told.splitlines()]
    for words in (["planned", "100"], ["sent", "99"], ["answered", "97"], ["refused", "1"], ["unknown", "2"],
                  ["failed", "10", "1.0", "10%"], ["status", "404", "4", "4%"],
                  ["no", "answer", "in", "time", "2", "2%"]):  # fmt: skip
        assert any(line[: len(words)] == words for line in lines), words


def test_a_run_that_ended_before_its_time_says_so_and_why() -> None:
    run = mixed()
    assert "before its time" not in text(record(run))
    run.interrupted = True
    assert "It ended before its time: it was interrupted." in text(record(run))
    assert "before its time: http(5xx, 25%, 10) came true." in text(record(run, stopped="http(5xx, 25%, 10) came true"))


def test_the_report_tells_response_and_service_beside_each_other() -> None:
    told = text(record(mixed())).splitlines()
    assert next(line for line in told if line.startswith("response")).split()[1:3] == ["10.3ms", "10.3ms"]
    assert next(line for line in told if line.startswith("service")).split()[1:3] == ["10ms", "10ms"]
    assert next(line for line in told if line.startswith("lag")).split()[1] == "300us"
    assert next(line for line in told if line.startswith("late")).split()[1] == "100us"


def test_the_report_has_a_row_for_each_tag() -> None:
    lines = [line.split() for line in text(record(mixed())).splitlines()]
    assert any(line[:2] == ["buy", "50"] for line in lines)
    assert any(line[:2] == ["look", "50"] for line in lines)
    assert "tag" not in text(record(fired(rows([0.5]))))


def test_the_report_tells_who_has_fired() -> None:
    about = {"host": "ape", "cores": 2, "processes": 2, "seed": 7, "versions": {"forebay": "1.2"}, "command": "fire x"}
    told = text(record(mixed(), **about))
    assert "generator  ape, forebay 1.2, seed 7, 2 cores, 2 processes" in told
    assert "command    forebay fire x" in told


def test_a_file_without_an_end_is_told_as_one() -> None:
    torn = record(mixed())
    torn.complete = False
    assert "the run was killed" in text(torn)


def test_what_a_server_said_does_not_steer_the_terminal() -> None:
    run = empty()
    run.absorb(rows([0.5], status=-1), [(REASONS[0][0], "\x1b[2J")], ["\x07"])
    assert "\x1b" not in text(record(run))
    assert "\x07" not in text(record(run))


@pytest.mark.parametrize("form", FORMATS)
def test_a_run_of_no_shots_can_be_told_in_every_form(form: str) -> None:
    told = FORMATS[form].write(record(empty()))
    assert told.endswith("\n")
    assert "nan" not in told.lower().replace("nanoseconds", "")


@pytest.mark.parametrize("form", FORMATS)
def test_a_run_in_which_nobody_answered_can_be_told_in_every_form(form: str) -> None:
    told = FORMATS[form].write(record(fired(rows(evenly(10, 10), status=-2)), requirements=["p99<1s"]))
    assert "nan" not in told.lower()


def test_the_json_has_every_figure_and_null_for_what_was_not_measured() -> None:
    form = json.loads(json_of(record(mixed(), requirements=["p99<1s"], seed=7)))
    assert form["about"]["seed"] == 7
    assert form["verdict"]["requirements"][0]["kept"]
    total = form["total"]
    assert (total["planned"], total["answered"], total["failed"]) == (100, 97, 10)
    assert total["statuses"] == {"200": 90, "404": 4, "503": 3}
    assert total["service_seconds"]["p99"] == pytest.approx(0.010, rel=1e-3)
    assert total["answered_per_second"] == pytest.approx(9.7)
    assert list(form["tags"]) == ["buy", "look"]
    assert len(form["series"]) == 10
    nothing = json.loads(json_of(record(empty())))
    assert nothing["total"]["response_seconds"]["p99"] is None


def test_the_csv_has_a_row_for_each_second_also_for_one_in_which_nothing_happened() -> None:
    told = list(csv.DictReader(csv_of(record(fired(rows([0.1, 0.2, 2.5], 0.010)))).splitlines()))
    assert [row["second"] for row in told] == ["0", "1", "2"]
    assert [row["planned"] for row in told] == ["2", "0", "1"]
    assert [row["response_max_seconds"] for row in told] == ["0.01", "", "0.01"]
    assert float(told[0]["response_p50_seconds"]) == pytest.approx(0.01, rel=0.02)


def test_the_rows_of_the_csv_add_up_to_the_run() -> None:
    run = mixed()
    told = list(csv.DictReader(csv_of(record(run)).splitlines()))
    for name, count in {"planned": 100, "sent": 99, "answered": 97, "status_2xx": 90, "status_4xx": 4, "status_5xx": 3,
                        "refused": 1, "unknown": 2, "failed": 10}.items():  # fmt: skip
        assert sum(int(row[name]) for row in told) == count, name


def test_in_flight_is_what_was_due_and_had_no_end_when_the_second_was_over() -> None:
    run = fired(rows([0.1, 0.2, 0.3, 1.5], [5.0, 0.1, 1.0, 0.1], status=[200, 200, -1, 200]))
    assert [row.in_flight for row in seconds(run)] == [2, 1, 1, 1, 1, 0]


def test_failed_is_what_was_refused_is_unknown_or_was_answered_with_400_or_more() -> None:
    assert mixed().total.failed == 10


def test_the_deviation_is_that_of_the_shots() -> None:
    times = np.random.default_rng(1).lognormal(-4, 0.7, 1000)
    run = fired(rows(evenly(100, 10), times))
    assert deviation(run.service) == pytest.approx(times.std(), rel=1e-3)


def test_numbers_stand_right_and_words_left() -> None:
    assert aligned([("a", "1"), ("bcd", "100", "x")]) == ["a      1", "bcd  100  x"]
