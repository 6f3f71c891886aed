"""One command line over every broker: changing the broker is changing the URL, and nothing else."""

from __future__ import annotations

import itertools
import json
import os
import signal
from string import ascii_lowercase

import pytest

pytestmark = pytest.mark.server

numbers = itertools.count()
ALPHABET = [letter.encode() for letter in ascii_lowercase]
SHOP = """
from forebay import App

app = App("shop")

@app.handler("{topic}")
async def double(n: int) -> int:
    return 2 * n
"""


@pytest.fixture(params=["redis", "nats", "rabbitmq", "kafka"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def topic():
    return f"every-{os.getpid()}-{next(numbers)}"


@pytest.fixture
def at(server):
    """Return the URL of a topic, or of the broker; RabbitMQ tells operators by its HTTP API, which has a port here."""

    def url(topic="", **options):
        if server.name == "rabbitmq":
            options["management"] = server.management
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"{server.url.rstrip('/')}/{topic}{'?' if query else ''}{query}"

    return url


@pytest.fixture
def url(at, topic):
    return at(topic)


def records(told):
    assert told.returncode == 0, told.stderr.decode()
    return [json.loads(line) for line in told.stdout.splitlines()]


def of_groups(told):
    """The lines of lag that speak of a whole group."""
    return {row["group"]: row for row in records(told) if row.get("partition") is None}


def test_what_is_put_in_comes_out_and_lag_counts_it(forebay, url, topic):
    told = forebay("pub", url, stdin=b"".join(b"%d\n" % n for n in range(100)))
    assert (told.returncode, told.stderr) == (0, b"100 accepted\n"), told.stderr.decode()
    assert of_groups(forebay("lag", url, "--json"))[topic]["waiting"] == 100
    taken = forebay("sub", url, "-n", "100")
    assert sorted(map(int, taken.stdout.split())) == list(range(100))
    row = of_groups(forebay("lag", url, "--json"))[topic]
    assert (row["waiting"], row["in_work"] or 0, row["dead"], row["lost"] or 0) == (0, 0, 0, 0)
    assert forebay("lag", url).stdout.decode().split()[:2] == ["topic", "group"]


def test_several_writers_put_made_up_orders_in_each_once(forebay, url, topic):
    told = forebay("generate", "orders", "--to", url, "--count", "200", "--writers", "3", "--broken", "20%", "--json")
    (figures,) = records(told)
    assert (figures["written"], figures["refused"], figures["unknown"]) == (200, 0, 0)
    assert figures["broken"] > 0
    assert of_groups(forebay("lag", url, "--json"))[topic]["waiting"] == 200


def test_a_subscriber_of_a_fresh_topic_waits_for_its_first_message(beginning, forebay, url):
    with beginning("sub", url, "-n", "1", until=b"receiving") as process:
        assert forebay("pub", url, "first", "--key", "k", "--priority", "3").returncode == 0
        assert process.communicate(timeout=60)[0] == b"first\n"


def test_two_subscribers_of_their_own_get_the_whole_alphabet_each(beginning, forebay, at, url, topic):
    each = at(topic, group="each")
    with (
        beginning("sub", each, "-n", "26", until=b"receiving") as one,
        beginning("sub", each, "-n", "26", until=b"receiving") as other,
    ):
        forebay("pub", url, stdin=b"\n".join(ALPHABET))
        for process in (one, other):
            assert sorted(process.communicate(timeout=60)[0].split()) == ALPHABET


def test_a_delayed_message_waits_for_its_time(forebay, url, topic):
    assert forebay("pub", url, "later", "--delay", "1h").returncode == 0
    assert forebay("pub", url, "soon", "--delay", "1s").returncode == 0
    assert forebay("sub", url, "-n", "1").stdout == b"soon\n"
    row = of_groups(forebay("lag", url, "--json"))[topic]
    assert (row["retrying"], row["waiting"]) == (1, 0)


def test_a_topic_has_its_life_in_the_words_that_are_the_same_everywhere(forebay, at, url, topic):
    audit = at(topic, group="audit")
    assert forebay("topics", "create", audit).stdout == f"created {topic}\n".encode()
    forebay("pub", url, stdin=b"a\nb\n")
    assert {g: row["waiting"] for g, row in of_groups(forebay("lag", url, "--json")).items()} == {topic: 2, "audit": 2}
    listed = {found["name"]: found for found in records(forebay("topics", "ls", at(), "--json"))}
    assert sorted(listed[topic]["groups"]) == sorted([topic, "audit"])
    (shown,) = records(forebay("topics", "show", url, "--json"))
    assert sum(lag["waiting"] for lag in shown["lags"]) == 4
    assert forebay("topics", "show", url).returncode == 0
    assert (
        f"purged 2 messages of {topic} for the group audit"
        in forebay("topics", "purge", audit, "--yes").stdout.decode()
    )
    assert forebay("topics", "rm", url, "--group", "audit", "--yes").returncode == 0
    assert set(of_groups(forebay("lag", url, "--json"))) == {topic}
    assert forebay("topics", "rm", url, "--yes").stdout == f"removed {topic}\n".encode()
    assert topic not in {found["name"] for found in records(forebay("topics", "ls", at(), "--json"))}


def test_a_mistyped_topic_is_not_made(forebay, at, url, topic):
    for command in (["lag"], ["dead", "ls"], ["topics", "show"]):
        told = forebay(*command, url)
        assert told.returncode == 1, told.stderr.decode()
        assert f"there is no topic {topic}".encode() in told.stderr
    assert topic not in {found["name"] for found in records(forebay("topics", "ls", at(), "--json"))}


def test_the_doctor_tells_product_durability_and_findings(forebay, at, url):
    def examined(place):
        told = forebay("doctor", place, "--json")
        fields = json.loads(told.stdout)
        severities = {finding["severity"] for finding in fields["findings"]}
        assert told.returncode == (4 if "loses" in severities else 0), told.stderr.decode()
        assert all(fields[name] for name in ("product", "version", "durability", "proof"))
        assert all(finding["mend"] for finding in fields["findings"] if finding["severity"] != "fine")
        return fields["note"]

    assert examined(at()) == ""
    assert examined(url).startswith("there is no topic")
    forebay("pub", url, "a")
    assert examined(url) == ""
    assert forebay("doctor", url).stdout.decode().count("\n") > 3


def test_those_who_work_a_topic_off_answer_what_is_asked(beginning, forebay, url, topic, tmp_path):
    (tmp_path / "shop.py").write_text(SHOP.format(topic=topic))
    with beginning("work", "shop:app", "--queue", url, "--store", "memory://", until=b"places"):
        told = forebay("ask", url, "21", "--timeout", "60s")
        assert (told.returncode, told.stdout) == (0, b"42\n"), told.stderr.decode()
        assert forebay("ask", url, "--timeout", "60s", stdin=b"1\n2\n").stdout == b"2\n4\n"


def test_rabbitmq_shows_and_returns_dead_letters_without_its_http_api(beginning, forebay, rabbitmq, topic, tmp_path):
    url = f"{rabbitmq.url}/{topic}?management=http://127.0.0.1:1"  # nobody listens there
    (tmp_path / "shop.py").write_text(SHOP.format(topic=topic))
    with beginning("work", "shop:app", "--queue", url, "--store", "memory://", until=b"places") as worker:
        assert forebay("ask", url, "seven", "--timeout", "60s").returncode == 1
        worker.send_signal(signal.SIGINT)
        assert worker.wait(30) == 0
    assert forebay("dead", "ls", url).stderr == b"1 dead letters\n"
    assert forebay("dead", "return", url, "--all").stdout == f"returned 1 messages to {topic} (0 left)\n".encode()
    mistyped = forebay("dead", "ls", url.replace(topic, f"{topic}-typo"))
    assert mistyped.returncode == 2
    assert b"there is no topic" in mistyped.stderr
    assert forebay("dead", "ls", f"{url}&group=adit").returncode == 3  # whether there is such a group, nobody can say


def test_rabbitmq_is_examined_without_its_http_api_whatever_a_topic_was_made_for(forebay, rabbitmq, topic):
    url = f"{rabbitmq.url}/{topic}?management=http://127.0.0.1:1"  # nobody listens there
    forebay("pub", f"{url}&order=key", "a", "--key", "k")
    fields = json.loads(forebay("doctor", url, "--json").stdout)
    assert fields["note"] == ""
    assert fields["proof"].startswith("its queues could be declared")
