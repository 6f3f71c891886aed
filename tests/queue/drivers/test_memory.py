from __future__ import annotations

import gc
import math
from collections import Counter

import pytest

from driving import ids
from forebay.clock import ManualClock
from forebay.durability import Durability
from forebay.errors import QueueFull, Unavailable, UsageError
from forebay.message import Message, new_id
from forebay.queue.admin import Severity
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Delivery, Driver, Ending, Settlement, State
from forebay.queue.drivers import memory
from forebay.url import URL, parse


class TestMemory(ConformanceSuite):
    features = memory.FEATURES
    clock = ManualClock()

    def url(self, topic: str, **options: str) -> URL:
        return parse(f"memory://{topic}").with_options(**options)


async def opened(url: str, clock: ManualClock | None = None) -> Driver:
    return await memory.connect(parse(url), clock=clock or ManualClock())


async def test_one_name_is_one_queue_until_the_last_has_closed_it() -> None:
    first, second = await opened("memory://a"), await opened("memory://a?topic=a")
    await first.publish([Message(new_id(), b"x")], math.inf)
    await first.close()
    assert (await second.counts()).waiting == 1
    await second.close()
    third = await opened("memory://a")
    assert (await third.counts()).accepted == 0
    await third.close()


async def test_an_open_queue_keeps_its_discipline() -> None:
    queue = await opened("memory://a?discipline=lifo")
    with pytest.raises(UsageError, match="lifo"):
        await opened("memory://a?discipline=fifo")
    await (await opened("memory://a")).close()
    await queue.close()


async def test_under_random_each_message_is_as_likely_to_be_the_next() -> None:
    queue = await opened("memory://a?discipline=random")
    await queue.publish([Message(str(n), b"") for n in range(4)], math.inf)
    firsts: Counter[str] = Counter()
    for _ in range(4_000):
        deliveries = await queue.receive(1, 0)
        firsts[deliveries[0].message.id] += 1
        await queue.settle([Settlement(deliveries[0], Ending.RELEASE)])
    assert all(800 < count < 1_200 for count in firsts.values())  # seven standard deviations
    await queue.close()


# Groups


async def test_each_group_has_all_messages_and_the_topics_own_group_is_there_from_the_start() -> None:
    audit = await opened("memory://a?group=audit")
    await audit.publish([Message("one", b"x")], math.inf)
    own = await opened("memory://a")
    assert ids(await own.receive(9, 0)) == ids(await audit.receive(9, 0)) == ["one"]
    late = await opened("memory://a?group=late")
    assert (await late.counts()).accepted == 0
    for queue in (audit, own, late):
        await queue.close()


async def test_the_fullest_durable_group_decides_whether_there_is_room() -> None:
    own, audit, each = [await opened(f"memory://a{group}") for group in ("", "?group=audit", "?group=each")]
    assert list(await own.publish([Message("1", b""), Message("2", b"")], 2)) == ["1", "2"]
    await own.settle([Settlement(delivery) for delivery in await own.receive(9, 0)])
    [full] = await own.publish([Message("3", b"")], 2)
    assert isinstance(full, QueueFull)
    assert [(await queue.counts()).accepted for queue in (own, audit, each)] == [2, 2, 2]
    await audit.receive(9, 0)
    assert list(await own.publish([Message("3", b"")], 2)) == ["3"]  # what `each` has not read takes no place
    for queue in (own, audit, each):
        await queue.close()


async def test_a_subscriber_of_its_own_hears_what_comes_while_it_is_open() -> None:
    own = await opened("memory://a")
    await own.publish([Message("before", b"")], math.inf)
    first, second = await opened("memory://a?group=each"), await opened("memory://a?group=each")
    await second.publish([Message("while", b"")], math.inf)
    assert ids(await first.receive(9, 0)) == ids(await second.receive(9, 0)) == ["while"]
    for queue in (own, first, second):
        await queue.close()


async def test_a_subscriber_that_was_forgotten_unclosed_keeps_nothing() -> None:
    own = await opened("memory://a")
    forgotten = await opened("memory://a?group=each")
    topic = forgotten._topic  # type: ignore[attr-defined]
    assert len(list(topic.all_groups())) == 2
    await forgotten.publish([Message("1", b"")], math.inf)
    await forgotten.receive(1, 0)
    del forgotten
    gc.collect()
    assert len(list(topic.all_groups())) == 1
    await own.close()


# Order


async def test_of_one_key_only_the_oldest_is_out_and_a_retry_holds_its_key_up() -> None:
    clock = ManualClock()
    queue = await opened("memory://a?order=key", clock)
    keys = {"a1": "a", "a2": "a", "b1": "b", "n1": None, "b2": "b", "n2": None}
    await queue.publish([Message(id, b"", key) for id, key in keys.items()], math.inf)
    taken = {delivery.message.id: delivery for delivery in await queue.receive(9, 0)}
    assert list(taken) == ["a1", "b1", "n1", "n2"]
    await queue.settle([Settlement(taken["a1"], Ending.RETRY, 5.0), Settlement(taken["b1"], Ending.DEAD)])
    assert ids(await queue.receive(9, 0)) == ["b2"]
    clock.advance(5)
    assert ids(await queue.receive(9, 0)) == ["a1"]
    await queue.close()


async def test_a_returned_dead_letter_goes_before_what_has_not_begun_of_its_key() -> None:
    queue = await opened("memory://a?order=partition")
    await queue.publish([Message(id, b"") for id in "123"], math.inf)
    await queue.settle([Settlement(d, Ending.DEAD) for d in await queue.receive(9, 0)])
    second = await queue.receive(9, 0)
    await queue.return_dead(["1"])
    assert ids(second) == ["2"]
    assert ids(await queue.receive(9, 0)) == []
    await queue.settle([Settlement(second[0], Ending.RETRY, 9.0)])
    assert ids(await queue.receive(9, 0)) == ["1"]
    await queue.close()


async def test_a_group_begins_to_keep_an_order_with_what_it_holds_and_changes_it_only_when_empty() -> None:
    publisher = await opened("memory://a")
    await publisher.publish([Message(id, b"", "k") for id in "123"], math.inf)
    early = await publisher.receive(2, 0)
    worker = await opened("memory://a?order=key")
    await publisher.settle([Settlement(early[0])])
    assert ids(await worker.receive(9, 0)) == []  # 2 is out
    await publisher.settle([Settlement(early[1])])
    [last] = await worker.receive(9, 0)
    assert last.message.id == "3"
    with pytest.raises(UsageError, match="order=key"):
        await opened("memory://a?order=partition")
    await (await opened("memory://a?group=other&order=partition")).close()
    await worker.settle([Settlement(last)])
    await (await opened("memory://a?order=partition")).close()
    for queue in (publisher, worker):
        await queue.close()


async def test_an_order_excludes_the_discipline_that_an_open_topic_has() -> None:
    queue = await opened("memory://a?discipline=lifo")
    with pytest.raises(UsageError, match="lifo"):
        await opened("memory://a?order=key")
    await queue.close()


async def test_a_delayed_message_holds_its_key_up_until_it_is_due() -> None:
    clock = ManualClock()
    queue = await opened("memory://a?order=key", clock)
    later = clock.time() + 3
    await queue.publish([Message("1", b"", "k", not_before=later), Message("2", b"", "k")], math.inf)
    assert ids(await queue.receive(9, 0)) == []
    clock.advance(3)
    assert ids(await queue.receive(9, 0)) == ["1"]
    await queue.close()


async def test_a_delayed_message_waits_for_its_time_with_no_attempt() -> None:
    clock = ManualClock()
    queue = await opened("memory://a", clock)
    await queue.publish([Message("1", b"", not_before=clock.time() + 3)], math.inf)
    found = await queue.find("1")
    assert found is not None
    assert (found.state, found.attempts) == (State.RETRYING, 0)
    clock.advance(3)
    [delivery] = await queue.receive(9, 0)
    assert isinstance(delivery, Delivery)
    assert delivery.attempt == 1
    await queue.close()


# The operator's side


async def test_a_topic_that_was_made_by_an_operator_stays_until_it_is_removed() -> None:
    admin = await memory.administer(parse("memory://?group=audit"))
    made = await admin.create("orders")
    assert (made.name, made.groups, made.messages) == ("orders", ["audit", "orders"], 0)
    with pytest.raises(UsageError, match="already"):
        await admin.create("orders")
    queue = await opened("memory://orders")
    await queue.publish([Message("1", b"four")], math.inf)
    await queue.close()
    [told] = await admin.topics()
    assert (told.messages, told.bytes) == (2, 4)
    assert [(lag.group, lag.waiting) for lag in await admin.lags("orders")] == [("audit", 1), ("orders", 1)]
    await admin.remove("orders")
    assert list(await admin.topics()) == []
    for call in (admin.lags("orders"), admin.remove("orders"), admin.examine("orders")):
        with pytest.raises(UsageError, match="no topic"):
            await call
    await admin.close()


async def test_who_has_a_removed_group_open_hears_of_it() -> None:
    admin = await memory.administer(parse("memory://"))
    own, audit = await opened("memory://a"), await opened("memory://a?group=audit")
    await admin.remove("a", "audit")
    with pytest.raises(Unavailable, match="removed"):
        await audit.receive(1, 0)
    assert list(await own.publish([Message("1", b"")], math.inf)) == ["1"]
    with pytest.raises(UsageError, match="no group 'audit'"):
        await admin.remove("a", "audit")
    with pytest.raises(UsageError, match="own"):
        await admin.remove("a", "a")
    await admin.remove("a")
    with pytest.raises(Unavailable, match="removed"):
        await own.publish([Message("2", b"")], math.inf)
    for queue in (own, audit):
        await queue.close()


async def test_the_examination_says_what_memory_is() -> None:
    admin = await memory.administer(parse("memory://"))
    told = await admin.examine()
    assert told.durability is Durability.MEMORY
    assert [finding.severity for finding in told.findings] == [Severity.LOSES]
