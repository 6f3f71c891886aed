"""Topics made as they are asked for, on the brokers that can make them so, and what is told of them."""

from __future__ import annotations

import itertools
import json
import os

import pytest

pytestmark = pytest.mark.server

numbers = itertools.count()
ALL = ["--retention", "7d", "--retention-bytes", "1GiB", "--largest", "64KiB"]


@pytest.fixture
def topic():
    return f"made-{os.getpid()}-{next(numbers)}"


def shown(forebay, url):
    told = forebay("topics", "show", url, "--json")
    assert told.returncode == 0, told.stderr.decode()
    fields = json.loads(told.stdout)
    names = ("partitions", "replication", "retention_seconds", "retention_bytes", "largest", "in_sync")
    return tuple(fields[name] for name in names)


@pytest.fixture(params=["in our words", "in Kafka's words", "in the URL"])
def asked(request):
    """What stands behind the URL's topic, and behind the URL."""
    words = ["--partitions", "3", "--replication", "1", "--in-sync", "1", *ALL]
    if request.param == "in our words":
        return "", words
    if request.param == "in the URL":
        pairs = zip(words[::2], words[1::2], strict=True)
        return "?" + "&".join(f"{name.removeprefix('--')}={text}" for name, text in pairs), []
    settings = {
        "num.partitions": 3,
        "replication.factor": 1,
        "min.insync.replicas": 1,
        "retention.ms": 7 * 86_400_000,
        "retention.bytes": 2**30,
        "max.message.bytes": 65_536,
    }
    return "", [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def test_kafka_makes_a_topic_as_it_is_asked_for(forebay, kafka, topic, asked):
    options, words = asked
    told = forebay("topics", "create", f"{kafka.url}/{topic}{options}", *words)
    assert (told.returncode, told.stdout) == (0, f"created {topic}\n".encode()), told.stderr.decode()
    assert b"retention.bytes = 1073741824" in told.stderr  # what may be lost by it is told, wherever it was asked for
    assert shown(forebay, f"{kafka.url}/{topic}") == (3, 1, 7 * 86_400.0, 2**30, 65_536, 1)


def test_kafka_keeps_everything_where_nothing_is_asked(forebay, kafka, topic):
    told = forebay("topics", "create", f"{kafka.url}/{topic}")
    assert (told.returncode, told.stderr) == (0, b"")
    assert shown(forebay, f"{kafka.url}/{topic}") == (8, 1, None, None, 8 * 2**20, 1)


def test_nats_makes_a_topic_as_it_is_asked_for(forebay, nats, topic):
    told = forebay("topics", "create", f"{nats.url}/{topic}", "--replication", "1", *ALL)
    assert (told.returncode, told.stdout) == (0, f"created {topic}\n".encode()), told.stderr.decode()
    assert shown(forebay, f"{nats.url}/{topic}") == (1, 1, 7 * 86_400.0, 2**30, 65_536, None)
    brief = forebay("topics", "create", f"{nats.url}/{topic}-brief", "--retention", "1m")
    assert brief.returncode == 0, brief.stderr.decode()  # shorter than the window in which repetitions are noticed


def test_topics_show_tells_people_what_was_asked(forebay, nats, topic):
    forebay("topics", "create", f"{nats.url}/{topic}", *ALL)
    lines = forebay("topics", "show", f"{nats.url}/{topic}").stdout.decode().splitlines()
    told = dict(line.split("  ", 1) for line in lines if "  " in line)
    assert {name: text.strip() for name, text in told.items() if name in {"retention", "largest"}} == {
        "retention": "7d",
        "largest": "65536",
    }


@pytest.mark.parametrize(
    ("broker", "severity", "setting"), [("kafka", "warns", "retention.ms"), ("nats", "loses", "max_age")]
)
def test_a_topic_that_drops_what_waits_is_made_and_the_loss_is_told(forebay, request, topic, broker, severity, setting):
    url = f"{request.getfixturevalue(broker).url}/{topic}"
    told = forebay("topics", "create", url, "--retention", "1h")
    assert (told.returncode, told.stdout) == (0, f"created {topic}\n".encode())
    [line] = [line for line in told.stderr.decode().splitlines() if setting in line]
    assert line.startswith(f"forebay: {severity}: ")
    assert "dropped" in line
    examined = json.loads(forebay("doctor", url, "--json").stdout)["findings"]
    [finding] = [one for one in examined if one["setting"].endswith(f"{topic}: {setting}")]
    assert finding["severity"] == severity  # the doctor says the same


def test_a_topic_in_which_nothing_would_be_accepted_is_not_made(forebay, kafka, topic):
    told = forebay("topics", "create", f"{kafka.url}/{topic}", "--replication", "1", "--in-sync", "2")
    assert told.returncode == 2, told.stderr.decode()
    assert b"nothing would be accepted" in told.stderr
    assert forebay("topics", "show", f"{kafka.url}/{topic}").returncode == 1


@pytest.mark.parametrize("broker", ["kafka", "nats"])
def test_more_brokers_than_there_are_is_the_callers_mistake(forebay, request, topic, broker):
    url = f"{request.getfixturevalue(broker).url}/{topic}"
    told = forebay("topics", "create", url, "--replication", "3")
    assert told.returncode == 2, told.stderr.decode()
    assert b"repli" in told.stderr
    assert forebay("topics", "show", url).returncode == 1


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_a_broker_that_cannot_names_those_that_can_and_makes_nothing(forebay, request, topic, broker):
    server = request.getfixturevalue(broker)
    url = f"{server.url.rstrip('/')}/{topic}" + (f"?management={server.management}" if broker == "rabbitmq" else "")
    told = forebay("topics", "create", url, "--retention", "7d")
    assert (told.returncode, told.stdout) == (2, b"")
    assert b"those that can: nats://, kafka://" in told.stderr
    assert forebay("topics", "show", url).returncode == 1


@pytest.mark.parametrize("broker", ["kafka", "nats"])
def test_a_message_that_is_too_large_is_refused_alone(forebay, request, topic, broker, tmp_path):
    url = f"{request.getfixturevalue(broker).url}/{topic}"
    assert forebay("topics", "create", url, "--largest", "4KiB").returncode == 0
    lines = b"\n".join([b"x" * 3_000] * 50)
    assert forebay("pub", url, stdin=lines).stderr == b"50 accepted\n"  # in batches, none of which is too large
    file = tmp_path / "lines"
    file.write_bytes(b"\n".join([b"a", b"x" * 5_000, b"b", b""]))
    with file.open("rb") as at_once:  # by a pipe they may come one by one, and what comes after a refusal is not put
        refused = forebay("pub", url, stdin=at_once)
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (2, b"2 accepted")
    taken = forebay("sub", url, "-n", "52").stdout.split()
    assert {b"a", b"b", b"x" * 3_000} == set(taken)
