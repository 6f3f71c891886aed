from __future__ import annotations

import pytest

from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import Unsupported, UsageError
from forebay.queue.opening import DRIVERS, driver_module
from forebay.queue.options import DEFAULT_LEASE, EACH, WHO_HAS, asked_of
from forebay.url import parse


def test_a_bare_url_asks_for_the_topics_own_group_and_the_default_lease() -> None:
    asked = asked_of(parse("redis://host/?topic=orders"))
    assert (asked.topic, asked.group, asked.lease) == ("orders", "orders", DEFAULT_LEASE)
    assert (asked.discipline, asked.order, asked.durability) == (None, Order.NONE, Durability.MEMORY)
    assert not asked.ephemeral


def test_every_option_is_read() -> None:
    url = "sqlite:///a.db?topic=t&group=audit&discipline=fifo&order=key&lease=3s&durability=fsync"
    asked = asked_of(parse(url))
    assert (asked.topic, asked.group, asked.discipline) == ("t", "audit", Discipline.FIFO)
    assert (asked.order, asked.lease, asked.durability) == (Order.KEY, 3.0, Durability.FSYNC)


def test_the_group_each_is_a_subscriber_of_its_own() -> None:
    assert asked_of(parse(f"memory://a?group={EACH}")).ephemeral


def test_what_a_driver_cannot_give_is_refused_with_those_that_can() -> None:
    with pytest.raises(Unsupported, match="nats:// has no discipline lifo") as refused:
        asked_of(parse("nats://host/a?discipline=lifo"))
    assert refused.value.hint == "those that have it: memory://, sqlite://, redis://"


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("discipline=filo", "one of fifo, lifo, random, priority"),
        ("order=keys", "one of none, key, partition"),
        ("durability=disk", "one of memory, os, fsync, replicated"),
        ("group=a.b", "letters, digits"),
        ("lease=0s", "write lease=15s"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_what_can(option: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        asked_of(parse(f"memory://a?{option}"))
    assert option.partition("=")[0] in str(refused.value)
    assert told in refused.value.hint


def test_an_order_and_another_discipline_than_fifo_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        asked_of(parse("memory://a?order=key&discipline=lifo"))


@pytest.mark.parametrize("scheme", sorted(set(DRIVERS) - {"rediss", "amqps"}))
def test_the_table_of_who_has_what_is_what_each_driver_declares(scheme: str) -> None:
    features = driver_module(scheme).FEATURES
    declared = {wish for wish, schemes in WHO_HAS.items() if scheme in schemes}
    assert declared == features.disciplines | features.orders


@pytest.mark.parametrize(("scheme", "plain"), [("rediss", "redis"), ("amqps", "amqp")])
def test_the_encrypted_scheme_has_what_the_plain_one_has(scheme: str, plain: str) -> None:
    assert DRIVERS[scheme] == DRIVERS[plain]
    wish = "discipline=priority&topic=a"
    assert asked_of(parse(f"{scheme}://host/?{wish}")) == asked_of(parse(f"{plain}://host/?{wish}"))


def test_a_ladder_of_durability_covers_what_is_below() -> None:
    assert Durability.REPLICATED.covers(Durability.FSYNC)
    assert Durability.FSYNC.covers(Durability.FSYNC)
    assert not Durability.OS.covers(Durability.FSYNC)
