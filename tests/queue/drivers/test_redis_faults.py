"""What befalls a Redis server and its data, and what becomes of the messages."""

from __future__ import annotations

import asyncio
import contextlib
import math

import pytest
import redis.asyncio as client

from driving import ids, messages, take
from forebay.clock import ManualClock
from forebay.durability import Durability
from forebay.errors import QueueFull, Unavailable, Unknown, UsageError
from forebay.events import Stalled
from forebay.lab.proxy import Proxy
from forebay.lab.servers import Redis
from forebay.lab.toxics import LostReply
from forebay.queue.driver import Ending, Settlement
from forebay.queue.drivers.redis import driver as driver_module
from forebay.queue.drivers.redis.payload import FOREIGN
from forebay.queue.drivers.redis.scripts import key_of
from forebay.queue.subscription import Subscription
from redis_drivers import by_way_of, insist, opening, published, remove_all, server_with


@pytest.fixture
async def opened(redis):
    async with opening(redis) as open_one:
        yield open_one


@pytest.fixture
async def raw(redis):
    """A client that does what others might do to our keys."""
    connection = client.Redis(port=redis.port)
    yield connection
    await connection.aclose()


async def test_a_server_that_is_killed_again_and_again_under_load_loses_nothing(opened, own_server):
    server = own_server(Redis)
    publisher, worker = await opened(server.url), await opened(server.url)
    sent, ended, stop, all_sent = [], [], asyncio.Event(), asyncio.Event()

    async def publish() -> None:
        while not stop.is_set():
            batch = messages(20)
            await insist(lambda batch=batch: published(publisher, batch))
            sent.extend(message.id for message in batch)
        all_sent.set()

    async def work() -> None:
        while not all_sent.is_set() or (await insist(worker.counts)).unfinished:
            taken = await insist(lambda: worker.receive(50, 0.1))
            await insist(lambda taken=taken: worker.settle([Settlement(one) for one in taken]))
            ended.extend(ids(taken))

    tasks = [asyncio.create_task(publish()), asyncio.create_task(work())]
    for round in range(3):
        async with asyncio.timeout(60):
            while len(ended) < 200 * (round + 1):
                await asyncio.sleep(0.01)
        await asyncio.to_thread(server.restart)
    stop.set()
    async with asyncio.timeout(60):
        await asyncio.gather(*tasks)
    counts = await worker.counts()
    assert set(sent) <= set(ended)
    assert (counts.lost, counts.unfinished) == (0, 0)


async def test_a_publish_whose_reply_was_lost_is_unknown_and_can_be_said_again(opened, redis):
    async with Proxy(redis.port) as proxy:
        driver, direct = await opened(by_way_of(proxy, redis)), await opened()
        batch = messages(5)
        with proxy.spoiled(LostReply(b"EVALSHA")), pytest.raises(Unknown):
            await published(driver, batch)
        assert await published(driver, batch) == [message.id for message in batch]
        counts = await direct.counts()
        assert (counts.accepted, counts.waiting) == (5, 5)
        await driver.close()


async def test_messages_whose_claim_was_not_heard_come_at_once_and_have_not_failed(opened, redis):
    async with Proxy(redis.port) as proxy:
        direct, driver = await opened(), await opened(by_way_of(proxy, redis), lease="60s")
        assert list(await driver.receive(1, 0)) == []
        sent = messages(3)
        await direct.publish(sent, math.inf)
        with proxy.spoiled(LostReply(b"EVALSHA")), pytest.raises(Unknown):
            await driver.receive(10, 1.0)
        assert (await direct.counts()).in_work == 3
        taken = await insist(lambda: driver.receive(10, 1.0))
        assert ids(taken) == [message.id for message in sent]
        assert {delivery.attempt for delivery in taken} == {1}
        await driver.close()


async def test_a_server_that_keeps_silent_is_unknown_by_the_timeout_and_answers_again(opened, own_server):
    server = own_server(Redis)
    driver = await insist(lambda: opened(server.url, timeout="300ms"))  # so little a busy machine may need to begin
    server.pause()
    batch = messages(1)
    with pytest.raises(Unknown, match="no answer"):
        await published(driver, batch)
    with pytest.raises(Unavailable):
        await published(driver, batch)
    server.resume()
    await insist(lambda: published(driver, batch))
    assert (await insist(driver.counts)).accepted == 1


async def test_a_server_that_comes_back_with_less_accepts_nothing_of_those_who_ask_for_more(opened, own_server):
    server = own_server(Redis)
    strict, easy = await opened(server.url, durability="fsync"), await opened(server.url)
    await published(strict, messages(1))
    admin = client.Redis(port=server.port)
    await admin.config_set("appendfsync", "everysec")
    await admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    told: list[str] = []
    async with asyncio.timeout(30):
        while sum("fsync is asked for" in one for one in told) < 3:  # first of all it hears that its connection broke
            with pytest.raises((Unavailable, Unknown)) as caught:
                await published(strict, messages(1))
            told.append(str(caught.value))
    batch = messages(1)
    await insist(lambda: published(easy, batch))
    assert (strict.durability, easy.durability) == (Durability.OS, Durability.OS)
    assert (await insist(easy.counts)).accepted == 2
    await admin.aclose()


async def test_after_a_flush_the_group_is_made_anew_and_its_worker_says_so_and_goes_on(opened, raw):
    driver = await opened(discipline="lifo", order="none")
    await driver.publish(messages(3), math.inf)
    held = await take(driver, 1)
    subscription = Subscription("t", driver, owned=False)
    events: list = []
    subscription.listeners.append(events.append)
    await remove_all(raw, opened.topic)
    assert list(await driver.settle([Settlement(held[0])])) == [False]
    await remove_all(raw, opened.topic)
    subscription.start()
    taking = asyncio.create_task(subscription.take())
    async with asyncio.timeout(30):
        while not events:
            await asyncio.sleep(0.01)
        assert isinstance(events[0], Stalled)
        assert "gone from Redis" in events[0].reason
        [sent] = messages(1)
        await driver.publish([sent], math.inf)
        delivery = await taking
    assert delivery.message.id == sent.id
    subscription.settle(Settlement(delivery))
    await subscription.close()
    assert (await driver.counts()).done == 1
    await driver.publish(messages(1), math.inf)
    with pytest.raises(UsageError, match="lifo"):  # it is what it was
        await opened(discipline="fifo")


async def test_publishing_goes_on_after_a_flush(opened, raw):
    driver = await opened()
    await driver.publish(messages(2), math.inf)
    await remove_all(raw, opened.topic)
    sent = messages(2)
    await driver.publish(sent, math.inf)
    assert ids(await take(driver, 2)) == [message.id for message in sent]


@pytest.mark.parametrize("kind", ["", ":groups", ":T:ready", ":T:messages"])
async def test_keys_of_somebody_else_are_left_alone_and_named(opened, raw, kind):
    key = key_of(opened.topic) + kind.replace("T", opened.topic)
    await raw.set(key, "somebody's")
    with pytest.raises((UsageError, Unavailable)) as caught:
        await opened()
    assert "somebody else" in caught.value.hint
    assert await raw.get(key) == b"somebody's"


@pytest.mark.parametrize("kind", ["ready", "messages", "unfinished", "counts"])
async def test_a_key_that_somebody_else_takes_later_refuses_the_publish_wholly(opened, raw, kind):
    driver = await opened()
    key = f"{key_of(opened.topic)}:{opened.topic}:{kind}"
    await raw.set(key, "somebody's")
    with pytest.raises(Unavailable, match="WRONGTYPE"):
        await published(driver, messages(2))
    await raw.delete(key)
    assert (await driver.counts()).accepted == 0
    await published(driver, messages(2))
    assert len(await take(driver, 2)) == 2


async def test_what_is_foreign_or_broken_in_the_structures_stops_no_other(opened, raw):
    driver = await opened()
    prefix = f"{key_of(opened.topic)}:{opened.topic}:"
    foreign, emptied, whole = messages(3)
    await driver.publish([foreign, emptied, whole], math.inf)
    await raw.zadd(prefix + "ready", {"nonsense": 0, "another piece of nonsense, and a long one": 0})
    await raw.hset(prefix + "messages", foreign.id, b"\xffsomething else")
    await raw.hdel(prefix + "messages", emptied.id)
    taken = {delivery.message.id: delivery for delivery in await take(driver, 2)}
    assert set(taken) == {foreign.id, whole.id}
    assert taken[foreign.id].message.body == b"\xffsomething else"
    assert FOREIGN in taken[foreign.id].message.headers
    assert list(await driver.settle([Settlement(one, Ending.DEAD) for one in taken.values()])) == [True, True]
    assert len(await driver.dead_letters()) == 2
    assert list(await driver.receive(10, 0)) == []
    counts = await driver.counts()
    assert (counts.dead, counts.lost) == (2, 1)  # what somebody removed is told as lost


async def test_with_full_memory_publishing_is_refused_and_the_work_goes_on(opened, own_server):
    server = own_server(server_with(maxmemory="6mb"))
    driver = await opened(server.url, lease="60s")
    accepted: list[str] = []

    async def fill() -> None:
        while True:
            accepted.extend(await published(driver, messages(20, body=b"x" * 5_000)))

    with pytest.raises(QueueFull, match="memory"):
        await fill()
    [first, second, third] = await take(driver, 3)
    await driver.extend([first])
    ends = [Settlement(first), Settlement(second, Ending.RETRY, 0.1), Settlement(third, Ending.DEAD)]
    assert list(await driver.settle(ends)) == [True] * 3
    counts = await driver.counts()
    assert (counts.accepted, counts.done, counts.dead, counts.lost) == (len(accepted), 1, 1, 0)
    for _ in range(len(accepted) // 60):
        await driver.settle([Settlement(one) for one in await take(driver, 30)])
    [last] = messages(1)
    accepted += await insist(lambda: published(driver, [last]))
    counts = await driver.counts()
    assert (counts.accepted, counts.lost) == (len(accepted), 0)


async def test_an_idle_receiver_asks_a_few_times_and_hears_at_once(opened, raw):
    publisher, receiver = await opened(), await opened()

    async def asked() -> int:
        return int((await raw.info("commandstats"))["cmdstat_evalsha"]["calls"])

    before = await asked()
    receiving = asyncio.create_task(receiver.receive(1, 20.0))
    await asyncio.sleep(0.5)
    assert await asked() - before <= 3
    [sent] = messages(1)
    await publisher.publish([sent], math.inf)
    assert ids(await receiving) == [sent.id]


async def test_a_receiver_whose_bell_breaks_still_hears(opened, raw):
    publisher, receiver = await opened(), await opened()
    receiving = asyncio.create_task(receiver.receive(1, 90.0))
    async with asyncio.timeout(30):
        while not (await raw.pubsub_numsub(f"{key_of(opened.topic)}:{opened.topic}:bell"))[0][1]:
            await asyncio.sleep(0.01)
        await raw.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        [sent] = messages(1)
        await publisher.publish([sent], math.inf)
        assert ids(await receiving) == [sent.id]


async def test_an_abandoned_subscriber_of_its_own_is_removed_by_those_who_publish(opened, raw):
    clock = ManualClock()
    publisher, subscriber = await opened(clock=clock), await opened(clock=clock, group="each")
    await publisher.publish(messages(2), math.inf)
    clock.advance(driver_module.KEEP_SECONDS + 1)
    await publisher.publish(messages(1), math.inf)
    assert [key async for key in raw.scan_iter(f"{key_of(opened.topic)}:each-*")] == []
    with pytest.raises(Unavailable, match="gone from Redis"):  # it was not dead after all: it is told what it missed
        await subscriber.receive(1, 0)
    [sent] = messages(1)
    await publisher.publish([sent], math.inf)
    assert ids(await take(subscriber, 1)) == [sent.id]


async def test_a_subscriber_of_its_own_gives_signs_of_life(opened, raw, monkeypatch):
    monkeypatch.setattr(driver_module, "KEEP_SECONDS", 0.4)  # its signs come by the time of the loop, every 0.1 s
    clock = ManualClock()
    publisher, subscriber = await opened(clock=clock), await opened(clock=clock, group="each")

    async def kept_until() -> float:
        return min([until for _, until in await raw.zrange(f"{key_of(opened.topic)}:groups", 0, -1, withscores=True)])

    for _ in range(3):
        clock.advance(0.3)
        async with asyncio.timeout(30):
            while await kept_until() < clock.time() + 0.39:
                await asyncio.sleep(0.01)
    [sent] = messages(1)
    await publisher.publish([sent], math.inf)
    assert ids(await take(subscriber, 1)) == [sent.id]


async def test_a_cancelled_close_or_call_leaves_no_task_behind(opened):
    driver = await opened()
    calls = [asyncio.create_task(driver.counts()), asyncio.create_task(driver.receive(1, 5.0))]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await driver.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(30):
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0.01)
    assert len(asyncio.all_tasks()) == 1
