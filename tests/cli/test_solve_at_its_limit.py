"""forebay solve where there is just as much work as can be done: it ends at once, and says what becomes of it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from forebay.cli import program

AT_ITS_LIMIT = [
    "M/M/2 --in 2/s",
    "M/M/49 --in 49/s",
    "M/D/2 --in 2/s",
    "M/E2/1 --in 1/s",
    "M/E2/3 --in 3/s",
    "E2/M/2 --in 2/s",
    "G(2)/G(2)/1 --in 1/s",
    "M/G(0.5)/30 --in 30/s",
    "U/U/30 --in 30/s",
    "MMPP(2/s,0/s,1s,1s)/M/1",
    "M/M/2 --in 2/s --discipline lifo",
    "M/M/2 --in 2/s --discipline random",
    "M/D/1 --in 1/s --discipline lifo",
    "M(2)/M/2 --in 2/s",
    "M(2)/D/1 --in 1/s",
    "M/M/1 --in 0.5/s --breaks 1s --repair 1s",
    "M/M/2 --in 1/s --breaks 1s --repair 1s",
    "M/M/2/0 --in 2/s --retry-after 1s",
    "M/D/1/0 --in 1/s --retry-after 1s",
    "M/D/2/0 --in 2/s --retry-after 1s",
    "M/M/1->M/M/2 --in 1/s",
    "M/M/2->M/M/1 --in 1/s",
    "M/M/1 --in 3/s --replicas 3",
    "M/M/1 --in 3/s --replicas 3 --routing round-robin",
]


@pytest.mark.parametrize("words", [f"{words} --service 1s".split() for words in AT_ITS_LIMIT], ids=" ".join)
def test_a_system_at_its_limit_is_unstable_and_has_no_percentiles(words):
    told = CliRunner().invoke(program, ["solve", *words], catch_exceptions=False).output
    assert "at its limit; the backlog grows like the square root of time" in told
    form = json.loads(CliRunner().invoke(program, ["solve", *words, "--json"], catch_exceptions=False).output)
    assert (form["stable"], form["critical"], form["growth"], form["L"]) == (False, True, 0, None)
    assert set(form["wait_percentiles"].values()) == {None}


@pytest.mark.parametrize("urgent", [[], ["--preemptive"]])
@pytest.mark.parametrize(("spec", "rate"), [("M/M/1", "0.5/s"), ("M/M/2", "1/s")])
def test_of_classes_at_the_limit_only_the_last_is_not_served_in_time(spec, rate, urgent):
    words = ["solve", spec, "--class", f"{rate} 1s", "--class", f"{rate} 1s", *urgent, "--json"]
    form = json.loads(CliRunner().invoke(program, words, catch_exceptions=False).output)
    assert [form["parts"][name]["stable"] for name in ("class 1", "class 2")] == [True, False]
    assert form["critical"]


def test_a_clock_that_just_keeps_up_is_stable():
    words = ["solve", "D/D/1", "--in", "1/s", "--service", "1s", "--json"]
    assert json.loads(CliRunner().invoke(program, words, catch_exceptions=False).output)["stable"]
