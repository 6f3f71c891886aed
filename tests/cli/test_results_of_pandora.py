from __future__ import annotations

import json

import pytest

from wire import OK, listening, saying

POOL = """
  - id: {name}
    gun: {{type: http, target: "{address}"}}
    ammo: {{type: uri, uris: ["/ {name}"]}}
    result: {result}
    rps: {{type: once, times: 3}}
    startup: {{type: once, times: 2}}
"""


@pytest.fixture
def fired(forebay, tmp_path):
    """Fire pools of three shots each that differ in their names."""

    def fire(result, *words, names=("left",)):
        with listening(saying(OK)) as server:
            address = server.url.removeprefix("http://").rstrip("/")
            pools = "".join(POOL.format(name=name, address=address, result=result) for name in names)
            (tmp_path / "load.yaml").write_text(f"pools:{pools}")
            done = forebay("fire", "load.yaml", *words)
        assert done.returncode in (0, 5), done.stderr
        return done

    return fire


def test_two_pools_may_have_one_file_for_their_shots(fired, tmp_path):
    (tmp_path / "shots.log").write_text("of an earlier run\n")
    fired("{type: phout, destination: shots.log}", names=("left", "right"))
    tags = [line.split("\t")[1] for line in (tmp_path / "shots.log").read_text().splitlines()]
    assert sorted(tags) == ["left"] * 3 + ["right"] * 3


def test_what_goes_to_standard_error_is_not_among_the_report(fired):
    done = fired("{type: jsonlines, sink: stderr}", "--json")
    assert json.loads(done.stdout)["total"]["answered"] == 3
    assert [json.loads(line)["tag"] for line in done.stderr.splitlines() if line.startswith(b"{")] == ["left"] * 3


@pytest.mark.parametrize("result", ["{type: discard}", "{type: log}", "{type: phout, destination: shots.log}"])
def test_shots_that_were_asked_for_are_on_record_whatever_the_result_says(fired, forebay, result):
    fired(result, "--shots", "shots")
    assert len(forebay("report", "shots", "--phout").stdout.splitlines()) == 3
