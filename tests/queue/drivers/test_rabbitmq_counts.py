"""What RabbitMQ counts and what this process counts come together: nothing is missed between the two."""

from __future__ import annotations

import asyncio
import math

import pytest
from pamqp import commands
from pamqp import frame as pamqp_frame

from driving import messages, until_counts
from forebay.queue.driver import Settlement
from rabbitmq_drivers import Broker


@pytest.fixture
async def broker(rabbitmq):
    async with Broker(rabbitmq) as broker:
        yield broker


def come_late(channel):
    """Let all that the broker sends over a channel lie until it has answered a question over it, and then come."""
    hear, late = channel.hear, []

    def hear_later(kind, payload, whole):
        late.append((kind, payload, whole))
        if payload[:4] == pamqp_frame.marshal(commands.Channel.FlowOk(active=True), 1)[7:11]:
            channel.hear = hear
            for one in late:
                hear(*one)

    channel.hear = hear_later
    return late


@pytest.mark.parametrize("order", ["none", "key"])
async def test_a_message_on_its_way_to_a_worker_is_counted(broker, order):
    publisher, worker = await broker.open(order=order), await broker.open(order=order)
    receiving = asyncio.create_task(worker.receive(1, 60.0))
    async with asyncio.timeout(30):
        while not (channels := [one for one in worker._consuming._channels.values() if one._consumers]):
            await asyncio.sleep(0.01)
        await worker._consuming.caught_up()  # the broker knows that this one listens
    late = come_late(channels[0])
    await publisher.publish(messages(1, key="k"), math.inf)
    async with asyncio.timeout(30):
        while not late:  # from here on the broker has it no more, and its worker does not have it yet
            await asyncio.sleep(0.01)
    counts = await worker.counts()
    assert (counts.accepted, counts.unfinished) == (1, 1)
    await worker.settle([Settlement(one) for one in await receiving])
    await until_counts(worker, accepted=1, done=1)
