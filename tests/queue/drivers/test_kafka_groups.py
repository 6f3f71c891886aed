"""Groups of Kafka: by themselves, in order, coming and going, and those who belong to none."""

from __future__ import annotations

import asyncio
import math

import pytest
from confluent_kafka import Producer, admin

from driving import Worker, messages, take, until_counts
from forebay.clock import ManualClock
from forebay.durability import Durability
from forebay.errors import Unavailable, Unknown, Unsupported
from forebay.message import Message, new_id
from forebay.queue.driver import Ending, Settlement, State
from forebay.queue.drivers.kafka import letters
from forebay.queue.opening import open_driver
from kafka_drivers import leave_without_a_word, opening, until_told

EACH = {"group": "each"}


@pytest.fixture
async def opened(kafka):
    async with opening(kafka) as open_one:
        yield open_one


@pytest.fixture
def client(kafka):
    return admin.AdminClient({"bootstrap.servers": f"127.0.0.1:{kafka.port}"})


async def test_what_one_group_tries_again_or_gives_up_lies_in_topics_of_its_own(opened, client):
    orders, audit = await opened(), await opened(group="audit")
    await orders.publish(messages(2), math.inf)
    tried, dead = await take(audit, 2)
    await audit.settle([Settlement(tried, Ending.RETRY, 60.0), Settlement(dead, Ending.DEAD)])
    await until_counts(audit, retrying=1, dead=1, waiting=0)
    await until_counts(orders, retrying=0, dead=0, waiting=2)
    beside = {name.removeprefix(opened.topic) for name in client.list_topics().topics if name.startswith(opened.topic)}
    assert beside == {"", ".later", ".retry", ".dead", ".audit.retry", ".audit.dead"}


async def test_a_topic_that_is_there_gives_its_number_of_partitions_to_those_beside_it(opened, client):
    theirs = admin.NewTopic(opened.topic, num_partitions=3, replication_factor=1)
    await asyncio.to_thread(client.create_topics([theirs])[opened.topic].result, 20)
    await until_told(client, opened.topic, 3)
    await opened(partitions=5)
    topics = client.list_topics().topics
    assert {len(topics[opened.topic + end].partitions) for end in ("", ".later", ".retry")} == {3}


async def test_a_letter_that_came_back_as_it_did_before_groups_is_counted_once(opened):
    driver = await opened(partitions=1)
    [sent] = messages(1)
    await driver.publish([sent], math.inf)
    [delivery] = await take(driver, 1)
    await driver.settle([Settlement(delivery, Ending.DEAD)])
    [(_, offset)] = await driver._publisher.send([letters.coming_back(opened.topic, sent, 1)])
    note = letters.returned_note(driver._address.dead, sent.id, 1, (0, offset))
    note.headers[-1] = (letters.PLACE, b"0.%d" % offset)
    await driver._publisher.send([note])
    assert (await until_counts(driver, accepted=1, waiting=1, dead=0)).lost == 0
    assert (await driver.find(f"{sent.id}.0.0")).state is State.WAITING
    await driver.settle([Settlement(one) for one in await take(driver, 1)])
    assert (await until_counts(driver, accepted=1, done=1)).lost == 0


async def test_members_that_join_and_leave_every_second_under_load_lose_nothing(opened):
    intake, members = await opened(), [Worker(await opened()), Worker(await opened())]
    sent, everyone = [], list(members)
    for _ in range(4):
        members.append(Worker(await opened()))
        everyone.append(members[-1])
        leaving = members.pop(0)
        end = asyncio.get_running_loop().time() + 1.0
        while asyncio.get_running_loop().time() < end:
            sent += (batch := messages(20))
            assert all(isinstance(answer, str) for answer in await intake.publish(batch, math.inf))
            await asyncio.sleep(0.02)
        await leaving.stop()
        await leaving.driver.close()
    counts = await until_counts(intake, accepted=len(sent), done=len(sent), waiting=0, in_work=0)
    for member in members:
        await member.stop()
    assert counts.lost == 0
    assert {id for member in everyone for id in member.ended} == {one.id for one in sent}


async def test_in_order_the_attempts_survive_a_hand_over_and_a_message_that_kills_comes_to_its_end(opened):
    [reference, _] = await (await opened(partitions=1)).publish(messages(2, key="a"), math.inf)
    seen = []
    for end in (lambda owner: owner.close(), leave_without_a_word, leave_without_a_word, leave_without_a_word):
        owner = await opened(order="key")
        [first] = await take(owner, 1)
        if not seen:
            await owner.settle([Settlement(first, Ending.RETRY, headers={"story": "told"})])
            [first] = await take(owner, 1)
            assert first.message.headers == {"story": "told"}
            found = await owner.find(reference)
            assert (found.state, found.attempts) == (State.IN_WORK, 2)
        seen.append(first.attempt)
        assert first.message.body == b"0"
        await end(owner)
    last = await opened(order="key")
    [first] = await take(last, 1)
    assert [*seen, first.attempt] == [2, 2, 3, 4, 5]
    await last.settle([Settlement(first, Ending.DEAD)])
    assert [one.message.body for one in await take(last, 1)] == [b"1"]


async def test_in_order_a_delayed_message_keeps_its_turn(opened):
    clock = ManualClock()
    driver = await opened(partitions=1, order="key", clock=clock)
    later, after, other = Message("1", b"", "a", not_before=clock.time() + 60), Message("2", b"", "a"), messages(1)[0]
    [reference, *_] = await driver.publish([later, after, other], math.inf)
    assert [one.message.id for one in await take(driver, 1)] == [other.id]
    await until_counts(driver, retrying=1, waiting=1, in_work=1)
    assert (await driver.find(reference)).state is State.RETRYING
    clock.advance(61.0)
    [first] = await take(driver, 1)
    assert (first.message.id, first.attempt) == ("1", 1)
    await driver.settle([Settlement(first)])
    assert [one.message.id for one in await take(driver, 1)] == ["2"]


async def test_workers_with_and_without_an_order_cannot_share_a_group(opened):
    first, second = await opened(order="key"), await opened()
    await first.publish(messages(1, key="a"), math.inf)
    await take(first, 1)
    with pytest.raises(Unavailable, match="another way"):
        await take(second, 1)


async def test_a_key_has_one_partition_whoever_publishes_and_the_empty_one_too(opened, kafka):
    driver, other = await opened(), await opened()
    for key in ("", "a", "щ", "orders-17"):
        answers = [*await driver.publish(messages(5, key=key), math.inf)]
        answers += await other.publish(messages(5, key=key), math.inf)
        assert len({answer.split(".")[1] for answer in answers}) == 1
    java = Producer({"bootstrap.servers": f"127.0.0.1:{kafka.port}", "partitioner": "murmur2_random"})
    places = []
    java.produce(opened.topic, b"", "orders-17", on_delivery=lambda error, record: places.append(record.partition()))
    assert java.flush(30) == 0
    assert places == [int(answers[0].split(".")[1])]


async def test_a_subscriber_of_its_own_leaves_nothing_at_the_broker(opened, client):
    await opened()
    before = left_at(client, opened.topic)
    subscriber = await opened(**EACH)
    await subscriber.publish(messages(3), math.inf)
    for ending in (Ending.DONE, Ending.RETRY, Ending.DEAD):
        [one] = await take(subscriber, 1)
        assert await subscriber.settle([Settlement(one, ending, 60.0)]) == [True]
    await until_counts(subscriber, accepted=3, done=1, retrying=1, discarded=1, waiting=0)
    await subscriber.close()
    assert left_at(client, opened.topic) == before


def left_at(client: admin.AdminClient, topic: str) -> set[str]:
    """Return the groups and topics at the broker that have to do with a topic; others come and go."""
    groups = {f"group {one.group_id}" for one in client.list_consumer_groups().result().valid}
    return {name for name in groups | set(client.list_topics().topics) if topic in name}


async def test_a_subscriber_of_its_own_keeps_its_own_books(opened):
    await (await opened(partitions=1)).publish(messages(2), math.inf)
    subscriber = await opened(**EACH)
    assert (await subscriber.counts()).accepted == 0
    clock_far = Message(new_id(), b"", not_before=4e9)
    delayed, *plain = await subscriber.publish([clock_far, *messages(3)], math.inf)
    await until_counts(subscriber, accepted=4, waiting=3, retrying=1)
    assert (await subscriber.find(delayed)).state is State.RETRYING
    [held] = await take(subscriber, 1)
    states = {(await subscriber.find(reference)).state for reference in plain}
    assert states == {State.WAITING, State.IN_WORK}
    assert await subscriber.purge() == 3
    assert await subscriber.settle([Settlement(held)]) == [True]
    counts = await until_counts(subscriber, accepted=4, done=1, discarded=3, waiting=0, in_work=0)
    assert counts.lost == 0
    assert [await subscriber.find(reference) for reference in plain] == [None] * 3


async def test_a_subscriber_of_its_own_whose_poller_failed_goes_on_where_it_was(opened):
    subscriber = await opened(partitions=1, **EACH)
    sent = messages(3)
    await subscriber.publish(sent, math.inf)
    first, second = await take(subscriber, 2)
    assert await subscriber.settle([Settlement(first)]) == [True]
    failed = subscriber._poller

    def fail(now):
        raise KeyError("a bug")

    failed.holdings.wake_due = fail
    async with asyncio.timeout(60):
        while not failed.is_broken:
            await asyncio.sleep(0.01)
    with pytest.raises(Unavailable):
        await subscriber.receive(5, 1.0)
    again = await take(subscriber, 2)
    assert [one.message.id for one in again] == [one.id for one in sent[1:]]
    assert await subscriber.settle([Settlement(second)]) == [False]
    assert await subscriber.settle([Settlement(one) for one in again]) == [True, True]
    assert (await until_counts(subscriber, accepted=3, done=3)).lost == 0


async def test_a_new_topic_is_written_through_where_that_is_asked_for_and_a_replicated_one_is_refused(kafka):
    driver = await open_driver(f"{kafka.url}/synced{new_id()}?durability=fsync&partitions=1")
    assert driver.durability is Durability.FSYNC
    assert all(isinstance(answer, str) for answer in await driver.publish(messages(3), math.inf))
    await driver.close()
    with pytest.raises(Unsupported, match="replicated"):
        await open_driver(f"{kafka.url}/{'r' + new_id()}?durability=replicated&partitions=1")


async def test_what_was_done_and_not_noted_is_not_said_to_have_failed_for_certain(opened):
    driver = await opened(partitions=1)
    await driver.publish(messages(2), math.inf)
    first, _ = await take(driver, 2)
    await driver.settle([Settlement(first, Ending.DEAD)])
    send = driver._publisher.send

    async def lose_notes(records):
        return [Unavailable("away")] if records[0].value is None else await send(records)

    driver._publisher.send = lose_notes
    with pytest.raises(Unknown, match="away"):
        await driver.return_dead([first.message.id])
    with pytest.raises(Unknown, match="purged"):
        await driver.purge()
    with pytest.raises(Unavailable):
        await driver.drop_dead([first.message.id])


async def test_a_return_of_dead_letters_that_is_cancelled_is_done_to_its_end(opened):
    driver = await opened(partitions=1)
    await driver.publish(messages(1), math.inf)
    [first] = await take(driver, 1)
    await driver.settle([Settlement(first, Ending.DEAD)])
    send, sent = driver._publisher.send, asyncio.Event()

    async def tell(records):
        places = await send(records)
        sent.set()
        await asyncio.sleep(0.1)
        return places

    driver._publisher.send = tell
    returning = asyncio.create_task(driver.return_dead([first.message.id]))
    await sent.wait()
    returning.cancel()
    await until_counts(driver, dead=0, waiting=1)
