"""forebay draw: text for the terminal, SVG and JSON for the rest, errors in two lines."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

FIGURE_8 = ("draw", "D/D/1/1", "--in", "2/ms", "--service", "0.5ms")


def test_the_timeline_of_the_lecture_is_one_line_away(forebay, environment):
    environment["PYTHONIOENCODING"] = "utf-8"
    told = forebay(*FIGURE_8)
    assert told.returncode == 0, told.stderr
    lines = told.stdout.decode().splitlines()
    assert lines[0] == "D/D/1/1  2 together every 1 ms, 0.5 ms of work each"
    assert lines[4].startswith("worker 1  ▐█ 1 █▌▐█ 2 █▌")
    assert lines[4].endswith("100 %")


def test_evenly_spaced_nobody_waits(forebay):
    assert json.loads(forebay(*FIGURE_8, "--apart", "--json").stdout)["requests"][1]["places"] == []


def test_where_the_terminal_has_no_blocks_it_is_ascii(forebay, environment):
    environment["PYTHONIOENCODING"] = "ascii"
    told = forebay(*FIGURE_8)
    assert told.stdout.isascii()
    assert b"[# 1 #]" in told.stdout
    assert forebay(*FIGURE_8, "--ascii").stdout == told.stdout


def test_it_is_as_wide_as_asked(forebay):
    lines = forebay(*FIGURE_8, "--width", "120").stdout.decode().splitlines()
    assert 100 < max(map(len, lines)) <= 120


def test_a_file_is_written_and_nothing_said(forebay, tmp_path):
    told = forebay(*FIGURE_8, "--svg", "8.svg")
    assert (told.returncode, told.stdout) == (0, b"")
    ET.fromstring((tmp_path / "8.svg").read_text("utf-8"))
    forebay(*FIGURE_8, "--out", "8.txt")
    assert (tmp_path / "8.txt").read_text("utf-8").startswith("D/D/1/1")


def test_json_has_the_numbers(forebay):
    data = json.loads(forebay(*FIGURE_8, "--for", "10ms", "--json").stdout)
    assert (data["kind"], data["utilization"], data["throughput"], len(data["requests"])) == ("timeline", 1, 2000, 20)


def test_a_run_is_drawn_from_its_log(forebay, tmp_path):
    rows = ["accepted,started,ended", *(f"{k},{k + 0.25},{k + 0.75}" for k in range(10))]
    (tmp_path / "run.csv").write_text("\n".join(rows))
    data = json.loads(forebay("draw", "--log", "run.csv", "--as", "cumulative", "--json").stdout)
    assert data["area"] == pytest.approx(7.5)
    beside = forebay("draw", "M/M/1", "--in", "1/s", "--service", "0.5s", "--log", "run.csv", "--as", "tail", "--json")
    assert json.loads(beside.stdout)["measured"]


def test_the_timeline_of_endless_workers_has_a_lane_for_each_at_work_and_no_share_of_their_time(forebay):
    asked = ("draw", "M/M/inf", "--in", "6/s", "--service", "333ms", "--as", "timeline")
    told = forebay(*asked, "--ascii").stdout.decode().splitlines()
    assert sum(line.startswith("worker ") for line in told) == 5
    assert told[-1] == "at work   2.04 on average, 5 at most"
    data = json.loads(forebay(*asked, "--json").stdout)
    assert (data["utilization"], data["at_work"]) == (None, pytest.approx(2.04, abs=0.005))
    assert sum(data["worker_utilization"]) == pytest.approx(data["at_work"])


@pytest.mark.parametrize(
    ("words", "last", "share"),
    [
        ((), "at work    1.6 on average, 2 at most", None),
        (("M/M/4", "--in", "1/s", "--service", "1s"), "busy       40 % of the workers' time", 0.4),
    ],
)
def test_a_log_that_names_no_workers_is_drawn_on_lanes_that_are_nobodys(forebay, tmp_path, words, last, share):
    (tmp_path / "run.csv").write_text("accepted,started,ended\n0,0,1\n0.5,0.5,2\n1.2,1.2,1.9\n")
    asked = ("draw", *words, "--log", "run.csv", "--as", "timeline")
    told = forebay(*asked, "--ascii").stdout.decode().splitlines()
    assert told[3].startswith("at work 1  [")
    assert told[3].endswith("]...")
    assert not any(line.startswith("worker ") for line in told)
    assert told[-1] == last
    data = json.loads(forebay(*asked, "--json").stdout)
    assert (data["utilization"], data["worker_utilization"], data["at_work"]) == (share, [], 1.6)
    assert {one["worker"] for one in data["requests"]} == {None}


def test_a_log_that_does_not_tell_when_work_began_has_no_timeline(forebay, tmp_path):
    (tmp_path / "run.csv").write_text("accepted,ended\n0,1\n0.5,2\n")
    told = forebay("draw", "--log", "run.csv", "--as", "timeline")
    assert told.returncode == 2
    assert told.stderr.decode().splitlines()[0].endswith("it is not told when their work began")


def test_a_peak_late_in_a_long_log_is_looked_at_alone(forebay, tmp_path):
    rows = ["accepted,started,ended", *(f"{k},{k + 0.25},{k + 0.75}" for k in range(1000))]
    (tmp_path / "run.csv").write_text("\n".join(rows))
    data = json.loads(forebay("draw", "--log", "run.csv", "--from", "500s", "--for", "2s", "--json").stdout)
    assert (data["t"][0], max(data["total"])) == (500.0, 1)
    assert data["t"][-1] < 502


def test_a_scalability_law_is_drawn_through_its_points(forebay):
    data = json.loads(forebay("draw", "usl", "--points", "1:600, 20:2500, 140:2750", "--json").stdout)
    assert data["points"] == [[1, 600], [20, 2500], [140, 2750]]
    assert b"gamma = 600" in forebay("draw", "usl", "--points", "1:600, 20:2500, 140:2750", "--ascii").stdout
    assert data["best"] == pytest.approx(87.5, abs=0.1)


def test_a_promise_is_a_time_or_a_share(forebay):
    shown = forebay("draw", "M/M/10/0", "--in", "6/s", "--service", "1s", "--as", "erlang", "--promise", "0.2%")
    assert "promise 0.2 %" in shown.stdout.decode()
    shown = forebay("draw", "M/M/1", "--in", "6/s", "--service", "100ms", "--as", "tail", "--promise", "300ms")
    assert "promise 300 ms" in shown.stdout.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("M/M/1",),
        ("M/M/1", "--in", "20/s", "--service", "100ms", "--as", "tail"),
        ("M/M/1", "--in", "6/s", "--service", "100ms", "--for", "0"),
        ("M/M/1", "--in", "6/s", "--service", "100ms", "--as", "tail", "--promise", "x%"),
        ("M/M/1", "--in", "6/s", "--service", "100ms", "--as", "erlang", "--promise", "x%"),
        ("M/M/1", "--in", "6/s", "--service", "100ms", "--as", "tail", "--promise", "1%"),
        ("M/M/1", "--in", "6/s", "--service", "100ms", "--as", "erlang", "--promise", "1s"),
        ("M/M/1", "--in", "6/s", "--service", "100ms", "--promise", "1s"),
        ("M/M/1", "--in", "6/s", "--service", "100ms", "--svg", "a.png"),
        ("--as", "tail"),
        ("usl",),
        ("usl", "--points", "1"),
        ("M/M/1", "--in", "6/s", "--service", "100ms", "--points", "1:2"),
        ("M/M/1", "--in", "6/s", "--service", "100ms", "--as", "tail", "--from", "3s"),
        ("usl", "--points", "1:600, 20:2500", "--as", "tail"),
        *(
            ("M/M/1", "--in", "6/s", "--service", "100ms", "--backlog", "9", "--as", kind)
            for kind in ("tail", "disciplines", "hockey-stick", "erlang")
        ),
    ],
)
def test_wrong_words_are_told_in_two_lines(forebay, arguments):
    told = forebay("draw", *arguments)
    assert told.returncode == 2
    assert told.stdout == b""
    assert len(told.stderr.decode().strip().splitlines()) == 2


def test_a_file_that_cannot_be_written_is_told(forebay):
    told = forebay(*FIGURE_8, "--svg", "nowhere/8.svg")
    assert told.returncode == 1
    assert b"nowhere/8.svg cannot be written" in told.stderr
