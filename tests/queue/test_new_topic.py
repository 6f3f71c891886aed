from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import Unsupported, UsageError
from forebay.queue.new_topic import NEW_TOPIC, OF_KAFKA, WHO_SETS, NewTopic, asking, in_our_words, new_topic_of
from forebay.queue.opening import DRIVERS, driver_module
from forebay.url import parse


def test_a_bare_url_asks_for_nothing() -> None:
    assert new_topic_of(parse("kafka://h/t")) == NewTopic()


def test_every_wish_is_read_in_one_grammar() -> None:
    url = "kafka://h/t?retention=7d&retention-bytes=1GiB&largest=256KiB&in-sync=2"
    assert new_topic_of(parse(url)) == NewTopic(
        retention=7 * 86_400.0, retention_bytes=2**30, largest=256 * 1024, in_sync=2
    )


def test_what_has_no_end_is_no_limit() -> None:
    assert new_topic_of(parse("kafka://h/t?retention=inf&retention-bytes=inf&largest=inf")) == NewTopic()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("retention=7", "1m30s"),
        ("retention=0", "retention=7d"),
        ("retention=100ms", "retention=7d"),
        ("retention-bytes=much", "256KiB"),
        ("largest=0", "1MiB"),
        ("in-sync=0", "in-sync=2"),
        ("in-sync=²", "in-sync=2"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_with_one_that_can(option: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        new_topic_of(parse(f"kafka://h/t?{option}"))
    assert option.partition("=")[0] in str(refused.value)
    assert told in refused.value.hint


@given(st.integers(min_value=1_000, max_value=10**15))
def test_kafkas_own_words_ask_for_the_same(number: int) -> None:
    asked = dict(
        map(in_our_words, (f"retention.ms={number}", f"retention.bytes={number}", f"max.message.bytes={number}"))
    )
    read = new_topic_of(parse("kafka://h/t").with_options(**asked))
    assert read.retention is not None
    assert round(read.retention * 1_000) == number
    assert (read.retention_bytes, read.largest) == (number, number)


def test_minus_one_is_kafkas_word_for_no_limit() -> None:
    assert in_our_words("retention.ms=-1") == ("retention", "inf")
    assert in_our_words("min.insync.replicas=2") == ("in-sync", "2")


@pytest.mark.parametrize("setting", ["retention.ms", "retention.ms=", "=1", "segment.bytes=7"])
def test_a_setting_that_is_not_known_is_refused_with_those_that_are(setting: str) -> None:
    with pytest.raises(UsageError) as refused:
        in_our_words(setting)
    assert "retention.ms" in refused.value.hint


def test_every_name_of_kafka_is_one_of_ours() -> None:
    assert {ours for ours, _ in OF_KAFKA.values()} == set(NEW_TOPIC)


@pytest.mark.parametrize("scheme", sorted(set(DRIVERS) - {"rediss", "amqps"}))
def test_the_table_of_who_sets_what_is_what_each_driver_declares(scheme: str) -> None:
    options = driver_module(scheme).OPTIONS
    assert {name for name in NEW_TOPIC if name in options} == {name for name in NEW_TOPIC if scheme in WHO_SETS[name]}


def test_what_a_driver_cannot_set_is_refused_with_those_that_can() -> None:
    url = parse("redis://h/t")
    with pytest.raises(Unsupported, match="redis:// cannot set the retention") as refused:
        asking(url, {"retention": "7d"}, driver_module("redis").OPTIONS)
    assert refused.value.hint == "those that can: nats://, kafka://"
    with pytest.raises(Unsupported):
        asking(parse("nats://h/t"), {"in-sync": "2"}, driver_module("nats").OPTIONS)


def test_nothing_is_asked_twice() -> None:
    url = parse("kafka://h/t?retention=1d")
    with pytest.raises(UsageError, match="said twice"):
        asking(url, {"retention": "7d"}, driver_module("kafka").OPTIONS)
    assert asking(url, {"largest": "1MiB"}, driver_module("kafka").OPTIONS).options == {
        "retention": "1d",
        "largest": "1MiB",
    }
