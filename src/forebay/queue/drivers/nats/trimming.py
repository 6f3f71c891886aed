"""Letting go of what every consumer has acknowledged: the stream is trimmed from its old end, now and then.

To purge a stream makes the server forget which messages stand in line to be delivered again: what was given back before
comes only when its lease ends. So nothing is trimmed while there may be such a line, until too much has gathered; nor
when this process has given something back since it looked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from forebay.queue.drivers.nats.address import Names
from forebay.queue.drivers.nats.api import Api, Json
from forebay.queue.drivers.nats.leases import Leases
from forebay.queue.drivers.nats.structures import ways_of

TRIM_SECONDS = 5.0
"""How often, while messages end."""
MOST_MESSAGES, MOST_BYTES = 1_000_000, 256 << 20
"""What may be done and not trimmed, or half of the stream's own limit: then what stands in line has to wait."""


class Trimmer:
    """Trims the stream of one topic; any worker may, at any time.

    Arguments:
        api: of the broker.
        names: of the topic.
        leases: of this process.
        groups: without whose consumers nothing is trimmed: they were removed, and are made anew.
    """

    def __init__(self, api: Api, names: Names, leases: Leases, groups: Sequence[str]) -> None:
        self._api = api
        self._leases = leases
        self._known = {way.consumer for group in groups for way in ways_of(names, group) if way.kind != "later"}
        self._stream = names.topic
        self._next = 0.0
        self._due = False

    def ended(self) -> bool:
        """Note that messages have ended; return whether it is time to trim."""
        self._due = True
        return asyncio.get_running_loop().time() >= self._next

    async def trim(self) -> None:
        """Remove what all consumers, those of subscribers of their own too, have acknowledged from the beginning on."""
        if not self._due:
            return
        self._due, self._next = False, asyncio.get_running_loop().time() + TRIM_SECONDS
        given_back = self._leases.given_back
        stream = await self._api.ask(f"STREAM.INFO.{self._stream}")  # first: what comes after it is not touched
        consumers = await self._api.consumers(self._stream)
        state, retention = stream["state"], stream["config"]["retention"]
        if retention != "limits" or not self._known <= {consumer["name"] for consumer in consumers}:
            return
        floor = min(await asyncio.gather(*(self._floor(consumer, int(state["last_seq"])) for consumer in consumers)))
        ended = floor + 1 - int(state["first_seq"])
        if ended <= 0 or not int(state["messages"]):
            return
        no_line = given_back == self._leases.given_back and all(_has_no_line(consumer) for consumer in consumers)
        if no_line or _too_much(stream, ended):
            await self._api.ask(f"STREAM.PURGE.{self._stream}", {"seq": floor + 1})
        else:
            self._due = True

    async def _floor(self, consumer: Json, last: int) -> int:
        """Return the place up to which a consumer has acknowledged all that is meant for it.

        What it has not been given yet is looked for in the stream itself: to trust a count here could lose messages.
        """
        if consumer["num_ack_pending"]:
            return int(consumer["ack_floor"]["stream_seq"])
        given = int(consumer["delivered"]["stream_seq"])
        subject = consumer["config"].get("filter_subject") or ">"
        following = await self._api.message(self._stream, seq=given + 1, next_by_subj=subject)
        return last if following is None else min(last, following.seq - 1)


def _has_no_line(consumer: Json) -> bool:
    """Whether nothing stands in line to be delivered again: nothing is unfinished, or whoever waits would have it."""
    return not consumer["num_ack_pending"] or bool(consumer["num_waiting"])


def _too_much(stream: Json, ended: int) -> bool:
    """Whether so many messages at the old end of a stream are too much to be kept, by their share of its bytes."""
    config, state = stream["config"], stream["state"]
    size = int(state["bytes"]) * ended // max(ended, int(state["messages"]))
    return ended > _most(config, "max_msgs", MOST_MESSAGES) or size > _most(config, "max_bytes", MOST_BYTES)


def _most(config: Json, setting: str, most: int) -> int:
    limit = int(config.get(setting) or 0)
    return min(most, limit // 2) if limit > 0 else most
