"""What a topic and a group are made of on the broker: declared, and by declaring proved to be as we need them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from pamqp import commands

from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import UsageError
from forebay.queue.drivers.rabbitmq.address import (
    CLASSIC_PRIORITY,
    EACH_EXPIRES,
    QUORUM,
    Address,
    arguments_of,
    version_of,
)
from forebay.queue.drivers.rabbitmq.channel import Channel
from forebay.queue.drivers.rabbitmq.link import Link, answered, count_of

Kind = tuple[Order, Discipline]

EXCHANGES: Mapping[Kind, str] = {
    (Order.NONE, Discipline.FIFO): "fanout",
    (Order.KEY, Discipline.FIFO): "topic",
    (Order.PARTITION, Discipline.FIFO): "direct",
    (Order.NONE, Discipline.PRIORITY): "headers",
}
"""The type of an exchange says what the topic was made for, and the broker refuses who asks for another; bound as in
`BINDINGS`, all of these types pass every message to every group."""

KINDS: Mapping[str, Kind] = {exchange: kind for kind, exchange in EXCHANGES.items()}
BINDINGS: Mapping[str, str] = {"topic": "#"}

_INEQUIVALENT = "inequivalent arg"  # the broker's words for a thing that is there, and is another
_IS = re.compile(r"current is '(\w+)'")


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """What was found or made.

    Arguments:
        discipline: that of the topic.
        durability: what the types of its queues prove.
    """

    discipline: Discipline
    durability: Durability


async def declare(link: Link, address: Address, *, as_made: bool = False) -> Topology:
    """Make what is missing of a topic and a group, and prove what is there.

    Arguments:
        as_made: the order and the discipline of a topic that is there will do, whatever is asked for.

    Raises:
        UsageError: something of that name is there, and is made for another purpose.
        Unavailable: the broker does not answer.
    """
    asked = address.asked
    kind = await _exchange(link, address, as_made)
    wanted = arguments_of(kind[1], kind[0], version_of(link.version))
    arguments = await _queue(link, address.topic, wanted)
    exchange = EXCHANGES[kind]
    async with link.asking() as channel:
        await _bind(channel, address.topic, address.topic, exchange)
        if asked.ephemeral:
            await _each(channel, address)
        elif not address.own_group:
            await answered(channel.ask(_queue_frame(address.queue, arguments)))
        for name in (address.later,) if asked.ephemeral else (address.later, address.retry, address.dead):
            await answered(channel.ask(_queue_frame(name, QUORUM)))
        if not address.own_group:
            await _bind(channel, address.queue, address.topic, exchange)
    classic = arguments["x-queue-type"] == "classic" or asked.ephemeral
    return Topology(discipline=kind[1], durability=Durability.OS if classic else Durability.FSYNC)


async def message_count(channel: Channel, queue: str, arguments: Mapping[str, Any] = QUORUM) -> int:
    """Return how many messages lie ready in a queue of ours; it is made anew should somebody have deleted it."""
    return count_of(await answered(channel.ask(_queue_frame(queue, arguments))))


async def seen(channel: Channel, queue: str) -> tuple[int, int]:
    """Return how many messages lie ready in a queue, and how many consumers it has.

    Raises:
        Missing: there is no such queue.
    """
    answer = await answered(channel.ask(commands.Queue.Declare(queue=queue, passive=True)))
    return count_of(answer), int(getattr(answer, "consumer_count", None) or 0)


async def _exchange(link: Link, address: Address, as_made: bool) -> Kind:
    """Declare the exchange; return what the topic was made for, which is what is asked for unless all will do."""
    asked = address.asked
    kind = asked.order, asked.discipline or Discipline.FIFO
    try:
        async with link.asking() as channel:
            await answered(channel.ask(exchange_frame(address.topic, EXCHANGES[kind])))
    except UsageError as error:
        if _INEQUIVALENT not in error.what:
            raise
        found = KINDS.get((_IS.findall(error.what) or [""])[0])
        if found is not None and (as_made or (asked.discipline is None and found[0] == asked.order)):
            return found
        raise _made_for_another(address.topic, found, error) from error
    return kind


def _made_for_another(topic: str, found: Kind | None, error: UsageError) -> UsageError:
    if found is None:
        return UsageError(f"the exchange {topic!r} is not one of forebay's: {error.what}", "take another topic")
    order, discipline = found
    return UsageError(
        f"the topic {topic!r} was made with order={order} and discipline={discipline}",
        f"open it with ?order={order}&discipline={discipline}, or remove it and make it anew",
    )


async def _queue(link: Link, name: str, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Declare the queue of a topic's own group; return the arguments that it has."""
    try:
        async with link.asking() as channel:
            await answered(channel.ask(_queue_frame(name, wanted)))
        return wanted
    except UsageError as error:
        if _INEQUIVALENT not in error.what:
            raise
        if wanted is QUORUM:  # on a broker that was older when the topic was made, priorities were of classic queues
            try:
                async with link.asking() as channel:
                    await answered(channel.ask(_queue_frame(name, CLASSIC_PRIORITY)))
                return CLASSIC_PRIORITY
            except UsageError:
                pass
        hint = "take another topic, or move its messages and delete it"
        raise UsageError(f"the queue {name!r} is not as forebay makes it: {error.what}", hint) from error


async def _bind(channel: Channel, queue: str, topic: str, exchange: str) -> None:
    binding = commands.Queue.Bind(queue=queue, exchange=topic, routing_key=BINDINGS.get(exchange, ""))
    await answered(channel.ask(binding))


async def _each(channel: Channel, address: Address) -> None:
    arguments = {"x-queue-type": "classic", "x-expires": EACH_EXPIRES}
    await answered(channel.ask(_queue_frame(address.queue, arguments)))


def exchange_frame(topic: str, exchange: str) -> commands.Exchange.Declare:
    """Return the question that declares the exchange of a topic."""
    return commands.Exchange.Declare(exchange=topic, exchange_type=exchange, durable=True)


def _queue_frame(name: str, arguments: Mapping[str, Any]) -> commands.Queue.Declare:
    return commands.Queue.Declare(queue=name, durable=True, arguments=dict(arguments))
