from __future__ import annotations

import csv
import io
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from fired import empty, evenly, rows
from forebay.cli.report import report
from forebay.errors import UsageError
from forebay.load.results.figures import Reason
from forebay.load.results.runfile import Writer
from forebay.load.shot import Kind
from forebay.load.shots.writing import ShotsWriter

HOSTILE: tuple[Reason, ...] = ((Kind.UNKNOWN, "\x1b[2J\x07mine"),)


def written(folder, name="run", service=0.01, status=200, late=0.0, about=None, reasons=()):
    """Write the file of a run of 10 s, 10 shots a second."""
    run = empty()
    writer = Writer(folder / name, run, about or {}, 0.0)
    run.absorb(rows(evenly(10, 10), service, status=status, late=late), reasons, ("orders",))
    run.elapsed_seconds = 10.0
    writer.close({})


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Run the command in the folder of this test."""
    monkeypatch.chdir(tmp_path)

    def tell(*words):
        done = CliRunner().invoke(report, words)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return tell


def test_a_run_is_told_for_people(told, tmp_path):
    written(tmp_path, about={"requirements": ["p99<200ms"]})
    done = told("run")
    assert done.exit_code == 0
    assert "✓ valid" in done.stdout
    assert re.search(r"✓ p99<200ms +10ms", done.stdout)
    assert re.search(r"status 200 +100 +100%", done.stdout)


def test_json_has_everything(told, tmp_path):
    written(tmp_path)
    said = json.loads(told("run", "--json").stdout)
    assert said["total"]["planned"] == said["total"]["answered"] == 100
    assert [second["planned"] for second in said["series"]] == [10] * 10
    assert set(said) >= {"url", "profile", "started_at", "about", "verdict", "total", "tags", "series", "complete"}


def test_csv_has_a_row_for_each_second(told, tmp_path):
    written(tmp_path)
    found = list(csv.DictReader(io.StringIO(told("run", "--csv").stdout)))
    assert [int(row["answered"]) for row in found] == [10] * 10


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("--hdr", "1/(1-Percentile)"),
        ("--k6", '"http_req_duration"'),
        ("--vegeta", '"99th"'),
        ("--vegeta-text", "Latencies"),
        ("--wrk", "Requests/sec:     10.00"),
    ],
)
def test_the_forms_of_other_tools_are_written(told, tmp_path, form, said):
    written(tmp_path)
    assert said in told("run", form).stdout


@pytest.mark.parametrize(("form", "count"), [("--phout", 30), ("--vegeta-csv", 30), ("--json-lines", 30)])
def test_every_shot_is_told_from_the_file_of_shots(told, tmp_path, form, count):
    writer = ShotsWriter(tmp_path / "shots", "http://127.0.0.1/", 0, 0.0)
    writer(rows(evenly(10, 3)), (), ("",))
    writer.close()
    assert len(told("shots", form).stdout.splitlines()) == count


def test_a_page_is_written(told, tmp_path):
    written(tmp_path)
    done = told("run", "--html", "run.html")
    assert (done.exit_code, done.stdout) == (0, "")
    assert re.fullmatch(r"run.html: \d+ KB\n", done.stderr)
    assert (tmp_path / "run.html").read_text("utf-8").startswith("<!")


def test_a_page_and_another_report_come_together(told, tmp_path):
    written(tmp_path)
    assert json.loads(told("run", "--html", "run.html", "--json").stdout)["complete"]
    assert (tmp_path / "run.html").exists()


def test_runs_are_compared_with_the_first(told, tmp_path):
    written(tmp_path, "before")
    written(tmp_path, "after", service=0.02)
    written(tmp_path, "later", service=0.03)
    text = told("before", "after", "later").stdout
    assert re.search(r"response p50 +10ms +20ms +\+10ms", text)
    assert re.search(r"response p50 +10ms +30ms +\+20ms", text)
    assert len(told("before", "after", "later", "--json").stdout.splitlines()) == 2


def test_parts_of_one_load_are_merged(told, tmp_path):
    written(tmp_path, "left")
    written(tmp_path, "right")
    assert json.loads(told("left", "right", "--merge", "--json").stdout)["total"]["planned"] == 200


# Judged again


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("p99<200ms",), 0),
        (("p99<5ms",), 4),
        (("p99<200ms", "failed<1%", "rate>11/s"), 4),
        (("http_req_duration: p(99)<5",), 4),
    ],
)
def test_a_run_is_judged_again(told, tmp_path, words, code):
    written(tmp_path)
    done = told("run", *(word for text in words for word in ("--require", text)))
    assert done.exit_code == code


def test_what_was_required_before_is_told_and_not_judged_again(told, tmp_path):
    written(tmp_path, about={"requirements": ["p99<5ms"]})
    assert "✗ p99<5ms" in told("run").stdout
    assert told("run").exit_code == 0
    done = told("run", "--require", "p99<1s")
    assert done.exit_code == 0
    assert "p99<5ms" not in done.stdout


def test_a_run_that_is_not_valid_ends_its_judgement_with_5(told, tmp_path):
    written(tmp_path, late=0.5)
    assert told("run", "--require", "p99<1h").exit_code == 5


def test_a_run_that_reached_nobody_ends_its_judgement_with_3(told, tmp_path):
    written(tmp_path, status=-1, reasons=((Kind.REFUSED, "no connection"),))
    run = empty()
    writer = Writer(tmp_path / "run", run, {}, 0.0)
    refused = rows(evenly(10, 10), status=-2)
    refused[:, 5] = -1
    run.absorb(refused, ((Kind.REFUSED, "no connection"),), ("",))
    writer.close({})
    assert told("run", "--require", "failed<1%").exit_code == 3


def test_one_of_several_that_misses_is_enough(told, tmp_path):
    written(tmp_path, "before")
    written(tmp_path, "after", service=0.02)
    assert told("before", "after", "--require", "p99<15ms").exit_code == 4
    assert told("before", "after", "--require", "p99<25ms").exit_code == 0


# A window


def test_a_warm_up_is_left_out(told, tmp_path):
    slow_at_first = np.where(np.array(evenly(10, 10)) < 3, 1.0, 0.01)
    written(tmp_path, service=slow_at_first)
    assert told("run", "--require", "max<500ms").exit_code == 4
    assert told("run", "--require", "max<500ms", "--from", "3s").exit_code == 0
    assert told("run", "--require", "min>500ms", "--to", "3s").exit_code == 0


def test_a_window_has_the_shots_that_were_planned_in_it(told, tmp_path):
    written(tmp_path)
    said = json.loads(told("run", "--from", "2s", "--to", "5s", "--json").stdout)
    assert (said["total"]["planned"], said["total"]["answered"], said["elapsed_seconds"]) == (30, 30, 3.0)
    assert [second["second"] for second in said["series"]] == [0, 1, 2]
    assert said["profile"] == "const(10) from 2s to 5s"


def test_a_window_is_cut_to_whole_seconds(told, tmp_path):
    written(tmp_path)
    assert json.loads(told("run", "--from", "2500ms", "--to", "2600ms", "--json").stdout)["total"]["planned"] == 10


def test_windows_are_compared(told, tmp_path):
    written(tmp_path)
    assert "response p50" in told("run", "run", "--from", "5s").stdout


# What it is given


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("absent",), "absent cannot be read"),
        (("wrong",), "wrong is not the file of a run"),
        (("run", "--phout"), "run is not a file of shots"),
        (("run", "run", "--wrk"), "--wrk tells of one run"),
        (("run", "run", "--phout"), "--phout tells all shots of one file"),
        (("run", "--phout", "--from", "2s"), "--phout tells all shots of one file"),
        (("run", "--merge"), "two runs or more"),
        (("run", "--require", "fast"), "'fast' is not a requirement"),
        (("run", "--from", "soon"), "'soon' is not a duration"),
        (("run", "--from", "20s"), "nothing was planned from 20s on"),
        (("run", "--from", "5s", "--to", "5s"), "nothing was planned from 5s to 5s"),
        (("run", "--html", "absent/page.html"), "absent/page.html cannot be written"),
    ],
)
def test_what_cannot_be_told_is_an_error_with_a_hint(told, tmp_path, words, said):
    written(tmp_path)
    (tmp_path / "wrong").write_text("[]\n")
    with pytest.raises(UsageError) as caught:
        told(*words)
    assert said in str(caught.value)
    assert caught.value.hint


def test_what_a_server_said_does_not_steer_the_terminal(told, tmp_path):
    written(tmp_path, status=-1, reasons=HOSTILE)
    for form in ((), ("--json",), ("--wrk",), ("--vegeta-text",)):
        assert not {"\x1b", "\x07"} & set(told("run", *form).stdout)
