"""forebay plan, as its users have it."""

from __future__ import annotations

import json
import shlex

import pytest

from forebay.cli.plan import command_of, note_of
from forebay.services.work_time import work_time
from forebay.settings import Settings
from forebay.theory import Deterministic, Erlang, Exponential, General, Hyperexponential, Samples, Uniform, plan

STEADY = ("plan", "--in", "50/s", "--service", "100ms")


def test_it_answers_with_the_numbers_their_neighbours_and_the_command(forebay):
    told = forebay(*STEADY, "--promise", "p99<500ms", "--promise", "loss<0.1%", "--cost", "0.96/d")
    assert (told.returncode, told.stderr) == (0, b"")
    lines = told.stdout.decode().splitlines()
    assert lines[:2] == ["workers            7", "places             14"]
    assert "      7  13      484ms        0.117%      loss<0.1%" in lines
    assert any(line.startswith("cost") and "0.28 an hour" in line for line in lines)
    assert lines[-1] == "forebay serve orders --workers 7 --places 14 --work 'M(100ms)'"


def test_a_wave_is_planned_in_a_line_of_json(forebay):
    told = forebay("plan", "--in", "sine(0, 100, 20s)", "--service", "80ms", "--promise", "p99<2s", "--json")
    answer = json.loads(told.stdout)
    assert (answer["workers"], answer["places"], answer["periodic"], answer["seconds"]) == (7, None, True, 20)
    assert answer["answer"]["formula"] == "forward equations of Mt/M/n/q"
    assert answer["command"] == "forebay serve orders --workers 7 --work 'M(80ms)'"


def test_a_load_that_ends_begins_with_a_backlog(forebay):
    told = forebay(
        "plan",
        "--in",
        "line(10, 60)",
        "--for",
        "30s",
        "--service",
        "D(100ms)",
        "--backlog",
        "40",
        "--promise",
        "p99<3s",
    )
    assert told.returncode == 0
    assert b"work D, once" in told.stdout
    assert told.stdout.splitlines()[-1].endswith(b"--work 100ms")


def test_stages_that_say_how_long_they_last_need_no_length(forebay):
    told = forebay(
        "plan", "--in", "line(1, 60, 20s) const(60, 10s)", "--service", "80ms", "--promise", "p99<2s", "--json"
    )
    answer = json.loads(told.stdout)
    assert (answer["seconds"], answer["periodic"]) == (30, False)


def test_a_sine_that_says_how_long_it_lasts_is_no_period_but_a_load_that_ends(forebay):
    told = forebay(
        "plan", "--in", "sine(0, 100, 20s, lasting=10s)", "--service", "80ms", "--promise", "p99<2s", "--json"
    )
    answer = json.loads(told.stdout)
    assert (answer["periodic"], answer["seconds"]) == (False, 10)


def test_a_load_of_a_day_is_answered_by_the_fluid_and_says_so(forebay):
    told = forebay("plan", "--in", "sine(0, 5000, 24h)", "--service", "80ms", "--promise", "p99<5s")
    assert told.returncode == 0
    assert b"fluid with its Gaussian term" in told.stdout
    assert b"approximation" in told.stdout


def test_what_is_lost_is_told_where_no_loss_is_promised(forebay):
    told = forebay(*STEADY, "--promise", "p99<2s", "--places", "0")
    assert b"83.33%, of which nothing is promised" in told.stdout


def test_a_check_shows_the_simulated_interval_beside_the_formula(forebay):
    told = forebay(*STEADY, "--promise", "wait p95<50ms", "--check")
    assert b"simulated  formula  simulation  95% interval\nwait p95   40.3ms" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--promise", "p99<300ms"), b"the work alone takes longer than 300ms in 4.98% of cases"),
        (("--promise", "wait p99<1ms", "--workers", "6"), b"with 6 workers wait p99 is 407ms"),
    ],
)
def test_a_promise_that_cannot_be_kept_ends_with_4_and_its_reason(forebay, arguments, words):
    told = forebay(*STEADY, *arguments)
    assert told.returncode == 4
    assert words in told.stderr
    assert len(told.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--in", "50/s", "--promise", "p99<5s"), b"nothing says how long the work takes"),
        (("--in", "50/s", "--service", "M(1s)", "--law", "D", "--promise", "p99<5s"), b"has its law already"),
        (("--in", "50/s", "--service", "1s", "--promise", "soon"), b"'soon' is not a promise"),
        (("--in", "line(1, 9)", "--service", "1s", "--promise", "p99<5s"), b"does not say how long it lasts"),
        (("--in", "50", "--service", "1s", "--promise", "p99<5s"), b"'50' is not a rate"),
        (("--in", "50/s", "--service", "0", "--promise", "p99<5s"), b"a time of 0 is not possible"),
        (("--in", "50/s", "--service", "1s", "--promise", "p99<5s", "--cost", "much"), b"'much' is not a cost"),
    ],
)
def test_wrong_words_are_told_in_two_lines_and_end_with_2(forebay, arguments, words):
    told = forebay("plan", *arguments)
    assert told.returncode == 2
    assert words in told.stderr
    assert len(told.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("law", "work", "said"),
    [
        (Exponential(0.08), "M(80ms)", None),
        (Deterministic(0.08), "80ms", None),
        (Erlang(0.08, 1), "E_1(80ms)", None),
        (Erlang(0.08, 3), "E_3(80ms)", None),
        (Uniform(0.08), "U(80ms)", None),
        (Erlang(0.08, 200), "80ms", "serve takes no work E200, c² = 0.005: 80ms has only its mean, and c² = 0"),
        (General(0.08, 0.4), "80ms", "serve takes no work G(0.4), c² = 0.4: 80ms has only its mean, and c² = 0"),
        (
            Hyperexponential(0.08, 4.0),
            "M(80ms)",
            "serve takes no work H2(4), c² = 4: M(80ms) has only its mean, and c² = 1",
        ),
        (
            Samples.of([0.01] * 9 + [0.71], "work.csv"),
            "M(80ms)",
            "serve takes no work G(work.csv), c² = 6.891: M(80ms) has only its mean, and c² = 1",
        ),
    ],
)
def test_the_command_is_one_that_serve_understands_and_what_it_leaves_out_is_said(law, work, said):
    found = plan(50, law, ["wait p95<1s", "loss<5%"])
    words = shlex.split(command_of(found))
    assert words[:3] == ["forebay", "serve", "orders"]
    assert words[7:] == ["--work", work]
    assert work_time(work).mean == pytest.approx(law.mean)
    assert note_of(found) == said
    settings = Settings({words[i].removeprefix("--"): words[i + 1] for i in (3, 5)})
    assert settings.workers >= 4
    assert settings.places >= 0


@pytest.mark.parametrize("mean", [2e-8, 1800.0, 90000.0])
def test_the_work_of_the_command_has_its_time_however_short_or_long_it_is(mean):
    work = shlex.split(command_of(plan(0.5 / mean, Deterministic(mean), ["utilisation<90%"])))[-1]
    assert work_time(work).mean == pytest.approx(mean)


def test_a_law_that_serve_does_not_take_is_told_beside_the_command_and_in_json(forebay):
    asked = ("plan", "--in", "50/s", "--service", "H2(4, 100ms)", "--promise", "wait p95<1s")
    note = "serve takes no work H2(4), c² = 4: M(100ms) has only its mean, and c² = 1"
    command = "forebay serve orders --workers 6 --work 'M(100ms)'"
    assert forebay(*asked).stdout.decode().splitlines()[-2:] == [note, command]
    answer = json.loads(forebay(*asked, "--json").stdout)
    assert (answer["command"], answer["command_note"]) == (command, note)
    assert json.loads(forebay(*STEADY, "--promise", "p99<500ms", "--json").stdout)["command_note"] is None
