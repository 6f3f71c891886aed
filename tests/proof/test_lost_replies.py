"""A broker does what it was asked, and nobody hears of it: no loss, and where the driver says so, no double either."""

import asyncio
import time
from collections import Counter

import pytest

from forebay.errors import ForebayError, Unavailable
from forebay.lab.toxics import LostReply, Stream, Timeout
from forebay.message import Message, new_id
from forebay.queue.driver import Ending, Settlement
from forebay.queue.opening import open_driver, open_topic

ANYTHING = b"."
ROUNDS = 5
BATCH = 40
PATIENCE = 60.0
LONG = 60


@pytest.fixture
async def proxy(broker):
    async with broker.proxy() as proxy:
        yield proxy


def messages(count=BATCH):
    return [Message(new_id(), b'{"of": "the proof"}', accepted_at=time.time()) for _ in range(count)]


async def until_heard(call):
    """Say it again until the broker has answered, as the portable types do."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await call()
            except ForebayError:
                await asyncio.sleep(0.1)


async def drained(driver):
    """Work off all that there is; return how often each message was delivered."""
    delivered = Counter()
    async with asyncio.timeout(PATIENCE):
        while True:
            deliveries = await until_heard(lambda: driver.receive(100, 0.5))
            delivered.update(delivery.message.id for delivery in deliveries)
            if deliveries:
                ended = [Settlement(delivery) for delivery in deliveries]
                await until_heard(lambda ended=ended: driver.settle(ended))
            elif not (await until_heard(driver.counts)).unfinished:
                return delivered


async def heard_of(topic, batch):
    answers = await asyncio.gather(*(topic.publish(message) for message in batch), return_exceptions=True)
    return dict(zip((message.id for message in batch), answers, strict=True))


async def test_of_a_publish_it_is_there_once_for_a_client_that_tries_again(broker, proxy, capsys):
    url = broker.topic(lease=LONG)  # an ended one would be a second delivery as well
    topic = await open_topic(broker.through(proxy, url))
    direct = await open_driver(url)
    accepted, denied, lost = set(), set(), 0
    for _ in range(ROUNDS):
        batch = messages()
        with proxy.spoiled(LostReply(ANYTHING)) as toxic:
            answers = await heard_of(topic, batch)
            async with asyncio.timeout(PATIENCE):
                await toxic.happened.wait()
        lost += toxic.lost
        accepted |= {id for id, answer in answers.items() if isinstance(answer, str)}
        denied |= {id for id, answer in answers.items() if isinstance(answer, Unavailable)}
        unheard = [message for message in batch if not isinstance(answers[message.id], (str, Unavailable))]
        async with asyncio.timeout(PATIENCE):
            while unheard:
                answers = await heard_of(topic, unheard)
                accepted |= {id for id, answer in answers.items() if isinstance(answer, str)}
                unheard = [message for message in unheard if message.id not in accepted]
    await topic.close()
    found = await drained(direct)
    await direct.close()
    doubles = found.total() - len(found)
    with capsys.disabled():
        print(f"\n{broker.name}: {lost} replies lost, {len(accepted)} accepted, {doubles} twice")
    assert lost == ROUNDS
    assert accepted - set(found) == set()
    assert set(found) - accepted == set()
    assert denied & set(found) == set()  # what was certainly not accepted is not there
    assert doubles == 0 or not direct.features.deduplicates


async def test_of_a_settlement_the_work_is_over_and_nothing_is_lost(broker, proxy, capsys):
    url = broker.topic()
    topic = await open_topic(url)
    batch = messages(ROUNDS * BATCH)
    answers = await heard_of(topic, batch)
    assert all(isinstance(answer, str) for answer in answers.values())
    worker = await open_driver(broker.through(proxy, url))
    delivered, lost = Counter(), 0
    async with asyncio.timeout(PATIENCE):
        while len(delivered) < len(batch) or (await topic.counts()).unfinished:  # which may not know what others have
            deliveries = await until_heard(lambda: worker.receive(BATCH, 0.5))
            delivered.update(delivery.message.id for delivery in deliveries)
            endings = [Settlement(delivery, Ending.DONE) for delivery in deliveries]
            if not endings:
                continue
            with proxy.spoiled(LostReply(ANYTHING, times=int(lost < ROUNDS))) as toxic:
                await until_heard(lambda endings=endings: worker.settle(endings))
                if lost < ROUNDS:
                    await toxic.happened.wait()  # some tell it to the broker later, with others
            lost += toxic.lost
    await worker.close()
    if not worker.features.totals:  # what it could not say at its end comes again, and was in no count meanwhile
        another = await open_driver(url)
        delivered += await drained(another)
        await another.close()
    counts = await topic.counts()
    await topic.close()
    with capsys.disabled():
        print(f"\n{broker.name}: {lost} replies lost, {delivered.total() - len(delivered)} delivered twice")
    assert set(delivered) == {message.id for message in batch}
    assert (counts.unfinished, counts.dead) == (0, 0)
    assert lost


async def test_replies_that_come_too_late_leave_nobody_waiting(broker, proxy):
    """One direction is cut: requests arrive, replies do not; when the cut is healed everything is as it should be."""
    url = broker.topic(lease=LONG)
    topic = await open_topic(broker.through(proxy, url), deadline=3.0)
    batch = messages()
    for message in batch[:10]:
        await until_accepted(topic, message)
    with proxy.spoiled(Timeout(), Stream.DOWNSTREAM):
        async with asyncio.timeout(10):
            during = await heard_of(topic, batch[10:20])
    await until_accepted(topic, batch[20])
    await topic.close()
    direct = await open_driver(url)
    found = await drained(direct)
    await direct.close()
    assert not any(isinstance(answer, str) for answer in during.values())
    assert {message.id for message in [*batch[:10], batch[20]]} <= set(found)
    assert {id for id, answer in during.items() if isinstance(answer, Unavailable)} & set(found) == set()


async def until_accepted(topic, message):
    await until_heard(lambda: topic.publish(message))
