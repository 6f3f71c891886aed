"""The operator's side of a Redis server: its topics, how far behind their groups are, what is unsafe."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from redis import exceptions

from forebay.errors import Unavailable
from forebay.queue.admin import Examination, Lag, TopicInfo, check_new, check_removable, lag_of, no_topic, worst_first
from forebay.queue.drivers.redis import scripts
from forebay.queue.drivers.redis.address import OPTIONS, read_address
from forebay.queue.drivers.redis.answers import counts_of
from forebay.queue.drivers.redis.examination import examine_server, examine_topic
from forebay.queue.drivers.redis.failures import refusal
from forebay.queue.options import asked_of
from forebay.redisserver.proof import Proof, prove
from forebay.redisserver.wire import Wire
from forebay.url import URL

KEYS_AT_ONCE = 1_000


async def administer(url: URL) -> RedisAdmin:
    """Open the operator's side of a server.

    Raises:
        UsageError: an option is unknown or cannot be read. Unavailable: the server cannot be reached.
    """
    url.check_options(OPTIONS)
    wire = Wire(read_address(url))
    try:
        proof = await prove(wire)
    except BaseException:
        await wire.close()
        raise
    return RedisAdmin(url, wire, proof)


class RedisAdmin:
    """One server, as its operator sees it; made by :func:`administer`."""

    def __init__(self, url: URL, wire: Wire, proof: Proof) -> None:
        self._url = url
        self._wire = wire
        self._proof = proof

    async def topics(self) -> Sequence[TopicInfo]:
        """Return all topics of this database, by name."""
        return [await self._info(name) for name in await self._names()]

    async def create(self, name: str) -> TopicInfo:
        """Make a topic, and the group that the URL names."""
        asked = asked_of(self._url.with_options(topic=name))
        check_new(name, exists=bool(await self._groups(name)))
        order = self._url.options.get("order", "")
        group = name if asked.ephemeral else self._url.options.get("group", name)
        await scripts.OPEN.run(self._wire, scripts.key_of(name), group, "", name, asked.discipline or "", order, "", "")
        return await self._info(name)

    async def remove(self, name: str, group: str | None = None) -> None:
        """Remove a topic with all that it holds, or one of its groups."""
        groups = await self._existing(name)
        if group is not None:
            check_removable(name, group, groups)
        await scripts.REMOVE.run(self._wire, scripts.key_of(name), group or "", "")

    async def lags(self, name: str) -> Sequence[Lag]:
        """Return how far each group of a topic is behind."""
        lags = []
        for group in await self._existing(name):
            counts = counts_of(await scripts.COUNTS.run(self._wire, scripts.key_of(name), group, ""))
            lags.append(lag_of(group, counts))
        return lags

    async def examine(self, name: str = "") -> Examination:
        """Look for settings of the server that lose messages, and for damage done to one topic or to all."""
        self._proof = proof = await prove(self._wire)
        findings = examine_server(proof, self._url)
        for topic in [name] if name else await self._names():
            groups = await self._existing(topic)
            findings += await examine_topic(self._ask, topic, groups)
        return Examination(
            product=proof.product,
            version=proof.version,
            durability=proof.durability,
            proof=proof.words,
            findings=worst_first(findings),
        )

    async def close(self) -> None:
        """Let go of the server."""
        await self._wire.close()

    async def _ask(self, *words: str | bytes | int) -> Any:
        try:
            return await self._wire.call(*words)
        except exceptions.RedisError as error:
            raise refusal(error) from error

    async def _names(self) -> list[str]:
        """Return the names of all topics: keys that end with braces; what others keep there is passed over."""
        names: set[str] = set()
        cursor = b"0"
        while True:
            cursor, keys = await self._ask(
                "SCAN", cursor, "MATCH", "forebay:{*}", "COUNT", KEYS_AT_ONCE, "TYPE", "hash"
            )
            names.update(key.decode(errors="replace").removeprefix("forebay:{").removesuffix("}") for key in keys)
            if cursor == b"0":
                return [name for name in sorted(names) if await self._groups(name)]

    async def _groups(self, name: str) -> list[str]:
        """Return the durable groups of a topic; none when there is no such topic."""
        key = f"{scripts.key_of(name)}:groups"
        if await self._ask("TYPE", key) != b"zset":
            return []
        pairs = await self._ask("ZRANGE", key, 0, -1, "WITHSCORES")
        found = zip(pairs[::2], pairs[1::2], strict=True)
        return sorted(group.decode() for group, kept in found if float(kept) == math.inf)

    async def _existing(self, name: str) -> list[str]:
        groups = await self._groups(name)
        if not groups:
            raise no_topic(name, f"on {self._url.host or 'localhost'}")
        return groups

    async def _info(self, name: str) -> TopicInfo:
        key, groups = scripts.key_of(name), await self._groups(name)
        discipline = await self._ask("HGET", key, "discipline")
        held = await asyncio.gather(*(self._ask("ZCARD", f"{key}:{group}:unfinished") for group in groups))
        return TopicInfo(
            name=name,
            groups=groups,
            discipline=(discipline or b"fifo").decode(),
            replication=1 + int(self._proof.facts.get("connected_slaves", "0")),
            messages=sum(held),
            bytes=await self._bytes(key, groups),
        )

    async def _bytes(self, key: str, groups: Sequence[str]) -> int | None:
        try:
            sizes = [await self._ask("MEMORY", "USAGE", f"{key}:{group}:messages") for group in groups]
        except Unavailable:  # the account may not ask
            return None
        return sum(size or 0 for size in sizes)
