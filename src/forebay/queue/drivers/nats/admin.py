"""The operator's side of NATS: topics, their lags, and what is set unsafely."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from forebay.clock import SYSTEM_CLOCK
from forebay.durability import Durability
from forebay.errors import Unavailable
from forebay.queue.admin import (
    Examination,
    Finding,
    Lag,
    TopicInfo,
    check_new,
    check_removable,
    lag_of,
    no_topic,
    worst_first,
)
from forebay.queue.drivers.nats.address import Address, Names, read_address
from forebay.queue.drivers.nats.api import Api, ApiError, Json
from forebay.queue.drivers.nats.durability import proved, varz
from forebay.queue.drivers.nats.examination import lacking, of_consumer, of_server, of_streams
from forebay.queue.drivers.nats.ledger import Ledger
from forebay.queue.drivers.nats.letters import Letters
from forebay.queue.drivers.nats.notes import StreamNotes, Tally
from forebay.queue.drivers.nats.structures import SECOND, TOPIC, Structures, version_of, ways_of
from forebay.queue.drivers.nats.wire import Wire
from forebay.queue.options import NAME
from forebay.url import URL

T = TypeVar("T")


class NATSAdmin:
    """What an operator asks of a NATS server; opened by :func:`administer`.

    Arguments:
        wire: the connection; closed with it.
        address: of the server.
    """

    def __init__(self, wire: Wire, address: Address) -> None:
        self._wire = wire
        self._api = Api(wire)
        self._address = address

    async def topics(self) -> Sequence[TopicInfo]:
        """Return all topics of forebay, by name."""
        return await self._do(self._topics)

    async def _topics(self) -> list[TopicInfo]:
        streams = [one for one in await self._streams() if one["config"].get("description") == TOPIC]
        return [await self._topic(one) for one in sorted(streams, key=lambda one: str(one["config"]["name"]))]

    async def create(self, name: str) -> TopicInfo:
        """Make a topic, its own group and the one that the URL names."""
        check_new(name, exists=False)
        return await self._do(lambda: self._create(name))

    async def _create(self, name: str) -> TopicInfo:
        check_new(name, exists=await self._api.info(f"STREAM.INFO.{name}") is not None)
        address = read_address(self._address.url.with_options(topic=name))
        structures = Structures(self._api, address, version_of(str(self._wire.info.get("version", ""))))
        await structures.make()
        return await self._topic(structures.stream)

    async def remove(self, name: str, group: str | None = None) -> None:
        """Remove a topic with all that it holds, or one of its groups."""
        await self._do(lambda: self._remove(name) if group is None else self._remove_group(name, group))

    async def _remove(self, name: str) -> None:
        await self._stream_of(name)
        names = Names(name)
        for stream in (names.topic, names.later, names.notes, names.dead):
            if await self._api.info(f"STREAM.INFO.{stream}") is not None:
                await self._api.ask(f"STREAM.DELETE.{stream}")

    async def _remove_group(self, name: str, group: str) -> None:
        await self._stream_of(name)
        check_removable(name, group, await self._groups(name))
        names = Names(name)
        for way in ways_of(names, group):
            await self._api.ask(f"CONSUMER.DELETE.{way.stream}.{way.consumer}")
        for stream in (names.notes, names.dead):
            await self._api.ask(f"STREAM.PURGE.{stream}", {"filter": f"{stream}.{group}.*"})

    async def lags(self, name: str) -> Sequence[Lag]:
        """Return how far each group of a topic is behind."""
        return await self._do(lambda: self._lags(name))

    async def _lags(self, name: str) -> list[Lag]:
        await self._stream_of(name)
        return [await self._lag(Names(name), group) for group in await self._groups(name)]

    async def _lag(self, names: Names, group: str) -> Lag:
        notes = StreamNotes(self._wire, self._api, names, group)
        reissued = Tally(self._wire, self._api, names, "_all", "reissued")
        discarded = Tally(self._wire, self._api, names, group, "discarded")
        letters = Letters(self._wire, self._api, names, group, reissued, discarded)
        ways = ways_of(names, group)
        ledger = Ledger(self._api, names, ways, notes, letters, reissued, discarded, SYSTEM_CLOCK)
        counts = await ledger.counts()
        return lag_of(group, counts)

    async def examine(self, name: str = "") -> Examination:
        """Look for settings of the server, and of one topic or all, that lose messages."""
        return await self._do(lambda: self._examine(name))

    async def _examine(self, name: str) -> Examination:
        names = [name] if name else [info.name for info in await self._topics()]
        told = await asyncio.to_thread(varz, self._address.monitor) if self._address.monitor else None
        account = await self._api.ask("INFO")
        findings: list[Finding] = list(of_server(self._wire.info, told, account))
        classes = []
        for topic in names:
            stream = await self._stream_of(topic)
            classes.append(await proved(stream, self._wire.info, self._address.monitor))
            findings += await self._of_topic(stream)
        if not classes:
            classes = [await proved({"config": {"storage": "file"}}, self._wire.info, self._address.monitor)]
        durability, proof = min(classes, key=lambda one: list(Durability).index(one[0]))
        return Examination(
            product="NATS JetStream",
            version=str(self._wire.info.get("version", "")),
            durability=durability,
            proof=proof,
            findings=worst_first(findings),
        )

    async def _of_topic(self, stream: Json) -> list[Finding]:
        names = Names(stream["config"]["name"])
        beside = [await self._api.info(f"STREAM.INFO.{one}") for one in (names.later, names.notes, names.dead)]
        findings = list(of_streams(stream, [one for one in beside if one is not None]))
        consumers = await self._api.consumers(names.topic) + await self._api.consumers(names.later)
        known = {consumer["name"] for consumer in consumers}
        for group in await self._groups(names.topic):
            findings += [lacking(way) for way in ways_of(names, group) if way.consumer not in known]
        for consumer in consumers:
            findings += list(of_consumer(consumer)) if consumer["config"].get("durable_name") else []
        return findings

    async def close(self) -> None:
        """Let go of the server."""
        await self._wire.close()

    async def _streams(self) -> list[Json]:
        streams: list[Json] = []
        while answer := await self._api.info("STREAM.LIST", {"offset": len(streams)}):
            streams += answer.get("streams") or []
            if not answer.get("streams") or len(streams) >= answer["total"]:
                break
        return streams

    async def _stream_of(self, name: str) -> Json:
        stream = await self._api.info(f"STREAM.INFO.{name}") if NAME.fullmatch(name) else None
        if stream is None:
            raise no_topic(name)
        return stream

    async def _groups(self, name: str) -> list[str]:
        durable = [one["config"].get("durable_name") or "" for one in await self._api.consumers(name)]
        return sorted(one for one in durable if one and not one.startswith("_"))

    async def _topic(self, stream: Json) -> TopicInfo:
        config, state = stream["config"], stream["state"]
        later = await self._api.info(f"STREAM.INFO.{Names(config['name']).later}")
        delayed = later["state"] if later is not None else {"messages": 0, "bytes": 0}
        return TopicInfo(
            name=config["name"],
            groups=await self._groups(config["name"]),
            replication=int(config.get("num_replicas") or 1),
            retention_seconds=config["max_age"] / SECOND if config.get("max_age") else None,
            retention_bytes=config["max_bytes"] if config.get("max_bytes", -1) > 0 else None,
            largest=config["max_msg_size"] if config.get("max_msg_size", -1) > 0 else None,
            limit=config["max_msgs"] if config.get("max_msgs", -1) > 0 else None,
            messages=state["messages"] + delayed["messages"],
            bytes=state["bytes"] + delayed["bytes"],
        )

    async def _do(self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await call()
        except ApiError as error:
            raise Unavailable(f"NATS: {error}") from error


async def administer(url: URL) -> NATSAdmin:
    """Open the operator's side of a NATS server; the URL need not name a topic.

    Raises:
        UsageError: the URL is wrong. Unavailable: the server cannot be reached.
    """
    address = read_address(url)
    wire = Wire(address)
    await wire.open()
    return NATSAdmin(wire, address)
