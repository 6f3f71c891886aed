"""pub, sub, lag and dead: queues by hand."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import subprocess
import time

import apsw
import pytest

from forebay.lab.servers import Redis
from forebay.message import Message
from forebay.queue.driver import Ending, Settlement
from forebay.queue.opening import open_driver
from forebay.workers import story

QUEUE = "sqlite:///q.db?topic=orders"


@pytest.fixture
def lag(forebay):
    def lag(url=QUEUE):
        told = forebay("lag", url, "--json")
        assert told.returncode == 0, told.stderr.decode()
        return json.loads(told.stdout)

    return lag


@pytest.fixture
def graves(tmp_path):
    """A queue with five dead letters of two reasons: a0, b1, a2, b3, a4."""

    async def fill():
        driver = await open_driver(f"sqlite:///{tmp_path}/q.db?topic=orders")
        await driver.publish([Message(f"{'ab'[n % 2]}{n}", b"%d" % n) for n in range(5)], math.inf)
        for delivery in await driver.receive(5, 1):
            reason = {"a": "no product", "b": "no count"}[delivery.message.id[0]]
            headers = story.tell(delivery.message, reason=reason, origin="orders", attempts=3, now=1.0)
            await driver.settle([Settlement(delivery, Ending.DEAD, 0, headers)])
        await driver.close()

    asyncio.run(fill())


def ids(told):
    return [json.loads(line)["id"] for line in told.stdout.splitlines()]


def test_lines_go_in_and_come_out_again_as_they_were(forebay, lag):
    lines = b"one\n\n\xff\x00two\n{}\n" + "drei — три\n".encode()
    told = forebay("pub", QUEUE, stdin=lines)
    assert (told.returncode, told.stdout, told.stderr) == (0, b"", b"5 accepted\n")
    taken = forebay("sub", QUEUE, "-n", "5")
    assert (taken.returncode, taken.stdout) == (0, lines)
    assert lag()["done"] == 5


def test_a_last_line_without_an_end_is_a_message_and_no_input_is_none(forebay, lag):
    forebay("pub", QUEUE, stdin=b"a\nb")
    assert forebay("pub", QUEUE, stdin=b"").stderr == b"0 accepted\n"
    assert lag()["accepted"] == 2


def test_each_line_is_put_as_it_comes_though_the_input_goes_on(beginning, lag):
    with beginning("pub", QUEUE, "--ids", stdin=subprocess.PIPE) as process:
        for line in (b"a\n", b"b\n"):
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline().strip()
        process.stdin.write(b"c")  # is no line yet
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.said() == b"2 accepted\n"
    assert lag()["waiting"] == 2


def test_a_message_that_is_not_accepted_ends_it_though_the_input_goes_on(beginning):
    with beginning("pub", QUEUE, "--priority", str(2**80), stdin=subprocess.PIPE) as process:
        process.stdin.write(b"a\n")
        process.stdin.flush()
        assert process.wait(30) == 2
        assert process.said().startswith(b"0 accepted\n")


def test_where_nobody_reads_the_references_the_messages_are_put_all_the_same(beginning, lag):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write) as unread, beginning("pub", QUEUE, "a", "--count", "3", "--ids", stdout=unread) as process:
        assert process.wait(30) == 0
        assert process.said() == b"3 accepted\n"
    assert lag()["waiting"] == 3


def test_a_text_of_any_bytes_goes_in_and_what_no_broker_can_write_is_wrong_usage(forebay):
    assert forebay("pub", QUEUE, b"caf\xe9").returncode == 0
    assert forebay("sub", QUEUE, "-n", "1").stdout == b"caf\xe9\n"
    for words in ([b"--key=\xe9"], [b"--header=a=\xe9"], ["--priority", str(2**63)]):
        told = forebay("pub", QUEUE, "a", *words)
        assert (told.returncode, told.stdout) == (2, b"")
        assert b"cannot be written" in told.stderr


def test_a_text_may_be_put_often_and_each_is_known_by_its_reference(forebay):
    told = forebay("pub", QUEUE, "hello", "--count", "3", "--ids", "-H", "who=me", "--key", "k")
    references = told.stdout.split()
    assert len(set(references)) == 3
    records = [json.loads(line) for line in forebay("sub", QUEUE, "-n", "3", "--json").stdout.splitlines()]
    assert {(r["body"], r["key"], r["headers"]["who"], r["attempt"]) for r in records} == {("hello", "k", "me", 1)}
    assert {record["id"].encode() for record in records} == {reference.partition(b".")[0] for reference in references}


def test_json_shows_other_bytes_in_base64(forebay):
    forebay("pub", QUEUE, stdin=b"\xff\n")
    record = json.loads(forebay("sub", QUEUE, "-n", "1", "--json").stdout)
    assert (record["body"], record["body_base64"]) == (None, "/w==")


def test_a_message_may_be_put_for_later(forebay, lag):
    forebay("pub", QUEUE, "later", "--delay", "1h")
    forebay("pub", QUEUE, "soon", "--delay", "200ms")
    assert forebay("sub", QUEUE, "-n", "1").stdout == b"soon\n"
    assert (lag()["retrying"], lag()["waiting"]) == (1, 0)


def test_subscribers_of_their_own_get_all_and_leave_nothing_behind(beginning, forebay, lag):
    alphabet = b"".join(b"%c\n" % letter for letter in b"abcdefghijklmnopqrstuvwxyz")
    each = f"{QUEUE}&group=each"
    with (
        beginning("sub", each, "-n", "26", until=b"receiving") as one,
        beginning("sub", each, "-n", "26", until=b"receiving") as two,
    ):
        forebay("pub", QUEUE, stdin=alphabet)
        assert [process.communicate(timeout=30)[0] for process in (one, two)] == [alphabet, alphabet]
    assert (lag()["waiting"], lag()["lost"]) == (26, 0)


def test_sub_ends_when_nothing_comes_for_so_long(forebay, lag):
    forebay("pub", QUEUE, stdin=b"a\nb\n")
    told = forebay("sub", QUEUE, "--idle", "3s")  # so long no machine stands still while it takes them
    assert (told.returncode, told.stdout) == (0, b"a\nb\n")
    assert lag()["in_work"] == 0


def test_a_peek_takes_nothing_away_and_is_no_attempt(forebay, lag):
    forebay("pub", QUEUE, stdin=b"a\nb\n")
    assert forebay("sub", QUEUE, "--peek", "-n", "2").stdout == b"a\nb\n"
    assert (lag()["waiting"], lag()["done"]) == (2, 0)
    assert json.loads(forebay("sub", QUEUE, "-n", "1", "--json").stdout)["attempt"] == 1


def test_a_reader_that_has_seen_enough_loses_nothing_that_was_not_written(beginning, forebay, lag):
    forebay("pub", QUEUE, stdin=b"".join(b"%d\n" % n for n in range(200)))
    with beginning("sub", QUEUE, "--idle", "5s") as process:
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        process.stdout = None
        assert process.wait(30) == 0
        assert b"Traceback" not in process.said()
    counts = lag()
    assert (counts["waiting"] + counts["done"], counts["in_work"], counts["lost"]) == (200, 0, 0)
    rest = forebay("sub", QUEUE, "-n", str(counts["waiting"])).stdout.split() if counts["waiting"] else []
    assert [int(line) for line in rest] == list(range(counts["done"], 200))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_sub_that_is_interrupted_ends_in_order(beginning, forebay, lag, number):
    forebay("pub", QUEUE, stdin=b"a\n")
    with beginning("sub", QUEUE) as process:
        assert process.stdout.readline() == b"a\n"
        process.send_signal(number)
        assert process.wait(30) == 0
        assert process.said() == f"receiving from {QUEUE}\n".encode()
    assert (lag()["done"], lag()["in_work"]) == (1, 0)


def test_lag_says_where_messages_are_for_people_and_for_programs(forebay, lag):
    forebay("pub", QUEUE, stdin=b"a\nb\nc\n")
    forebay("sub", QUEUE, "-n", "1")
    told = lag()
    assert {name: told[name] for name in ("topic", "accepted", "waiting", "in_work", "done", "dead", "lost")} == {
        "topic": "orders",
        "accepted": 3,
        "waiting": 2,
        "in_work": 0,
        "done": 1,
        "dead": 0,
        "lost": 0,
    }
    head, row = forebay("lag", QUEUE).stdout.decode().splitlines()
    assert head.split()[:4] == ["topic", "group", "accepted", "waiting"]
    assert row.split()[:4] == ["orders", "orders", "3", "2"]


def test_lag_ends_with_4_when_messages_are_lost(forebay, tmp_path):
    forebay("pub", QUEUE, stdin=b"a\nb\n")
    connection = apsw.Connection(f"{tmp_path}/q.db")
    for table in ("ready", "message"):  # a hand in the file
        connection.execute(f"DELETE FROM {table} WHERE seq = (SELECT min(seq) FROM {table})")
    connection.close()
    assert forebay("lag", QUEUE).returncode == 4


def test_lag_watches_until_it_is_interrupted(beginning, forebay):
    forebay("pub", QUEUE, stdin=b"a\n")
    with beginning("lag", QUEUE, "--watch", "--json") as process:
        first, second = json.loads(process.stdout.readline()), json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert first["waiting"] == second["waiting"] == 1
    assert (second["in_a_second"], second["out_a_second"], second["drains_in"]) == (0, 0, "never")


def test_lag_watches_on_while_the_broker_is_away(beginning, forebay, own_server):
    broker = own_server(Redis)
    forebay("pub", f"{broker.url}/orders", "a")
    with beginning("lag", f"{broker.url}/orders", "--watch", "--json") as process:
        assert json.loads(process.stdout.readline())["waiting"] == 1
        broker.kill()
        deadline = time.monotonic() + 30
        while b"cannot be reached" not in process.said():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        broker.restart()
        told = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert told[-1]["waiting"] == 1


def test_dead_letters_are_listed_for_people_and_for_programs(forebay, graves):
    told = forebay("dead", "ls", QUEUE)
    lines = told.stdout.decode().splitlines()
    assert lines[0].split() == ["id", "attempts", "reason"]
    assert [line.split()[0] for line in lines[1:]] == ["a0", "a2", "a4", "b1", "b3"]
    assert told.stderr == b"5 dead letters\n"
    assert ids(forebay("dead", "ls", QUEUE, "--json", "--where", "no count")) == ["b1", "b3"]
    assert ids(forebay("dead", "ls", QUEUE, "--json", "--limit", "2")) == ["a0", "a2"]


def test_where_a_group_has_no_dead_letters_the_others_are_named(forebay, graves):
    forebay("sub", f"{QUEUE}&group=audit", "--idle", "10ms")
    told = forebay("dead", "ls", f"{QUEUE}&group=audit").stderr.decode()
    assert told == "0 dead letters\nother groups of the topic, each with its own, named as ?group=: orders\n"
    assert forebay("dead", "ls", QUEUE).stderr == b"5 dead letters\n"


def test_dead_letters_are_chosen_by_expressions_on_what_they_carry(forebay, graves):
    def chosen(*where):
        return ids(forebay("dead", "ls", QUEUE, "--json", *(word for one in where for word in ("--where", one))))

    assert chosen("reason~^no (count|body)$") == ["b1", "b3"]
    assert chosen("id~^a", "body~[24]") == ["a2", "a4"]
    assert chosen("forebay-origin~orders", "no product") == ["a0", "a2", "a4"]
    assert chosen("forebay-origin~mails") == chosen("key~.") == []
    wrong = forebay("dead", "ls", QUEUE, "--where", "reason~(")
    assert wrong.returncode == 2
    assert b"not a regular expression" in wrong.stderr


def test_one_dead_letter_is_shown_with_its_story(forebay, graves):
    told = json.loads(forebay("dead", "show", QUEUE, "b1").stdout)
    assert (told["id"], told["body"], told["story"]["reason"], told["story"]["attempts"]) == ("b1", "1", "no count", 3)
    missing = forebay("dead", "show", QUEUE, "b9")
    assert missing.returncode == 1
    assert b"no dead letter b9" in missing.stderr


def test_dead_letters_return_to_their_queue_with_one_command(forebay, graves, lag):
    tried = forebay("dead", "return", QUEUE, "--all", "--where", "no count", "--dry-run")
    assert tried.stdout == b"would return 2 messages to orders (3 left)\n"
    assert lag()["dead"] == 5
    told = forebay("dead", "return", QUEUE, "--all", "--where", "no count")
    assert (told.returncode, told.stdout) == (0, b"returned 2 messages to orders (3 left)\n")
    assert (lag()["dead"], lag()["waiting"], lag()["lost"]) == (3, 2, 0)
    record = json.loads(forebay("sub", QUEUE, "-n", "1", "--json").stdout)
    assert record["attempt"] == 1


def test_named_dead_letters_return_and_who_is_missing_is_said(forebay, graves, lag):
    told = forebay("dead", "return", QUEUE, "a0", "zzz")
    assert (told.returncode, told.stdout) == (1, b"returned 1 messages to orders (4 left)\n")
    assert b"1 of the ids" in told.stderr
    assert (
        forebay("dead", "return", QUEUE, "--all", "--limit", "1").stdout == b"returned 1 messages to orders (3 left)\n"
    )


def test_dead_letters_are_dropped_only_after_the_name_of_the_topic_was_typed(forebay, graves, lag):
    refused = forebay("dead", "drop", QUEUE, "--all", stdin=b"yes\n")
    assert refused.returncode == 2
    assert b"nothing was done" in refused.stderr
    assert forebay("dead", "drop", QUEUE, "--all", stdin=b"").returncode == 130  # nobody is there to be asked
    assert lag()["dead"] == 5
    typed = forebay("dead", "drop", QUEUE, "a0", stdin=b"orders\n")
    assert typed.returncode == 0
    assert typed.stdout.endswith(b"dropped 1 dead letters of orders (4 left)\n")
    assert (
        forebay("dead", "drop", QUEUE, "--all", "--dry-run").stdout == b"would drop 4 dead letters of orders (0 left)\n"
    )
    assert forebay("dead", "drop", QUEUE, "--all", "--yes").stdout == b"dropped 4 dead letters of orders (0 left)\n"
    assert (lag()["discarded"], lag()["lost"]) == (5, 0)


def test_a_payload_cannot_steer_the_terminal(forebay, tmp_path):
    async def fill():
        driver = await open_driver(f"sqlite:///{tmp_path}/q.db?topic=orders")
        await driver.publish([Message("x", b"1")], math.inf)
        (delivery,) = await driver.receive(1, 1)
        headers = {story.REASON: "\x1b[2Jgone\r\n", story.ORIGIN: "orders"}
        await driver.settle([Settlement(delivery, Ending.DEAD, 0, headers)])
        await driver.close()

    asyncio.run(fill())
    assert b"\x1b" not in forebay("dead", "ls", QUEUE).stdout


def test_pub_and_sub_work_at_the_same_time_through_a_pipe(beginning, forebay, lag):
    with beginning("sub", QUEUE, "-n", "1000", stdout=subprocess.PIPE) as process:
        forebay("pub", QUEUE, stdin=b"".join(b"%d\n" % n for n in range(1000)))
        said, _ = process.communicate(timeout=30)
    assert said.split() == [b"%d" % n for n in range(1000)]
    assert (process.returncode, lag()["done"]) == (0, 1000)
