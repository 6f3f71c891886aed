from __future__ import annotations

import os

import pytest

from forebay.cli import firing_view
from forebay.cli.firings import Asked
from forebay.load.results.run import Run

# How many processes


def asked(**said):
    usual = dict.fromkeys(Asked.__slots__) | {"timeout": "10s", "headers": (), "seed": 0, "poisson": False}
    return Asked(**usual | {"insecure": False} | said)


@pytest.mark.parametrize(
    ("said", "processes"),
    [
        ({"constant": "100/s"}, 1),
        ({"constant": "10000/s"}, 1),
        ({"constant": "1000000/s"}, 2),
        ({"constant": "1000000/s", "connections": 1}, 1),
        ({"profile": "sine(0, 30000, 60s)"}, 2),
        ({"profile": "const(9, 5s) unlimited(30s)"}, 2),
        ({"profile": "once(1000000)"}, 1),
        ({"profile": "unlimited(30s)"}, 2),
        ({"constant": "3000/s", "gun": "json:loads"}, 2),
        ({"connections": 400}, 2),
        ({"connections": 1}, 1),
        ({"connections": 400, "processes": 5}, 5),
    ],
)
def test_there_are_as_many_processes_as_the_load_needs(monkeypatch, said, processes):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    firing = asked(**said).firing("http://127.0.0.1/")
    assert asked(**said).enough_processes(firing) == processes


def test_the_length_is_that_of_the_profile_or_of_a_wave_or_ten_seconds():
    lengths = [
        asked(**said).firing("http://127.0.0.1/").seconds
        for said in (
            {"profile": "line(1, 9, 30s) const(9, 30s)"},
            {"profile": "line(1, 9, 30s) const(9, 30s)", "length": "5s"},
            {"profile": "sine(0, 100, 40s)"},
            {"profile": "sine(0, 100, 40s)", "poisson": True},
            {"profile": "once(5)"},
            {"constant": "5/s"},
            {"connections": 5},
        )
    ]
    assert lengths == [60.0, 5.0, 40.0, 40.0, 10.0, 10.0, 10.0]


# The live line


class Terminal:
    def __init__(self):
        self.said = ""

    def isatty(self):
        return True

    def write(self, text):
        self.said += text

    def flush(self):
        pass


def in_flight(count):
    run = Run("http://127.0.0.1/", "const(10)", 60.0)
    run.total.planned = run.total.sent = 100
    run.total.statuses[200] = 90
    run.total.statuses[500] = 10
    run.in_flight = count
    return run


def test_without_a_terminal_there_is_a_line_every_ten_seconds(capsys):
    with firing_view.FiringView(60.0) as view:
        for elapsed in (1, 9.5, 10.1, 11, 19, 20.5, 29):
            view.tick(elapsed, in_flight(3))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" of ")[0].strip() for line in lines] == ["10", "20"]
    assert lines[0].startswith("   10 of 60 s  planned 103  sent 100  answered 100  failed 10  response –")


def test_on_a_terminal_the_picture_moves_and_the_last_stands():
    with open(os.devnull) as nothing:  # rich asks for its size
        terminal = Terminal()
        terminal.fileno = nothing.fileno
        with firing_view.FiringView(60.0, terminal, environment={"TERM": "xterm", "NO_COLOR": "1"}) as view:
            view.tick(10, in_flight(0))
            view.tick(20, in_flight(3))
    assert "20 of 60 s" in terminal.said
    assert "in flight 3" in terminal.said


def test_a_shot_that_a_gun_did_not_send_after_all_is_no_rate_below_0():
    with open(os.devnull) as nothing:
        terminal = Terminal()
        terminal.fileno = nothing.fileno
        with firing_view.FiringView(60.0, terminal, environment={"TERM": "xterm", "NO_COLOR": "1"}) as view:
            run = in_flight(9)
            run.on_way = 9
            view.tick(10, run)
            run.on_way = 0
            view.tick(20, run)
    assert "-1/s" not in terminal.said


def test_who_interrupts_is_told_what_is_waited_for():
    run = in_flight(3)
    run.interrupted = True
    assert firing_view.line(1, 60, run).endswith("stopping: 3 in flight are waited for, Ctrl-C ends it at once")
