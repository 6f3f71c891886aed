"""What a RabbitMQ and other programs do at the worst moment: answers that cross, headers nobody can read, cut lines."""

from __future__ import annotations

import asyncio
import math
import struct
import sys

import pytest
from pamqp import commands

from driving import messages, take, until_counts
from forebay.errors import TooLarge, Unavailable, Unknown
from forebay.message import Message, new_id
from forebay.queue.driver import Ending, Settlement
from forebay.queue.drivers.rabbitmq import frames, lanes, letters
from forebay.queue.drivers.rabbitmq.address import address_of
from forebay.queue.drivers.rabbitmq.link import Link
from rabbitmq_drivers import Broker


@pytest.fixture
async def broker(rabbitmq):
    async with Broker(rabbitmq) as broker:
        yield broker


UNREADABLE = {
    "microseconds": b"T" + struct.pack(">Q", 1_700_000_000_000_000),
    "not utf-8": b"F" + struct.pack(">I", 4) + b"\x02\xff\xfeV",
    "an unknown type": b"?",
}


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_header_that_cannot_be_read_is_left_out(value):
    table = b"\x01aS\x00\x00\x00\x01x" + b"\x01b" + value
    assert frames.read_table(table, 0, len(table)) == {"a": "x"}


def test_headers_after_one_that_cannot_be_read_are_read():
    table = b"\x01b" + UNREADABLE["microseconds"] + b"\x01aS\x00\x00\x00\x01x"
    assert frames.read_table(table, 0, len(table)) == {"a": "x"}


async def test_a_foreign_message_with_a_spoiled_header_holds_nobody_up(broker):
    driver = await broker.open()
    table = b"\x01h" + UNREADABLE["microseconds"]
    header = struct.pack(">HHQHI", 60, 0, 1, 1 << 13, len(table)) + table
    async with broker.bare() as channel:
        await channel.ask(commands.Confirm.Select())
        await channel.publish([frames.publish_method("", broker.topic)], [("", header, b"x")]).done
    [sent] = messages(1)
    await driver.publish([sent], math.inf)
    taken = await take(driver, 2)
    assert {one.message.body for one in taken} == {b"x", sent.body}


async def test_questions_left_without_their_refusal_cost_no_connection(broker):
    driver = await broker.open()
    [delivery] = await _one_in_hand(driver)
    for _ in range(5):
        async with driver._consuming.asking() as channel:
            channel.ask(commands.Queue.Declare(queue=f"missing{new_id()}", passive=True))
    assert (await driver.counts()).in_work == 1
    assert await driver.settle([Settlement(delivery)]) == [True]


async def test_a_consumer_that_is_cancelled_before_the_broker_has_begun_it_costs_no_channel(broker):
    driver = await broker.open()
    [delivery] = await _one_in_hand(driver)
    channel = driver._consuming.open_channel("consume")
    for n in range(20):
        for tag in (f"{n}-{m}" for m in range(5)):
            channel.begin(broker.topic, tag, 5, lambda _: None, lambda: None)
            over = channel.cancel(tag)
        await over
    assert await driver.settle([Settlement(delivery)]) == [True]


async def test_headers_without_room_for_a_story_are_refused_and_others_can_end(broker):
    driver = await broker.open()
    most = 131_072 - 4_096 - 200
    large, larger = (Message(new_id(), b"x", headers={"h": "y" * size}) for size in (most, most + 300))
    accepted, refused = await driver.publish([large, larger], math.inf)
    assert accepted == large.id
    assert isinstance(refused, TooLarge)
    [delivery] = await take(driver, 1)
    story = {**large.headers, "forebay-reason": "z" * 2_000}
    assert await driver.settle([Settlement(delivery, Ending.DEAD, headers=story)]) == [True]
    [letter] = await driver.dead_letters()
    assert letter.message.headers == story


async def test_a_foreign_message_with_the_largest_headers_ends_too(broker):
    driver = await broker.open()
    await broker.puts(b"x", headers={"h": "y" * 131_000})
    [delivery] = await take(driver, 1)
    story = {**delivery.message.headers, "forebay-reason": "z" * 2_000}
    assert await driver.settle([Settlement(delivery, Ending.DEAD, headers=story)]) == [True]
    [letter] = await driver.dead_letters()
    assert letter.message.headers == {"forebay-reason": "z" * 2_000}


async def test_of_two_ways_for_one_id_the_one_that_no_queue_took_is_told(broker):
    driver = await broker.open()
    channel = driver._publishing.open_channel("publish")
    for id in ("short", "l" * 300):
        content = (
            id,
            frames.content_header(0, frames.Properties({"forebay-id": id}, id if len(id) < 256 else "")),
            b"",
        )
        ways = [frames.publish_method("", queue) for queue in (broker.topic, f"missing{new_id()}")]
        confirms = channel.publish(ways, [content, content])
        await confirms.done
        assert confirms.returned == {1}


async def test_a_close_that_is_cancelled_leaves_no_connection(broker):
    driver = await broker.open()
    await _one_in_hand(driver)
    closing = asyncio.create_task(driver.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
    assert driver._consuming._connection.closed is not None
    assert driver._publishing._connection.closed is not None
    assert len(await take(await broker.open(), 1)) == 1


async def test_a_connection_that_comes_after_the_end_is_let_go(broker):
    link = Link(address_of(broker.url()).account, "late")
    opening = asyncio.create_task(link.channel("late"))
    await asyncio.sleep(0)
    await link.close()
    with pytest.raises(Unavailable):
        await opening
    assert link._connection is None or link._connection.closed is not None


@pytest.mark.parametrize("order", ["none", "key"])
async def test_a_receiver_that_is_still_asking_while_its_driver_closes_is_sent_home(broker, monkeypatch, order):
    driver = await broker.open(order=order)
    open_channel = driver._consuming.channel

    async def closed_meanwhile(name):
        channel = await open_channel(name)
        await driver.close()
        return channel

    monkeypatch.setattr(driver._consuming, "channel", closed_meanwhile)
    with pytest.raises(Unavailable):
        async with asyncio.timeout(30):
            await driver.receive(1, 90.0)


async def test_reading_dead_letters_that_is_cancelled_locks_nobody_out(broker, monkeypatch):
    driver, other = await broker.open(), await broker.open()
    locked = asyncio.Event()

    async def hang(answer):
        await answer
        locked.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(letters, "answered", hang)
        reading = asyncio.create_task(driver.dead_letters())
        await locked.wait()
        reading.cancel()
        await asyncio.wait({reading})
    assert list(await other.dead_letters()) == []


async def test_an_answer_that_is_lost_leaves_open_what_was_removed(broker, monkeypatch):
    driver = await broker.open()
    driver_module = sys.modules[type(driver).__module__]

    async def lost(answer):
        raise Unavailable("RabbitMQ does not answer")

    monkeypatch.setattr(driver_module, "answered", lost)
    with pytest.raises(Unknown, match="may have removed"):
        await driver.purge()


async def test_letters_whose_removal_was_not_heard_are_not_counted_as_removed(broker):
    driver = await broker.open()
    [delivery] = await _one_in_hand(driver)
    await driver.settle([Settlement(delivery, Ending.DEAD)])

    async def remove_and_cut():
        async with driver._letters._reading(lambda *_: None) as gone:
            gone.append(1)
            driver._consuming._connection.abort("cut")

    with pytest.raises(Unknown, match="dead letters"):
        await remove_and_cut()
    await until_counts(driver, dead=1, discarded=0)


async def test_dead_letters_of_other_programs_that_look_alike_are_all_returned(broker):
    driver = await broker.open()
    way, header = frames.publish_method("", f"{broker.topic}.dead"), frames.content_header(4, frames.Properties({}))
    async with broker.bare() as channel:
        await channel.ask(commands.Confirm.Select())
        await channel.publish([way, way], [("", header, b"ping")] * 2).done
    [letter] = await driver.dead_letters()
    assert await driver.return_dead([letter.message.id]) == 2
    await until_counts(driver, dead=0, waiting=2)


async def test_what_a_cancelled_receiver_did_not_take_goes_to_others(broker, monkeypatch):
    driver, other = await broker.open(), await broker.open()
    begun, ended = asyncio.Event(), asyncio.Event()

    async def refuse(letters):
        begun.set()
        await ended.wait()
        raise Unavailable("RabbitMQ takes no messages now")

    await broker.puts(b"without an id: it must be published anew")
    with monkeypatch.context() as patch:
        patch.setattr(driver._publisher, "send", refuse)
        receiving = asyncio.create_task(driver.receive(1, 10.0))
        await begun.wait()
        receiving.cancel()
        await asyncio.wait({receiving})
        ended.set()
    assert len(await take(other, 1)) == 1


async def test_coming_back_behind_another_or_unbegun_is_no_attempt(broker, monkeypatch):
    monkeypatch.setattr(lanes, "IDLE_SECONDS", 0.1)
    driver = await broker.open(order="key")
    await driver.publish([Message("first", b"", "key"), Message("second", b"", "key")], math.inf)
    for _ in range(4):
        [delivery] = await take(driver, 1)
        assert (delivery.message.id, delivery.attempt) == ("first", 1)
        await driver.settle([Settlement(delivery, Ending.RELEASE)])
        await _let_go(driver)
    attempts = []
    for _ in range(3):
        [delivery] = await take(driver, 1)
        attempts.append(delivery.attempt)
        driver._consuming._connection.abort("cut while it is in hand")
    assert attempts == [1, 1, 2]  # the first loss is not counted
    [delivery] = await take(driver, 1)
    await driver.settle([Settlement(delivery)])
    [delivery] = await take(driver, 1)
    assert (delivery.message.id, delivery.attempt) == ("second", 1)


async def _let_go(driver):
    """Return when the driver has made room for another process."""
    async with asyncio.timeout(30):
        while driver._source._channel.closed is None:
            await asyncio.sleep(0.01)


async def _one_in_hand(driver):
    await driver.publish(messages(1), math.inf)
    return await take(driver, 1)
