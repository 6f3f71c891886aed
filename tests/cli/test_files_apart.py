from __future__ import annotations

from pathlib import Path

import pytest

from forebay.cli.files_apart import check_apart
from forebay.errors import UsageError


@pytest.mark.parametrize(
    "words",
    [
        ("--rate", "5/s", "--out", "run", "--shots", "./run"),
        ("--rate", "5/s", "--ammo", "orders.jsonl", "--out", "orders.jsonl"),
        ("--rate", "5/s", "--ammo", "bodies:orders.jsonl", "--shots", "linked.jsonl"),
        ("--rate", "5/s", "--body", "@orders.jsonl", "--out", "orders.jsonl"),
        ("--profile", "poisson(trace(orders.jsonl, speed=2))", "--out", "orders.jsonl"),
    ],
)
def test_a_run_overwrites_nothing_that_it_needs(forebay, tmp_path, words):
    (tmp_path / "orders.jsonl").write_text('{"product_id": "1"}\n')
    (tmp_path / "linked.jsonl").symlink_to("orders.jsonl")
    done = forebay("fire", "http://127.0.0.1:1/", *words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"would overwrite another file of this command" in done.stderr
    assert (tmp_path / "orders.jsonl").read_text() == '{"product_id": "1"}\n'


@pytest.mark.parametrize("words", [("--shots", "a.log"), ("--out", "a.log")])
def test_a_run_does_not_overwrite_what_a_pool_of_pandora_writes(forebay, tmp_path, words):
    pool = "{gun: {type: http, target: '127.0.0.1:1'}, ammo: {type: uri, uris: [/]}, rps: {type: once, times: 1}, "
    pool += "startup: {type: once, times: 1}, result: {type: phout, destination: a.log}}"
    (tmp_path / "load.yaml").write_text(f"pools: [{pool}]")
    (tmp_path / "a.log").write_text("of an earlier run\n")
    done = forebay("fire", "load.yaml", *words)
    assert done.returncode == 2
    assert b"the `result` of a pool, a.log would overwrite" in done.stderr
    assert (tmp_path / "a.log").read_text() == "of an earlier run\n"


def test_a_file_may_be_called_as_the_function_that_makes_the_shots_or_as_a_gun(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_apart({"--out": Path("orders")}, [Path("forebay:orders"), Path("orders"), Path("http://h/" + "a" * 5000)])


def test_a_page_does_not_overwrite_the_run_that_it_tells_of(forebay, tmp_path):
    (tmp_path / "run").write_text("a run")
    done = forebay("report", "run", "--html", "run")
    assert done.returncode == 2
    assert b"--html run would overwrite" in done.stderr
    assert (tmp_path / "run").read_text() == "a run"


def test_what_is_no_file_takes_all_and_what_is_not_asked_for_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    null = tmp_path / "null"
    null.symlink_to("/dev/null")
    check_apart({"--out": null, "--shots": null}, [null])
    check_apart({"--out": None, "--shots": None})
    with pytest.raises(UsageError, match="--shots"):
        check_apart({"--out": tmp_path / "a", "--shots": tmp_path / "b" / ".." / "a"})
