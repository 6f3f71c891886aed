"""topics and lag: what an operator asks of a broker, and what he may do to it."""

from __future__ import annotations

import json

import pytest

QUEUE = "sqlite:///q.db?topic=orders"
AUDIT = f"{QUEUE}&group=audit"


@pytest.fixture
def two_groups(forebay):
    """A topic of two groups: 3 messages wait for its own, 2 for the group audit."""
    assert forebay("topics", "create", QUEUE).stdout == b"created orders\n"
    forebay("pub", QUEUE, "before")
    forebay("sub", AUDIT, "--idle", "50ms")
    forebay("pub", QUEUE, stdin=b"a\nb\n")


def records(told):
    assert told.returncode == 0, told.stderr.decode()
    return [json.loads(line) for line in told.stdout.splitlines()]


def waiting(forebay):
    return {row["group"]: row["waiting"] for row in records(forebay("lag", QUEUE, "--json"))}


def test_topics_are_listed_and_shown_with_their_groups(forebay, two_groups):
    forebay("topics", "create", "sqlite:///q.db?topic=mails&discipline=lifo")
    mails, orders = records(forebay("topics", "ls", "sqlite:///q.db", "--json"))
    assert (mails["name"], mails["discipline"], mails["groups"]) == ("mails", "lifo", ["mails"])
    assert (orders["name"], sorted(orders["groups"])) == ("orders", ["audit", "orders"])
    told = forebay("topics", "ls", "sqlite:///q.db")
    assert [line.split()[0] for line in told.stdout.decode().splitlines()] == ["name", "mails", "orders"]
    assert told.stderr == b"2 topics\n"
    (shown,) = records(forebay("topics", "show", QUEUE, "--json"))
    assert {lag["group"]: lag["waiting"] for lag in shown["lags"]} == {"orders": 3, "audit": 2}
    assert b"audit, orders" in forebay("topics", "show", QUEUE).stdout


def test_a_topic_is_not_made_twice(forebay, two_groups):
    told = forebay("topics", "create", QUEUE)
    assert told.returncode == 2
    assert b"orders" in told.stderr


def test_a_created_group_keeps_what_is_published_afterwards(forebay):
    forebay("topics", "create", AUDIT)
    forebay("pub", QUEUE, "a")
    assert waiting(forebay) == {"audit": 1, "orders": 1}


def test_a_topic_is_removed_only_after_its_name_was_typed(forebay, two_groups):
    refused = forebay("topics", "rm", QUEUE, stdin=b"order\n")
    assert refused.returncode == 2
    assert b"nothing was done" in refused.stderr
    assert forebay("topics", "rm", QUEUE, stdin=b"").returncode == 130  # nobody is there to be asked
    assert waiting(forebay) == {"audit": 2, "orders": 3}
    typed = forebay("topics", "rm", QUEUE, stdin=b"orders\n")
    assert typed.returncode == 0, typed.stderr.decode()
    assert typed.stdout.endswith(b"removed orders\n")
    assert records(forebay("topics", "ls", "sqlite:///q.db", "--json")) == []


def test_one_group_is_removed_and_the_others_stay(forebay, two_groups):
    told = forebay("topics", "rm", AUDIT, "--yes")
    assert told.returncode == 2
    assert b"--group" in told.stderr
    told = forebay("topics", "rm", QUEUE, "--group", "audit", "--yes")
    assert told.stdout == b"removed the group audit of orders\n"
    assert waiting(forebay) == {"orders": 3}


def test_a_topic_is_emptied_for_all_groups_or_for_the_one_that_is_named(forebay, two_groups):
    assert forebay("topics", "purge", QUEUE, stdin=b"yes\n").returncode == 2
    told = forebay("topics", "purge", AUDIT, "--yes")
    assert told.stdout == b"purged 2 messages of orders for the group audit\n"
    assert waiting(forebay) == {"audit": 0, "orders": 3}
    forebay("pub", QUEUE, "c")
    told = forebay("topics", "purge", QUEUE, stdin=b"orders\n")
    assert told.returncode == 0, told.stderr.decode()
    assert b"purged 4 messages of orders\n" in told.stdout
    assert b"purged 1 messages of orders for the group audit\n" in told.stdout
    assert waiting(forebay) == {"audit": 0, "orders": 0}


def test_lag_tells_of_every_group_or_of_the_one_that_is_named(forebay, two_groups):
    forebay("sub", AUDIT, "-n", "1")
    by_group = {row["group"]: row for row in records(forebay("lag", QUEUE, "--json"))}
    assert {group: (row["waiting"], row["done"], row["lost"]) for group, row in by_group.items()} == {
        "orders": (3, 0, 0),
        "audit": (1, 1, 0),
    }
    assert [row["group"] for row in records(forebay("lag", AUDIT, "--json"))] == ["audit"]
    head, *rows = forebay("lag", QUEUE).stdout.decode().splitlines()
    assert head.split()[:3] == ["topic", "group", "accepted"]
    assert sorted(row.split()[1] for row in rows) == ["audit", "orders"]


@pytest.mark.parametrize(
    "command", [["lag"], ["dead", "ls"], ["topics", "show"], ["topics", "rm"], ["topics", "purge"]]
)
def test_a_mistyped_topic_is_not_made_and_the_nearest_is_named(forebay, two_groups, command):
    told = forebay(*command, "sqlite:///q.db?topic=oders")
    assert told.returncode == 1, told.stderr.decode()
    assert told.stderr == b"forebay: there is no topic oders\n  did you mean orders?\n"
    assert forebay(*command, "sqlite:///q.db?topic=xyz").stderr.endswith(b"there are: orders\n")
    assert [topic["name"] for topic in records(forebay("topics", "ls", "sqlite:///q.db", "--json"))] == ["orders"]


@pytest.mark.parametrize("command", [["lag"], ["dead", "ls"], ["topics", "purge"]])
def test_a_mistyped_group_is_not_made_either(forebay, two_groups, command):
    told = forebay(*command, f"{QUEUE}&group=adit")
    assert told.returncode == 1, told.stderr.decode()
    assert told.stderr == b"forebay: there is no group adit of orders\n  did you mean audit?\n"
    assert set(waiting(forebay)) == {"audit", "orders"}


def test_a_mistyped_group_is_not_removed_and_nothing_is_asked(forebay, two_groups):
    told = forebay("topics", "rm", QUEUE, "--group", "adit")
    assert (told.returncode, told.stdout) == (1, b"")
    assert told.stderr == b"forebay: there is no group adit of orders\n  did you mean audit?\n"


@pytest.mark.parametrize("command", [["topics", "ls"], ["topics", "show"], ["topics", "rm"], ["topics", "purge"]])
def test_a_mistyped_path_makes_no_file(forebay, tmp_path, command):
    told = forebay(*command, "sqlite:///nothing.db?topic=orders")
    assert told.returncode == 3, told.stderr.decode()
    assert b"there is no file nothing.db" in told.stderr
    assert not list(tmp_path.glob("nothing*"))
