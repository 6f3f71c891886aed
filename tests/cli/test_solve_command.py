"""forebay solve."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from forebay.cli import program
from forebay.errors import UsageError
from forebay.theory import solve as solution


def solve(*words):
    """Run the command here, and return what it prints; an error of ours is raised."""
    done = CliRunner().invoke(program, ["solve", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def solved(*words):
    return json.loads(solve(*words, "--json"))


def test_everything_that_is_asked_of_a_queue_is_told():
    told = solve("M/M/3", "--in", "6/s", "--service", "333.33ms")
    names = [line.split("  ")[0] for line in told.splitlines()]
    assert names == [
        *("system", "arrivals", "offered load", "utilisation", "throughput", "p0, empty", "P(wait)"),
        *("L, in the system", "Lq, waiting", "W, in the system", "Wq, waiting", "wait", "sojourn", "formula", "source"),
    ]
    assert "p50" in told
    assert "p99 1.96s" in told


def test_json_has_every_field_of_the_answer():
    form = solved("M/M/2/3", "--in", "6/s", "--service", "500ms", "--percentile", "99.9", "--percentile", "50")
    expected = solution("M/M/2/3", 6.0, 0.5)
    assert form == expected.as_dict((99.9, 50))
    assert form["wait_percentiles"] == {"p99.9": pytest.approx(expected.wait(99.9)), "p50": expected.wait(50)}


def test_too_much_work_is_told_as_growth():
    told = solve("M/M/3", "--in", "60/s", "--service", "100ms")
    assert "unstable" in told
    assert "grows by 30 a second" in told
    form = solved("M/M/3", "--in", "60/s", "--service", "100ms")
    assert (form["stable"], form["growth"], form["Wq"]) == (False, pytest.approx(30), None)


def test_an_approximation_says_so_and_how_far_off_it_may_be():
    told = solve("G(2)/G(3)/2", "--in", "3/s", "--service", "500ms")
    assert "approximation" in told
    assert "%" in told.split("approximation")[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("M/M/2//10", "--think", "5s"), solution("M/M/2//10", 5.0, 0.5)),
        (("M/M/2+M", "--in", "5/s", "--patience", "2s"), solution("M/M/2+M", 5.0, 0.5, patience=2.0)),
        (("M/M/2", "--in", "5/s", "--patience", "2s"), solution("M/M/2+D", 5.0, 0.5, patience=2.0)),
        (("D/D/1/1", "--in", "2/s"), solution("D/D/1/1", "2/s", 0.5)),
        (("D/D/1/1", "--in", "2/s", "--apart"), solution("D/D/1/1", 2.0, 0.5)),
        (("M/M/1", "--in", "poisson(const(1))"), solution("M/M/1", 1.0, 0.5)),
        (("D/M/1", "--in", "const(1)"), solution("D/M/1", 1.0, 0.5)),
        (("M/M/1 -> M/M/2", "--in", "1/s"), solution("M/M/1 -> M/M/2", 1.0, 0.5)),
    ],
)
def test_an_option_says_what_python_says(words, expected):
    assert solved(*words, "--service", "500ms") == json.loads(json.dumps(expected.as_dict()))


@pytest.mark.parametrize(
    ("words", "formula"),
    [
        (("M/M/2/1", "--retry-after", "3s"), "retrials"),
        (("M/M/2/1", "--retry-after", "3s", "--retry-attempts", "3"), "retrials"),
        (("M/M/2", "--breaks", "1h", "--repair", "30s"), "breakdowns"),
        (("M/D/1", "--breaks", "1h", "--repair", "30s", "--redelivery", "5s"), "breakdowns"),
        (("M/M/2", "--discipline", "lifo"), "last in first out"),
    ],
)
def test_retries_breakdowns_and_orders_have_their_formulas(words, formula):
    assert formula in solved(*words, "--in", "1/s", "--service", "500ms")["formula"]


def test_classes_are_told_one_by_one_the_most_urgent_first():
    words = ("M/M/1", "--class", "1/s 250ms", "--class", "2/s 100ms")
    told = solve(*words)
    assert [line.split()[:2] for line in told.splitlines()[-2:]] == [["class", "1"], ["class", "2"]]
    waits, preempted = solved(*words)["parts"], solved(*words, "--preemptive")["parts"]
    assert waits["class 1"]["Wq"] < waits["class 2"]["Wq"]
    assert preempted["class 1"]["Wq"] < waits["class 1"]["Wq"]


def test_stations_have_their_own_times_of_work():
    form = solved("M/M/1 -> M/M/2", "--in", "6/s", "--service", "80ms", "--service", "250ms")
    assert [part["utilization"] for part in form["parts"].values()] == pytest.approx([0.48, 0.75])


def test_replicas_are_told_for_every_routing():
    words = ("M/M/1", "--in", "27/s", "--service", "100ms", "--replicas", "3")
    for routing in ("random", "round-robin", "shared"):
        form = solved(*words, "--routing", routing)
        assert form["Wq"] == form["parts"][routing.replace("-", " ")]["Wq"]
    assert form["parts"]["random"]["Wq"] == pytest.approx(0.9)
    assert form["parts"]["shared"]["Wq"] == pytest.approx(0.2723537, rel=1e-6)


@pytest.mark.parametrize(
    ("words", "who"),
    [
        (("M/M/1",), "; forebay simulate --for 1m follows them"),
        (("D/D/1",), "; forebay simulate --for 1m follows them"),
        (("M/M/1", "--replicas", "3"), "; forebay simulate --for 1m follows them"),
        (("M/M/1 -> M/M/1",), ""),
    ],
)
def test_a_backlog_that_the_steady_state_does_not_count_is_told(words, who):
    asked = (*words, "--in", "5/s", "--service", "100ms")
    note = f"40 who wait at the beginning are not counted: a steady state is long after it{who}"
    assert note in solved(*asked, "--backlog", "40")["notes"]
    assert solve(*asked, "--backlog", "40").count(note) == 1
    assert "who wait at the beginning" not in solve(*asked)


@pytest.mark.parametrize("written", ["1:600, 20:2500, 140:2750", "file"])
def test_scalability_is_fitted_to_points_or_to_a_file_of_them(tmp_path, written):
    file = tmp_path / "points.csv"
    file.write_text("clients,per second\n1,600\n20,2500\n\n140,2750\n")
    form = solved("usl", "--points", str(file) if written == "file" else written)
    assert form["gamma"] == pytest.approx(600, rel=1e-6)
    assert form["alpha"] == pytest.approx(0.198, rel=1e-2)


def test_measured_work_is_read_from_a_file(tmp_path):
    file = tmp_path / "work.csv"
    file.write_text("0.1\n0.1\n0.4\n")
    assert solved(f"M/G({file})/1", "--in", "2/s")["utilization"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (("M/M/0", "--in", "6/s", "--service", "1s"), "no workers", "whole number"),
        (("M/X/1", "--in", "6/s", "--service", "1s"), "'X' is not a law", "M, D, E3"),
        (("M/M/1", "--service", "1s"), "how many come", "--in 6/s"),
        (("M/M/1", "--in", "6/s"), "how long service takes", "--service 80ms"),
        (("M/M/1", "--in", "six", "--service", "1s"), "'six' is not a rate", "50/s"),
        (("M/M/1", "--in", "came.csv", "--service", "1s"), "nor a file that is here", "sine(0, 100, 60s)"),
        (("M/M/1", "--in", "6/s", "--service", "1s", "--preemptive"), "nobody is more urgent", "--class"),
        (("M/M/1/2", "--in", "6/s", "--service", "1s", "--retry-share", "0.5"), "come again", "--retry-after"),
        (("M/M/1/2", "--in", "6/s", "--service", "1s", "--retry-attempts", "3"), "come again", "--retry-after"),
        (("M/M/1", "--in", "6/s", "--service", "1s", "--routing", "random"), "between replicas", "--replicas 3"),
        (("M/M/1", "--in", "sinus(1, 2)", "--service", "1s"), "sinus", ""),
        (("M/M/1", "--in", "6/s", "--service", "1s", "--service", "2s"), "more than once", "one for each station"),
        (("M/M/1", "--in", "6/s", "--service", "1s", "--think", "2s"), "finite population", "M/M/2//10"),
        (("M/M/2//10", "--in", "5s", "--service", "1s"), "finite population", "--think 5s"),
        (("M/M/1", "--in", "6/s", "--service", "1s", "--breaks", "2s"), "both times", "--repair"),
        (("M/M/1", "--in", "6/s", "--service", "100ms", "--percentile", "100"), "not a percentile", "p99"),
        (("M/M/1", "--in", "6/s", "--service", "1s", "--points", "1:2"), "for usl", "forebay solve usl"),
        (("M/M/1 -> M/M/1", "--in", "6/s", "--service", "1s", "--replicas", "2"), "one station", "leave it out"),
        (("M/M/2", "--in", "sine(0, 10, 60s)", "--service", "1s"), "", "forebay"),
        (("usl",), "what was measured", "--points"),
        (("usl", "--points", "1:600, twenty:2500"), "'twenty:2500' is not a point", "1:600"),
        (("usl", "--points", "1:600, 2:1.2.3"), "not a point", "1:600"),
        (("usl", "--points", "1:600, 20:2500", "--in", "6/s"), "--in changes nothing for usl", "leave it out"),
        (("usl", "--points", "1:600, 20:2500", "--replicas", "3"), "--replicas changes nothing", "leave it out"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(words, what, hint):
    with pytest.raises(UsageError) as error:
        solve(*words)
    assert what in str(error.value)
    assert hint in error.value.hint


def test_an_error_has_two_lines_and_the_code_of_wrong_usage(forebay):
    done = forebay("solve", "M/X/1", "--in", "6/s", "--service", "1s")
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "forebay: 'X' is not a law",
        "  the laws are M, D, E3, H2(4), U, G(2) and G(file.csv)",
    ]
