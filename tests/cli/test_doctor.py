"""forebay doctor: what is here, and what loses messages."""

from __future__ import annotations

import json

import pytest

from forebay.lab import inventory
from forebay.queue.admin import Severity

QUEUE = "sqlite:///q.db?topic=orders"


@pytest.fixture
def orders(forebay):
    forebay("pub", QUEUE, "a")


def test_a_queue_that_keeps_its_promise_is_told_with_its_proof(forebay, orders):
    told = forebay("doctor", QUEUE)
    assert told.returncode == 0, told.stderr.decode()
    lines = told.stdout.decode().splitlines()
    assert lines[0].startswith("SQLite 3.")
    assert lines[1].startswith("durability  fsync: ")
    assert lines[2].startswith("it can      fifo, lifo, priority, random; order by key")


def test_what_loses_messages_stands_first_with_its_mend_and_ends_with_4(forebay, orders):
    told = forebay("doctor", "memory://orders")
    assert told.returncode == 4
    lines = told.stdout.decode().splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("LOSES"))
    assert "mend: " in lines[first + 2]
    told = forebay("doctor", "memory://orders", "--json")
    fields = json.loads(told.stdout)
    assert told.returncode == 4
    assert fields["findings"][0]["severity"] == "loses"
    assert fields["features"]["disciplines"] == ["fifo", "lifo", "priority", "random"]
    assert fields["note"] == "there is no topic orders yet; only the broker was examined"


def test_findings_stand_worst_first(forebay, orders):
    findings = json.loads(forebay("doctor", QUEUE, "--json").stdout)["findings"]
    ranks = [list(Severity).index(Severity(finding["severity"])) for finding in findings]
    assert ranks == sorted(ranks)
    assert all(finding["mend"] for finding in findings if finding["severity"] != "fine")


def test_what_cannot_be_reached_ends_with_3_and_hides_the_password(forebay):
    told = forebay("doctor", "sqlite:////no/such/folder/q.db")
    assert told.returncode == 3
    told = forebay("doctor", "nosuch://u:geheim@h/t")
    assert told.returncode == 2
    assert b"geheim" not in told.stderr + told.stdout


def test_without_a_url_it_tells_what_is_here(forebay):
    told = forebay("doctor")
    assert told.returncode == 0, told.stderr.decode()
    here = told.stdout.decode()
    for name in ("confluent-kafka", "nats-py", "pamqp", "redis", "psycopg", "rabbitmq", "postgresql"):
        assert name in here
    told = json.loads(forebay("doctor", "--json").stdout)
    assert {package["name"]: package["extra"] for package in told["packages"]}["nats-py"] == "nats"


def test_without_a_url_it_examines_the_queue_of_the_settings(forebay, orders):
    told = forebay("doctor", queue=QUEUE)
    assert told.returncode == 0, told.stderr.decode()
    assert "durability  fsync" in told.stdout.decode()
    assert forebay("doctor", queue="memory://orders").returncode == 4
    unreachable = forebay("doctor", "--json", queue="sqlite:////no/such/folder/q.db")
    assert unreachable.returncode == 3
    assert json.loads(unreachable.stdout)["packages"]


def test_a_package_that_is_missing_is_told_with_its_remedy(monkeypatch):
    monkeypatch.setattr(inventory, "_installed", lambda name: None if name == "redis" else "1.0")
    found = {package.name: package for package in inventory.packages()}
    assert found["redis"].remedy == "pip install 'forebay[redis]'"
    assert found["msgspec"].remedy == ""


def test_a_server_that_is_missing_is_told(monkeypatch):
    def missing():
        raise inventory.Missing("it is not installed")

    monkeypatch.setattr(inventory.SERVERS["redis"], "program", missing)
    assert {program.name: program.path for program in inventory.programs()}["redis"] is None
