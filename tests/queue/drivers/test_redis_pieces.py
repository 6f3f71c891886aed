"""Addresses, values and errors of the Redis driver, without a server."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given
from redis._parsers.base import BaseParser

from forebay.disciplines import Discipline
from forebay.durability import Durability
from forebay.errors import QueueFull, Unavailable, Unsupported, UsageError
from forebay.message import Message
from forebay.queue.drivers.redis.address import read_address, read_topic
from forebay.queue.drivers.redis.failures import refusal
from forebay.queue.drivers.redis.payload import FOREIGN, pack, readable, unpack
from forebay.queue.drivers.redis.scripts import bell_of, key_of
from forebay.queue.opening import queue_url
from forebay.url import parse


@pytest.mark.parametrize(
    ("url", "host", "port", "db", "topic"),
    [
        ("redis://h/orders", "h", 6379, 0, "orders"),
        ("redis://h:1/3?topic=orders", "h", 1, 3, "orders"),
        ("redis://h/orders?topic=orders", "h", 6379, 0, "orders"),
        ("redis://h/orders?db=2", "h", 6379, 2, "orders"),
        ("redis://[::1]:7/3", "::1", 7, 0, "3"),
        ("redis://[::1]/3", "::1", 6379, 0, "3"),
        ("redis:///orders", "localhost", 6379, 0, "orders"),
    ],
)
def test_the_path_is_the_topic_or_the_database_where_an_option_names_the_topic(url, host, port, db, topic):
    address, asked, order = read_topic(queue_url(url))
    assert (address.host, address.port, address.db, asked.topic, order) == (host, port, db, topic, "")
    assert (asked.group, asked.discipline) == (topic, None)


def test_an_operator_may_name_a_database_alone():
    assert read_address(parse("redis://h/3")).db == 3
    assert read_address(parse("redis://h/orders")).db == 0


@pytest.mark.parametrize(
    "url",
    [
        "redis://h:0/orders",
        "redis://h:a/orders",
        "redis://a,b/orders",
        "redis://h/x?topic=orders",
        "redis://h/orders?db=-1",
        "redis://h/orders?timeout=0",
        "redis://h/orders?timeout=inf",
        "redis://h/orders?cafile=ca.pem",
        "redis://h/orders?databas=1",
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(url):
    with pytest.raises(UsageError):
        read_topic(queue_url(url))


def test_all_that_is_asked_is_read():
    url = "rediss://me:word@h/orders?group=audit&order=key&lease=3s&durability=os&timeout=1s&cafile=ca.pem"
    address, asked, order = read_topic(queue_url(url))
    assert (address.tls, address.cafile, address.timeout, address.user) == (True, "ca.pem", 1.0, "me")
    assert (asked.group, order, asked.lease, asked.durability) == ("audit", "key", 3.0, Durability.OS)
    assert read_topic(queue_url("redis://h/orders?discipline=lifo"))[1].discipline is Discipline.LIFO
    assert "word" not in f"{address} {address!r}"


texts = st.text(st.characters(exclude_categories=["Cs"]))
times = st.floats(min_value=1, max_value=1e12)


@given(
    st.builds(
        Message,
        id=texts,
        body=st.binary(),
        key=st.none() | texts,
        headers=st.dictionaries(texts, texts, max_size=3),
        priority=st.integers(-(2**63), 2**63 - 1),
        accepted_at=times,
        not_before=times | st.just(0.0),
    )
)
def test_a_message_is_read_as_it_was_written(message):
    name, value = pack(message, 5.0)
    assert unpack(name.decode(), value) == message
    _, value = pack(message.replace(accepted_at=0.0), 5.0)
    assert unpack(message.id, value).accepted_at == 5.0


def test_a_story_that_quotes_what_is_no_unicode_is_told_in_escapes():
    assert readable({"reason": "no \ud800 here", "щ": "é"}) == {"reason": "no \\ud800 here", "щ": "é"}


@given(st.binary())
def test_any_value_is_read_as_something(value):
    message = unpack("id", value)
    assert message.id == "id"
    assert message.body == value or FOREIGN not in message.headers


@pytest.mark.parametrize(
    ("error", "meaning", "hint"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", QueueFull, "maxmemory"),
        ("READONLY You can't write against a read only replica.", Unavailable, "master"),
        ("LOADING Redis is loading the dataset in memory", Unavailable, "later"),
        ("NOAUTH Authentication required.", Unavailable, "password"),
        ("NOPERM this user has no permissions to run the 'evalsha' command", Unavailable, "~forebay:*"),
        ("MISCONF Errors writing to the AOF file: No space left on device", Unavailable, "disk"),
        ("MOVED 3999 127.0.0.1:6381", Unavailable, "cluster"),
        ("ERR unknown command 'ZMSCORE'", Unsupported, "6.2"),
        ("BUSY Redis is busy running a script.", Unavailable, "later"),
        ("FOREIGN forebay:{t} is a string", UsageError, "database"),
        ("KEPT the topic t is lifo, and not empty", UsageError, "drain"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_errors_of_the_server_have_a_meaning_and_a_hint(error, meaning, hint):
    found = refusal(BaseParser.parse_error(error))  # as the client gives it to us
    assert type(found) is meaning
    assert hint in found.hint


def test_all_keys_of_a_topic_lie_in_its_slot():
    assert key_of("orders") == "forebay:{orders}"
    assert bell_of("orders", "audit") == "forebay:{orders}:audit:bell"
