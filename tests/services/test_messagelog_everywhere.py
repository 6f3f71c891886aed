"""The message log over every broker and every store: the broker's own position is told, to savers and in the list."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from asking import ask
from everywhere import BROKERS, PATIENT, SERVERS, STORES
from forebay.running import settings_of
from forebay.services.messagelog.app import messagelog
from forebay.serving import serving

JSON = {"accept": "application/json"}
TEXTS = ["Hello", "Привет", "<b>"]


@pytest.fixture
async def replicas():
    """Serve replicas of the message log until the test ends; each with a queue and a store."""
    async with AsyncExitStack() as stack:

        async def serve(queue, store, **more):
            settings = settings_of({"queue": queue, "store": store, **PATIENT, **more})
            running, server = await stack.enter_async_context(serving(messagelog(), settings))
            running.port = server.port
            return running

        yield serve


async def save(running, text, **headers):
    headers["content_type"] = "application/x-www-form-urlencoded"
    heard = await ask(running.port, "/save", f"q={text}".encode(), **headers)
    assert heard.status == 200, heard.body
    return heard


async def listed(running):
    heard = await ask(running.port, "/retrieve", **JSON)
    assert heard.status == 200, heard.body
    return heard.json["messages"]


async def until_listed(running, count):
    """Wait until a replica lists so many messages: it may get some that others would have had."""
    async with asyncio.timeout(30):
        while len(messages := await listed(running)) < count:
            await asyncio.sleep(0.02)
    return messages


def position(message):
    return {name: message[name] for name in ("partition", "offset", "sequence") if name in message}


@pytest.mark.parametrize("broker", BROKERS)
async def test_what_the_saver_is_told_stands_in_the_list(broker, queue_of, store_of, replicas):
    running = await replicas(queue_of(broker), store_of("sqlite"))
    told = {}
    for text in TEXTS:
        told[text] = (await save(running, text, **JSON)).json
    messages = await until_listed(running, len(TEXTS))
    assert {one["text"]: {"id": one["id"], **position(one)} for one in messages} == told
    expected = {"kafka": {"partition", "offset"}, "nats": {"sequence"}}.get(broker, set())
    assert [set(position(one)) for one in messages] == [expected] * len(TEXTS)


@pytest.mark.server
async def test_kafka_tells_partition_and_offset_as_the_lecture_does(queue_of, store_of, replicas):
    running = await replicas(queue_of("kafka", partitions=1), store_of("memory"))
    for offset in range(3):
        heard = await save(running, "a")
        assert heard.body == f"Message was saved to partition 0.\nMessage offset is {offset}.\n".encode()


@pytest.mark.server
async def test_nats_tells_the_sequence_in_its_stream(queue_of, store_of, replicas):
    running = await replicas(queue_of("nats"), store_of("memory"))
    for sequence in (1, 2):
        heard = await save(running, "a")
        assert heard.body == f"Message was saved to the stream.\nMessage sequence is {sequence}.\n".encode()


@pytest.mark.parametrize("store", STORES)
async def test_every_store_keeps_and_bounds_the_list(store, queue_of, store_of, replicas):
    running = await replicas(queue_of("memory"), store_of(store))
    for text in TEXTS:
        await save(running, text)
        await running.drained(20)
    assert [one["text"] for one in await listed(running)] == TEXTS
    times = [one["accepted_at"] for one in await listed(running)]
    assert times == sorted(times)


@pytest.mark.parametrize("broker", [one for one in BROKERS if one != "memory"])
async def test_with_a_group_each_every_replica_lists_everything(broker, queue_of, store_of, replicas):
    each = queue_of(broker, group="each")
    one, other = await replicas(each, store_of("sqlite")), await replicas(each, store_of("sqlite"))
    for number in range(6):
        await save((one, other)[number % 2], f"{number}")
    for replica in (one, other):
        assert sorted(message["text"] for message in await until_listed(replica, 6)) == list("012345")


@pytest.mark.parametrize("broker", ["sqlite", *(pytest.param(name, marks=SERVERS) for name in ("redis", "kafka"))])
async def test_in_one_group_replicas_share_and_a_common_store_has_everything(broker, queue_of, store_of, replicas):
    queue, common = queue_of(broker), store_of("sqlite")
    one, other = await replicas(queue, common), await replicas(queue, common)
    for number in range(6):
        await save((one, other)[number % 2], f"{number}")
    for replica in (one, other):
        assert sorted(message["text"] for message in await until_listed(replica, 6)) == list("012345")


async def test_in_one_group_each_message_is_with_one_replica_where_the_stores_are_their_own(
    queue_of, store_of, replicas
):
    queue = queue_of("sqlite")
    both = [await replicas(queue, store_of("sqlite")), await replicas(queue, store_of("sqlite"))]
    for number in range(10):
        await save(both[number % 2], f"{number}")
    await both[0].drained(20)
    texts = [message["text"] for replica in both for message in await listed(replica)]
    assert sorted(texts) == list("0123456789")
