"""What befalls a RabbitMQ, its queues and those who work on them, and what becomes of the messages."""

from __future__ import annotations

import asyncio
import contextlib
import math
import subprocess
import sys

import pytest
from pamqp import commands

from driving import Worker, messages, take, until_counts
from forebay.errors import ForebayError, Unavailable, Unknown
from forebay.lab.servers import RabbitMQ
from forebay.queue.driver import Delivery, Driver, Ending, Settlement
from forebay.queue.drivers.rabbitmq import credit, lanes
from rabbitmq_drivers import Broker, leave_without_a_word


@pytest.fixture
async def broker(rabbitmq):
    async with Broker(rabbitmq) as broker:
        yield broker


@pytest.fixture
async def own_broker(own_server):
    async with Broker(own_server(RabbitMQ)) as broker:
        yield broker


class Source:
    """Publishes until it is told to stop, and remembers what was accepted."""

    def __init__(self, driver: Driver) -> None:
        self.accepted: set[str] = set()
        self._driver = driver
        self._stopped = False
        self._task = asyncio.create_task(self._publish())

    async def stop(self) -> None:
        self._stopped = True
        await self._task

    async def _publish(self) -> None:
        while not self._stopped:
            with contextlib.suppress(ForebayError):
                answers = await self._driver.publish(messages(20), math.inf)
                self.accepted |= {answer for answer in answers if isinstance(answer, str)}
            await asyncio.sleep(0.005)


async def until_some_ended(workers: list[Worker], count: int) -> None:
    """Return once as many more messages have ended."""
    wanted = count + sum(len(worker.ended) for worker in workers)
    async with asyncio.timeout(60):
        while sum(len(worker.ended) for worker in workers) < wanted:
            await asyncio.sleep(0.01)


async def test_a_broker_that_is_killed_under_load_loses_nothing_that_was_accepted(own_broker):
    source = Source(await own_broker.open())
    workers = [Worker(await own_broker.open()) for _ in range(2)]
    await until_some_ended(workers, 200)
    own_broker.server.kill()
    await asyncio.to_thread(own_broker.server.restart)
    await until_some_ended(workers, 200)
    await source.stop()
    await until_counts(workers[0].driver, waiting=0, in_work=0)
    for worker in workers:
        await worker.stop()
    ended = {id for worker in workers for id in worker.ended.keys() | worker.unknown}
    assert source.accepted <= ended


async def test_a_broker_that_stands_still_is_given_up_and_found_again(own_broker):
    driver = await own_broker.open(lease="4s")  # two heartbeats in which nobody is given up yet
    sent = messages(5)
    assert list(await driver.publish(sent, math.inf)) == [one.id for one in sent]
    held = await take(driver, 2)
    own_broker.server.pause()
    publishing = asyncio.create_task(driver.publish(messages(1), math.inf))
    with pytest.raises(ForebayError):
        await driver.settle([Settlement(one) for one in held])
    [answer] = await publishing
    assert isinstance(answer, Unknown)
    assert "silent" in str(answer)  # by its heartbeat, long before a publish is given up
    own_broker.server.resume()
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(ForebayError):
                taken = await driver.receive(10, 1.0)
                await driver.settle([Settlement(one) for one in taken])
                sent = [one for one in sent if one.id not in {each.message.id for each in taken}]
                if not sent or {one.id for one in sent} <= {one.message.id for one in held}:
                    return


KILLED = """
import asyncio, sys
from forebay.queue.drivers import rabbitmq
from forebay.url import URL, parse

async def main():
    driver = await rabbitmq.connect(parse(sys.argv[1]).with_options(topic=sys.argv[2]))
    taken = []
    while len(taken) < 3:
        taken += await driver.receive(3 - len(taken), 1.0)
    print("taken", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_what_a_killed_process_had_in_hand_goes_to_another(broker):
    driver = await broker.open()
    sent = messages(5)
    await driver.publish(sent, math.inf)
    words = [sys.executable, "-c", KILLED, f"{broker.server.url}/", broker.topic]
    victim = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
    async with asyncio.timeout(60):
        assert await victim.stdout.readline() == b"taken\n"
    assert len(await take(driver, 2)) == 2
    victim.kill()
    await victim.wait()
    again = await take(driver, 3)
    assert {one.message.id for one in again} == {one.id for one in sent[:3]}
    assert {one.attempt for one in again} == {1}


async def test_a_queue_that_is_deleted_under_its_worker_is_made_anew_and_served(broker):
    driver, publisher = await broker.open(), await broker.open()
    waiting = asyncio.create_task(driver.receive(1, 60.0))
    async with broker.bare() as channel, asyncio.timeout(30):
        while not (await channel.ask(commands.Queue.Declare(queue=broker.topic, passive=True))).consumer_count:
            await asyncio.sleep(0.01)
        await channel.ask(commands.Queue.Delete(queue=broker.topic))
    with pytest.raises(Unavailable):
        await waiting
    [result] = await publisher.publish(messages(1), math.inf)
    if not isinstance(result, str):  # no queue, no acceptance; but the next one finds it made anew
        [result] = await publisher.publish(messages(1), math.inf)
    assert isinstance(result, str)
    [delivery] = await take(driver, 1)
    assert delivery.message.id == result


async def test_a_publish_that_no_queue_takes_is_not_accepted(broker):
    driver = await broker.open()
    async with broker.bare() as channel:
        await channel.ask(commands.Queue.Delete(queue=broker.topic))
    [answer] = await driver.publish(messages(1), math.inf)
    assert isinstance(answer, Unavailable)
    assert isinstance((await driver.publish(messages(1), math.inf))[0], str)


async def test_whoever_dies_while_he_reads_dead_letters_loses_none(broker):
    driver, reader = await broker.open(), await broker.open()
    await driver.publish(messages(20), math.inf)
    await driver.settle([Settlement(one, Ending.DEAD) for one in await take(driver, 20)])
    async with reader._letters._reading(lambda arrival, one: None):
        leave_without_a_word(reader)
    async with asyncio.timeout(20):
        while len(await driver.dead_letters()) < 20:
            await asyncio.sleep(0.02)


async def test_a_subscriber_of_its_own_hears_again_when_its_connection_was_lost(broker):
    publisher, subscriber = await broker.open(), await broker.open(group="each")
    subscriber._consuming._connection.abort("cut by the test")
    sent = messages(2)
    await publisher.publish(sent, math.inf)
    async with asyncio.timeout(20):
        taken: list[Delivery] = []
        while len(taken) < 2:
            with contextlib.suppress(Unavailable):
                taken += await subscriber.receive(10, 1.0)
    assert [one.message.id for one in taken] == [one.id for one in sent]


async def test_a_receiver_that_waits_on_is_heard_by_the_broker_however_little_came_before(broker):
    driver, publisher = await broker.open(), await broker.open()
    for _ in range(2):
        await publisher.publish(messages(1), math.inf)
        assert len(await driver.receive(10, 20.0)) == 1  # the rest of the credit is left with the broker
        waiting = asyncio.create_task(driver.receive(10, 90.0))
        await asyncio.sleep(3 * credit.IDLE_SECONDS)
        [sent] = messages(1)
        await publisher.publish([sent], math.inf)
        async with asyncio.timeout(30):
            [delivery] = await waiting
        assert delivery.message.id == sent.id


async def test_two_processes_share_a_key_and_the_second_takes_over_in_order(broker):
    first, second = await broker.open(order="key"), await broker.open(order="key")
    sent = messages(6, key="a")
    await first.publish(sent, math.inf)
    [held] = await take(first, 1)
    assert list(await second.receive(5, 0.2)) == []
    leave_without_a_word(first)
    for one in sent:
        [delivery] = await take(second, 1)
        assert delivery.message.id == one.id
        assert await second.settle([Settlement(delivery)]) == [True]
    with pytest.raises(Unavailable):
        await first.receive(1, 0)
    assert held.message.id == sent[0].id


async def test_a_process_that_asks_no_more_makes_room_for_one_that_stands_by(broker, monkeypatch):
    monkeypatch.setattr(lanes, "IDLE_SECONDS", 0.1)
    first, second = await broker.open(order="key"), await broker.open(order="key")
    sent = messages(4, key="a")
    await first.publish(sent, math.inf)
    [delivery] = await take(first, 1)
    standing_by = asyncio.create_task(take(second, 1))
    await asyncio.sleep(0.3)
    assert not standing_by.done()  # as long as the first has something in hand
    await first.settle([Settlement(delivery)])
    [delivery] = await standing_by
    assert delivery.message.id == sent[1].id
