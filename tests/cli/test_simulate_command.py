"""forebay simulate: intervals beside formulas, waves, traces, and exit codes."""

from __future__ import annotations

import json
import re

import pytest


def lines(told):
    return dict(re.split(r"\s{2,}", line, maxsplit=1) for line in told.stdout.decode().splitlines())


def test_a_simulation_stands_beside_its_formula(forebay):
    told = forebay("simulate", "M/M/3/8", "--in", "6/s", "--service", "400ms", "--precision", "5%", "--seed", "7")
    assert (told.returncode, told.stderr) == (0, b"")
    found = lines(told)
    assert found["system"] == "M/M/3/8"
    simulated, formula = found["Wq, waiting"].split(" ± ")[0], found["Wq, waiting"].split()[3]
    assert float(simulated.removesuffix("ms")) == pytest.approx(272.884, rel=0.1)
    assert formula == "272.884ms"
    assert found["Wq, waiting"].endswith("half-widths")
    assert found["precision"] == "0.05 of Wq: reached"


def test_the_json_has_every_value_with_its_interval_and_the_formula(forebay):
    arguments = ("M/M/1", "--in", "5/s", "--service", "100ms", "--customers", "200000", "--percentiles", "99", "--json")
    found = json.loads(forebay("simulate", *arguments).stdout)
    assert found["W"]["low"] < 0.2 < found["W"]["high"]
    assert list(found["wait_percentiles"]) == ["p99"]
    assert found["comparison"]["quantities"]["W"]["formula"] == pytest.approx(0.2)
    assert found["reached"]


def test_a_precision_that_is_not_reached_ends_with_5(forebay):
    arguments = ("M/M/1", "--in", "9/s", "--service", "100ms", "--precision", "0.1%", "--customers", "200000")
    told = forebay("simulate", *arguments)
    assert told.returncode == 5
    assert b"precision was not reached\n  give it more" in told.stderr
    assert lines(told)["precision"] == "0.001 of Wq: not reached"


def test_overload_is_told_and_is_no_failure(forebay):
    told = forebay("simulate", "M/M/1", "--in", "20/s", "--service", "100ms")
    assert told.returncode == 0
    assert lines(told)["unstable"].startswith("grows by 10")


def test_a_wave_tells_its_peak(forebay):
    load = ("--in", "sine(0, 100, 10s)", "--service", "100ms")
    found = lines(forebay("simulate", "M/M/6", *load, "--for", "10s", "--replications", "20"))
    assert found["waves"] == "20 of 10s"
    assert float(found["peak backlog"].split()[0]) == pytest.approx(130, rel=0.2)


def test_any_percentile_is_told_also_where_there_is_no_formula(forebay):
    load = ("M/M/6", "--in", "sine(0, 100, 10s)", "--service", "100ms", "--precision", "10%", "--percentiles", "99.9")
    found = lines(forebay("simulate", *load))
    assert (found["wait"].split()[0], found["sojourn"].split()[0]) == ("p99.9", "p99.9")
    assert list(json.loads(forebay("simulate", *load, "--json").stdout)["wait_percentiles"]) == ["p99.9"]


def test_what_was_measured_may_be_named_g_and_given_as_a_load(forebay, tmp_path):
    (tmp_path / "came.csv").write_text("0\n1\n1.5\n7\n")
    (tmp_path / "work.csv").write_text("2\n1\n1\n0.5\n")
    given = ("--services", "work.csv", "--json")
    named = json.loads(forebay("simulate", "G/G/1", "--in", "trace(came.csv)", *given).stdout)
    assert (named["system"], named["Wq"]["value"]) == ("G(came.csv)/G(work.csv)/1", 0.625)
    twice = json.loads(forebay("simulate", "G/G/1", "--in", "trace(came.csv, speed=2)", *given).stdout)
    assert twice["Wq"]["value"] == (1.5 + 2.25 + 0.5) / 4
    assert forebay("simulate", "G/G/1", "--in", "1/s", "--service", "1s").returncode == 2


def test_a_trace_is_replayed_with_its_work(forebay, tmp_path):
    (tmp_path / "came.csv").write_text("0\n1\n1.5\n7\n")
    (tmp_path / "work.csv").write_text("2\n1\n1\n0.5\n")
    told = forebay("simulate", "M/M/1", "--in", "came.csv", "--services", "work.csv", "--json")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["system"] == "G(came.csv)/G(work.csv)/1"
    assert found["Wq"]["value"] == pytest.approx((1 + 1.5) / 4)
    assert found["wave"]["peak"]["value"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["M/M/1 -> M/M/2", "--in", "1/s", "--service", "1s"], b"one station"),
        (["M/M/1", "--in", "1/s", "--service", "100ms", "--precision", "much"], b"'much' is not a precision"),
        (["M/M/1", "--in", "1/s", "--service", "100ms", "--percentiles", "p"], b"are not percentiles"),
        (["M/M/1", "--in", "1/s", "--service", "100ms", "--percentiles", "50,100"], b"are not percentiles"),
        (["M/M/1", "--in", "1/s", "--service", "100ms", "--of", "rho"], b"'rho' is not simulated"),
        (["M/M/1", "--in", "line(1, 9)", "--service", "100ms"], b"no period"),
    ],
)
def test_wrong_usage_is_told_in_two_lines(forebay, arguments, said):
    told = forebay("simulate", *arguments)
    assert told.returncode == 2
    assert said in told.stderr
    assert len(told.stderr.decode().splitlines()) == 2
