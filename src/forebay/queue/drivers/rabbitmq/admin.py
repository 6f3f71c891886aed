"""What an operator asks of RabbitMQ: names come from its HTTP API, counts from AMQP, which is never late."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from pamqp import commands

from forebay.errors import Missing, Unavailable
from forebay.queue.admin import Examination, Lag, TopicInfo, check_new, check_removable, no_topic, worst_first
from forebay.queue.drivers.rabbitmq import topology
from forebay.queue.drivers.rabbitmq.address import OPTIONS, account_of, address_of, management_of, queue_of
from forebay.queue.drivers.rabbitmq.channel import Channel
from forebay.queue.drivers.rabbitmq.connection import Account
from forebay.queue.drivers.rabbitmq.examination import durability_of, findings_of_broker, findings_of_queue, not_seen
from forebay.queue.drivers.rabbitmq.link import Link, answered
from forebay.queue.drivers.rabbitmq.management import Exchange, Flag, Management, Queue
from forebay.queue.options import DEFAULT_LEASE
from forebay.url import URL


async def administer(url: URL) -> RabbitMQAdmin:
    """Open the operator's side of a broker; the URL need not name a topic.

    Raises:
        UsageError: the URL is wrong, or the broker refuses the user. Unavailable: it cannot be reached.
    """
    url.check_options(OPTIONS)
    account = account_of(url, DEFAULT_LEASE)
    admin = RabbitMQAdmin(url, account, Management(management_of(url), account))
    try:
        await admin.open()
    except BaseException:
        await admin.close()
        raise
    return admin


class RabbitMQAdmin:
    """The operator's side of one virtual host; made by :func:`administer`."""

    def __init__(self, url: URL, account: Account, management: Management) -> None:
        self._url = url
        self._link = Link(account, "forebay administers")
        self._management = management

    async def open(self) -> None:
        """Reach the broker."""
        await self._link.channel("ask")

    async def topics(self) -> Sequence[TopicInfo]:
        """Return all topics, by name."""
        queues = {queue.name: queue for queue in await self._management.queues()}
        exchanges = [one for one in await self._management.exchanges() if f"{one.name}.later" in queues]
        found = []
        for one in sorted(exchanges, key=lambda one: one.name):
            with contextlib.suppress(Missing):  # removed while we looked: the API may be a moment late
                async with self._link.asking() as channel:
                    found.append(await self._info(channel, one, _of_topic(one.name, queues.values())))
        return found

    async def _info(self, channel: Channel, exchange: Exchange, queues: Sequence[Queue]) -> TopicInfo:
        holding = [queue for queue in queues if not queue.name.endswith((".dead", ".retry", ".later", ".lock"))]
        _, discipline = topology.KINDS.get(exchange.type, (None, "fifo"))
        limits = [limit for queue in holding if isinstance(limit := queue.setting("max-length"), int)]
        return TopicInfo(
            name=exchange.name,
            groups=_groups(exchange.name, queues),
            discipline=str(discipline),
            replication=min((len(queue.members) for queue in holding if queue.type == "quorum"), default=1) or 1,
            limit=min(limits, default=None),
            messages=sum([(await topology.seen(channel, queue.name))[0] for queue in holding]),
            bytes=sum(queue.bytes for queue in holding),
        )

    async def create(self, name: str) -> TopicInfo:
        """Make a topic, with what the URL's options ask."""
        check_new(name, exists=False)  # not every name may be asked for
        check_new(name, exists=await self._exists(name))
        group = self._url.options.get("group", name)
        address = address_of(self._url.with_options(topic=name, group=group))
        await topology.declare(self._link, address)
        try:
            [info] = [info for info in await self.topics() if info.name == name]
        except (Unavailable, ValueError):
            return TopicInfo(name=name, groups=sorted({name, group}), discipline=address.asked.discipline or "fifo")
        return info

    async def _exists(self, name: str) -> bool:
        try:
            async with self._link.asking() as channel:
                await answered(channel.ask(commands.Exchange.Declare(exchange=name, passive=True)))
                await topology.seen(channel, f"{name}.later")
        except Missing:
            return False
        return True

    async def remove(self, name: str, group: str | None = None) -> None:
        """Remove a topic with all that it holds, or one of its groups."""
        queues = await self._queues_of(name)
        if group is not None:
            check_removable(name, group, _groups(name, queues))
            queue = queue_of(name, group)
            queues = [one for one in queues if one.name == queue or one.name.startswith(f"{queue}.")]
        async with self._link.asking() as channel:
            if group is None:
                await answered(channel.ask(commands.Exchange.Delete(exchange=name)))  # first: nobody gets half of it
            for one in queues:
                await answered(channel.ask(commands.Queue.Delete(queue=one.name)))

    async def _queues_of(self, name: str) -> Sequence[Queue]:
        if not await self._exists(name):
            raise no_topic(name)
        return _of_topic(name, await self._management.queues())

    async def lags(self, name: str) -> Sequence[Lag]:
        """Return how far each group of a topic is behind."""
        queues = await self._queues_of(name)
        async with self._link.asking() as channel:
            later = await _ready(channel, [q for q in queues if q.name.startswith(f"{name}.later.")])
            return [await self._lag(channel, name, group, queues, later) for group in _groups(name, queues)]

    async def _lag(self, channel: Channel, name: str, group: str, queues: Sequence[Queue], later: int) -> Lag:
        queue = queue_of(name, group)
        retries = [one for one in queues if one.name.startswith(f"{queue}.retry.")]
        return Lag(
            group=group,
            waiting=(await topology.seen(channel, queue))[0],
            in_work=sum(one.unacknowledged for one in queues if one.name == queue),
            retrying=later + await _ready(channel, retries),
        )

    async def examine(self, name: str = "") -> Examination:
        """Look for settings that lose messages: of the broker, and of one topic or of all."""
        try:
            queues = await self._examined(name)
            nodes = await self._management.nodes()
        except Unavailable as error:
            return await self._proved_by_opening(name, error)
        found = findings_of_broker(nodes, await self._flags())
        for queue in queues:
            found += findings_of_queue(queue, len(nodes))
        return Examination(
            product="RabbitMQ",
            version=self._link.version,
            durability=durability_of(queues),
            proof="the types of the queues; a quorum queue writes its log through to the disk before it confirms",
            findings=worst_first(found),
        )

    async def _flags(self) -> Sequence[Flag] | None:
        try:
            return await self._management.flags()
        except Unavailable:
            return None

    async def _examined(self, name: str) -> Sequence[Queue]:
        if name:
            return await self._queues_of(name)
        queues = await self._management.queues()
        names = {queue.name.removesuffix(".later") for queue in queues if queue.name.endswith(".later")}
        return [queue for topic in sorted(names) for queue in _of_topic(topic, queues)]

    async def _proved_by_opening(self, name: str, reason: Unavailable) -> Examination:
        """Prove what can be proved without the HTTP API: a topic opens only if its queues are as forebay makes them.

        Its own group is opened, which is there: another one would be made by looking at it.
        """
        durability, proof = durability_of([]), "what forebay would make; no topic was looked at"
        if name:
            address = address_of(self._url.with_options(topic=name, group=name))
            durability = (await topology.declare(self._link, address, as_made=True)).durability
            proof = "its queues could be declared again with their types and arguments"
        return Examination(
            product="RabbitMQ",
            version=self._link.version,
            durability=durability,
            proof=proof,
            findings=[not_seen(reason), *findings_of_broker([], [])],
        )

    async def close(self) -> None:
        """Let go of the broker."""
        await self._link.close()


def _of_topic(name: str, queues: Iterable[Queue]) -> list[Queue]:
    """Return the queues of a topic: its groups', their dead letters, and what waits for its time."""
    return [queue for queue in queues if queue.name == name or queue.name.startswith((f"{name}.", f"{name}:"))]


def _groups(name: str, queues: Iterable[Queue]) -> list[str]:
    """Return the durable groups of a topic."""
    others = (queue.name.removeprefix(f"{name}:") for queue in queues if queue.name.startswith(f"{name}:"))
    return sorted({name, *(other for other in others if "." not in other)})


async def _ready(channel: Channel, queues: Iterable[Queue]) -> int:
    return sum([(await topology.seen(channel, queue.name))[0] for queue in queues])
