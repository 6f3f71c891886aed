from __future__ import annotations

import os
import subprocess
import sys

import pytest

from forebay.errors import UsageError
from forebay.message import new_id
from forebay.queue.go_cdk import BROKERS, with_brokers
from forebay.queue.opening import queue_url, topic_of
from forebay.url import parse


@pytest.fixture(autouse=True)
def _two_brokers(monkeypatch):
    monkeypatch.setenv(BROKERS, "one:9092, two")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("kafka://test", "kafka://one:9092,two:9092?topic=test"),
        ("kafka://group?topic=test", "kafka://one:9092,two:9092?topic=test&group=group"),
        ("kafka://test?group=audit", "kafka://one:9092,two:9092?group=audit&topic=test"),
        ("kafka:///orders?lease=9s", "kafka://one:9092,two:9092/orders?lease=9s"),
        ("kafka://host/orders", "kafka://host/orders"),
        ("kafka://host:9092?topic=test", "kafka://host:9092?topic=test"),
        ("kafka://a,b?topic=test", "kafka://a,b?topic=test"),
        ("kafka://me:secret@host?topic=test", "kafka://me:***@host?topic=test"),
        ("nats://test", "nats://test"),
    ],
)
def test_what_go_cdk_writes_means_the_brokers_of_the_environment(written, meant):
    assert str(with_brokers(parse(written))) == meant


def test_to_read_it_twice_changes_nothing():
    once = queue_url("kafka://group?topic=test")
    assert queue_url(once) == once
    assert topic_of(parse("kafka://test")) == "test"


def test_two_groups_are_refused():
    with pytest.raises(UsageError, match="two groups") as raised:
        queue_url("kafka://group?topic=test&group=other")
    assert "kafka://group:9092" in raised.value.hint


def test_without_the_variable_a_name_that_cannot_be_a_host_is_refused_and_another_is_a_host(monkeypatch):
    monkeypatch.delenv(BROKERS)
    with pytest.raises(UsageError, match="KAFKA_BROKERS is not set") as raised:
        queue_url("kafka://my_group?topic=test")
    assert "KAFKA_BROKERS=" in raised.value.hint
    assert queue_url("kafka://localhost?topic=test").host == "localhost"


def test_without_the_variable_a_url_without_a_topic_says_what_it_would_be_with_it(monkeypatch):
    monkeypatch.delenv(BROKERS)
    with pytest.raises(UsageError, match="names no topic") as raised:
        queue_url("kafka://test")
    assert BROKERS in raised.value.hint


def test_the_lines_that_users_of_go_cdk_type_work_on_a_broker(kafka, tmp_path):
    topic = f"go{new_id()}"
    environment = {**os.environ, BROKERS: f"127.0.0.1:{kafka.port}"}

    def forebay(*arguments: str, stdin: bytes = b"") -> bytes:
        command = [sys.executable, "-m", "forebay", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, cwd=tmp_path, env=environment, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    forebay("pub", f"kafka://{topic}", stdin=b"one\ntwo\nthree\n")
    came = forebay("sub", "-n", "3", f"kafka://group?topic={topic}")
    assert sorted(came.split()) == [b"one", b"three", b"two"]
