from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import sys
from collections import Counter
from collections.abc import Sequence

import confluent_kafka
import pytest
from confluent_kafka import admin

from driving import Worker, messages, take, until_counts
from forebay.clock import ManualClock
from forebay.durability import Durability
from forebay.errors import Unavailable, Unsupported, UsageError
from forebay.lab.servers import Kafka as Broker
from forebay.lab.servers.process import free_port
from forebay.message import new_id
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Driver, Ending, Settlement, State
from forebay.queue.drivers import kafka as driver_of_kafka
from forebay.queue.drivers.kafka import surveyor
from forebay.url import URL, parse
from kafka_drivers import leave_without_a_word, opening


class TestKafka(ConformanceSuite):
    features = driver_of_kafka.FEATURES
    clock = ManualClock()  # tells only what is due; leases are sessions, which the broker watches
    lease = 6.0  # the shortest session that the broker takes: who left while joining is missed so long
    long_lease = lease
    soon = 3.0  # to join the group takes a while too
    moment = 0.1
    at_once = 6
    leases_end_by_time = False
    first_death_counts = False
    too_large = 9_000_000

    @pytest.fixture(autouse=True)
    def _broker(self, kafka):
        self.broker = kafka

    def url(self, topic: str, **options: str) -> URL:
        return parse(f"{self.broker.url}/{topic}?partitions=4").with_options(**options)

    async def die(self, driver: Driver) -> None:
        """Die after the next commit: what ended in the tenth of a second before it may come again."""
        if (poller := driver._poller) is not None:
            await poller._order(lambda: poller._commit(poller.holdings.assignments(), wait=True) or 0)
        await leave_without_a_word(driver)

    async def joined(self, *drivers: Driver) -> None:
        """Wait until each has partitions, and each partition of each group somebody."""
        async with asyncio.timeout(self.patience):
            while not all(shared_out(driver, drivers) for driver in drivers):
                for driver in drivers:
                    assert list(await driver.receive(1, 0.01)) == []


def shared_out(driver: Driver, drivers: Sequence[Driver]) -> bool:
    group = [one for one in drivers if one._address.group == driver._address.group]
    parts = [part for one in group if one._poller is not None for part in one._poller.holdings.tallies()]
    return bool(driver._poller and driver._poller.holdings.tallies()) and sorted(parts) == sorted(driver._ledger.parts)


@pytest.fixture
async def opened(kafka):
    """Open the topic of this test, as often as it is called; each time as a process of its own would."""
    async with opening(kafka) as open_one:
        yield open_one


async def test_records_of_other_producers_come_with_their_place_as_id(opened, kafka):
    driver = await opened(partitions=1)
    other = confluent_kafka.Producer({"bootstrap.servers": f"127.0.0.1:{kafka.port}"})
    strange = [("b", b"\xff"), ("none", None), ("forebay-accepted-at", b"nan"), ("forebay-due-at", b"tomorrow")]
    other.produce(opened.topic, b"body", b"\xffkey", headers=strange)
    other.produce(opened.topic, None, b"")
    other.produce(opened.topic, b"", headers=[("forebay-attempt", b"-5"), ("forebay-id", b"")])
    assert other.flush(30) == 0
    first, tombstone, empty = await take(driver, 3)
    assert [one.message.id for one in (first, tombstone, empty)] == [f"{opened.topic}-0-{n}" for n in range(3)]
    assert first.message.headers == {"b": "\ufffd", "none": ""}
    assert first.message.key == "\ufffdkey"
    assert (tombstone.message.body, tombstone.message.key) == (b"", "")
    assert (empty.message.body, empty.message.key, empty.attempt) == (b"", None, 1)
    assert all(one.message.accepted_at > 1_600_000_000 for one in (first, tombstone, empty))
    assert await driver.settle([Settlement(one) for one in (first, tombstone, empty)]) == [True] * 3
    await until_counts(driver, accepted=3, done=3)


async def test_members_that_come_and_go_under_load_lose_nothing(opened):
    drivers = [await opened() for _ in range(3)]
    sent = [messages(200) for _ in range(4)]
    steady = Worker(drivers[0])
    for batch in sent:
        await drivers[0].publish(batch, math.inf)
    coming = Worker(drivers[1])
    async with asyncio.timeout(60):
        while not coming.ended:  # as long as the group takes to give it a partition
            sent.append(messages(20))
            await drivers[0].publish(sent[-1], math.inf)
    await coming.stop()
    await drivers[1].close()
    sent += [messages(200) for _ in range(3)]
    for batch in sent[-3:]:
        await drivers[2].publish(batch, math.inf)
    counts = await until_counts(drivers[0], waiting=0, in_work=0, done=sum(map(len, sent)))
    await steady.stop()
    assert counts.lost == 0
    assert set(steady.ended + coming.ended) == {one.id for batch in sent for one in batch}


async def test_a_settlement_after_the_partition_has_gone_is_without_effect(opened):
    slow, other = await opened(partitions=1), await opened(partitions=1)
    [reference] = await slow.publish(messages(1), math.inf)
    [late] = await take(slow, 1)
    slow._poller.holdings.end(slow._poller.holdings.assignments())  # as the consumer tells when the group went on
    for ending in Ending:
        assert list(await slow.settle([Settlement(late, ending)])) == [False]
    await slow.close()
    [again] = await take(other, 1)
    assert again.message.id == late.message.id
    assert (await other.find(reference)).state is State.IN_WORK
    counts = await until_counts(other, in_work=1, waiting=0, done=0)
    assert (counts.retrying, counts.dead, counts.lost) == (0, 0, 0)


WORKER = """
import asyncio, sys
from forebay.queue.opening import open_driver

async def main():
    driver = await open_driver(sys.argv[1])
    taken = []
    while len(taken) < 5:
        taken += await driver.receive(5 - len(taken), 1.0)
    print("taken", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_what_a_killed_worker_held_goes_to_another_within_its_lease(opened, kafka):
    driver = await opened(partitions=1)
    sent = messages(5)
    await driver.publish(sent, math.inf)
    url = f"{kafka.url}/{opened.topic}?lease=1s"
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, url, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        assert await victim.stdout.readline() == b"taken\n"
    victim.send_signal(signal.SIGKILL)
    await victim.wait()
    taken = await take(driver, 5)
    assert Counter(one.message.id for one in taken) == Counter(one.id for one in sent)


async def attempts_after(opened, end, times: int) -> list[list[int]]:
    """Let so many owners of a partition take three messages and come to an end; return the attempts that they saw."""
    await (await opened(partitions=1)).publish(messages(3), math.inf)
    seen = []
    for _ in range(times):
        owner = await opened()
        seen.append([one.attempt for one in await take(owner, 3)])
        await end(owner)
    return seen


async def test_what_was_in_hand_at_the_second_death_and_at_each_further_one_has_one_attempt_less(opened):
    assert await attempts_after(opened, leave_without_a_word, 4) == [[1] * 3, [1] * 3, [2] * 3, [3] * 3]


async def test_an_end_in_good_order_is_no_attempt(opened):
    assert await attempts_after(opened, lambda owner: owner.close(), 4) == [[1] * 3] * 4


async def test_an_end_in_good_order_keeps_what_was_counted_before(opened):
    dies, closes = leave_without_a_word, lambda owner: owner.close()
    ends = iter([dies, dies, closes, dies, closes])
    assert await attempts_after(opened, lambda owner: next(ends)(owner), 5) == [
        [1] * 3,
        [1] * 3,
        [2] * 3,
        [2] * 3,
        [3] * 3,
    ]


async def test_what_was_fetched_and_not_taken_or_given_back_at_a_death_has_lost_no_attempt(opened):
    await (await opened(partitions=1)).publish(messages(3), math.inf)
    for _ in range(3):
        victim = await opened()
        first, second = await take(victim, 2)
        assert (first.attempt, second.attempt) == (1, 1)
        await victim.settle([Settlement(one, Ending.RELEASE) for one in (first, second)])
        await leave_without_a_word(victim)


async def test_a_receive_that_is_cancelled_has_begun_nothing(opened):
    intake = await opened(partitions=1)
    await intake.publish(messages(1), math.inf)
    for _ in range(2):
        victim = await opened()
        [only] = await take(victim, 1)
        await leave_without_a_word(victim)
    for _ in range(3):
        careful = await opened()
        asking = asyncio.create_task(careful.receive(5, 10.0))
        while careful._poller is None or not careful._poller.holdings._untaken:
            if asking.done():
                break
            await asyncio.sleep(0)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await careful.settle([Settlement(one, Ending.RELEASE) for one in await asking])
        await leave_without_a_word(careful)
    [only] = await take(intake, 1)
    assert only.attempt == 2


async def test_a_message_that_waits_for_its_retry_loses_no_attempt_when_workers_die(opened):
    clock = ManualClock()
    driver = await opened(partitions=1, clock=clock)
    await driver.publish(messages(1), math.inf)
    [first] = await take(driver, 1)
    await driver.settle([Settlement(first, Ending.RETRY, 60.0)])
    await driver.close()
    for _ in range(3):
        victim = await opened(clock=clock)
        async with asyncio.timeout(60):
            while not (await victim.receive(1, 0.01) or (victim._poller and victim._poller.holdings.next_due)):
                pass
        await leave_without_a_word(victim)
    clock.advance(61.0)
    [second] = await take(await opened(clock=clock), 1)
    assert second.attempt == 2


async def test_a_member_that_comes_and_goes_in_good_order_costs_no_attempt(opened):
    steady = await opened(partitions=1)
    await steady.publish(messages(40), math.inf)
    seen = await take(steady, 3)
    for _ in range(2):
        coming = await opened()
        async with asyncio.timeout(60):
            while coming._poller is None or not coming._poller.holdings.assignments():
                seen += await coming.receive(5, 0.1)
        await steady.close()
        seen += await take(coming, 5)
        steady = coming
    assert {one.attempt for one in seen} == {1}


async def test_a_broker_that_restarts_while_messages_are_handed_out_with_care_loses_none(opened, own_server):
    broker = own_server(Broker)
    intake = await opened(broker, partitions=1, lease="2s")
    sent = messages(400)
    await intake.publish(sent, math.inf)
    for _ in range(2):
        victim = await opened(broker, lease="2s")
        await take(victim, 5)
        await leave_without_a_word(victim)
    worker = Worker(await opened(broker, lease="2s"))
    async with asyncio.timeout(60):
        while not worker.ended:
            await asyncio.sleep(0.01)
    await asyncio.to_thread(broker.kill)
    await asyncio.to_thread(broker.restart)
    await worker.until_ended(one.id for one in sent)
    await worker.stop()
    assert (await until_counts(intake, done=400, waiting=0)).lost == 0


async def test_a_letter_that_died_twice_is_one_accepted_message(opened):
    driver = await opened(partitions=1)
    [sent] = messages(1, key="k")
    await driver.publish([sent], math.inf)
    for _ in range(2):
        [delivery] = await take(driver, 1)
        assert delivery.message.key == "k"
        await driver.settle([Settlement(delivery, Ending.DEAD)])
        await until_counts(driver, accepted=1, dead=1, done=0)
        assert await driver.return_dead([sent.id]) == 1
    await driver.settle([Settlement(delivery) for delivery in await take(driver, 1)])
    counts = await until_counts(driver, accepted=1, done=1, dead=0, waiting=0)
    assert counts.lost == 0


async def test_one_who_only_publishes_finds_what_others_retry(opened):
    publisher, worker = await opened(), await opened()
    [reference] = await publisher.publish(messages(1), math.inf)
    assert (await publisher.find(reference)).state is State.WAITING
    [delivery] = await take(worker, 1)
    await worker.settle([Settlement(delivery, Ending.RETRY, 60.0)])
    async with asyncio.timeout(30):  # the worker commits a moment later
        while (await publisher.find(reference)).state is not State.RETRYING:
            await asyncio.sleep(0.02)
    assert (await publisher.find(reference)).attempts == 1


async def test_a_group_without_members_can_be_purged_from_outside(opened):
    driver = await opened()
    await driver.publish(messages(7), math.inf)
    assert await driver.purge() == 7
    counts = await until_counts(driver, accepted=7, waiting=0, discarded=7, done=0)
    assert counts.lost == 0


async def test_who_joins_its_group_just_now_can_purge_it(opened):
    driver = await opened()
    await driver.publish(messages(3), math.inf)
    taken = await driver.receive(1, 0.0)  # which begins to join, and does not wait for it
    assert await driver.purge() == 3 - len(taken)


async def test_a_topic_that_others_consume_cannot_be_purged(opened):
    outside, worker = await opened(), await opened()
    await outside.publish(messages(3), math.inf)
    await take(worker, 3)
    with pytest.raises(Unsupported):
        await outside.purge()


async def test_a_message_too_large_for_kafka_is_refused_and_its_neighbours_are_accepted(opened):
    driver = await opened()
    small, large, other = messages(3)
    answers = await driver.publish([small, large.replace(body=b"x" * 9_000_000), other], math.inf)
    assert isinstance(answers[1], UsageError)
    assert isinstance(answers[0], str)
    assert isinstance(answers[2], str)


async def test_a_single_broker_promises_no_more_than_its_page_cache(opened):
    assert (await opened()).durability is Durability.OS


async def test_a_broker_that_is_not_there_is_unavailable(monkeypatch):
    monkeypatch.setattr(surveyor, "OPEN_SECONDS", 0.3)
    port = free_port()
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port} cannot be reached") as refused:
        await driver_of_kafka.connect(parse(f"kafka://me:secret@127.0.0.1:{port}/orders"))
    assert "secret" not in str(refused.value)


async def test_a_poller_that_fails_is_followed_by_another_and_nothing_is_lost(opened):
    driver = await opened(partitions=1)
    sent = messages(3)
    await driver.publish(sent, math.inf)
    (first,) = await take(driver, 1)
    failed = driver._poller

    def fail(now):
        raise KeyError("a bug")

    failed.holdings.wake_due = fail
    async with asyncio.timeout(60):
        while driver._poller is failed:
            with contextlib.suppress(Unavailable):
                await driver.receive(1, 0.05)
    assert await driver.settle([Settlement(first)]) == [False]
    deliveries = [first]
    while {one.message.id for one in deliveries[1:]} != {one.id for one in sent}:
        deliveries += await take(driver, 1)
    assert all(await driver.settle([Settlement(one) for one in deliveries[1:]]))
    counts = await until_counts(driver, done=3)
    assert counts.unfinished == 0


async def test_a_topic_of_others_that_drops_what_waits_is_warned_of_and_one_of_ours_is_not(opened, kafka, caplog):
    await opened()
    assert not [record for record in caplog.records if record.name == "forebay.queue.kafka"]
    name = f"theirs{new_id()}"
    client = admin.AdminClient({"bootstrap.servers": f"127.0.0.1:{kafka.port}"})
    theirs = admin.NewTopic(name, num_partitions=1, replication_factor=1, config={"retention.ms": "60000"})
    await asyncio.to_thread(client.create_topics([theirs])[name].result, 20)
    driver = await driver_of_kafka.connect(parse(f"{kafka.url}/{name}"))
    await driver.close()
    (told,) = [record.getMessage() for record in caplog.records if record.name == "forebay.queue.kafka"]
    assert told == f"the topic {name} may drop what waits: retention.ms=60000, not -1"
