"""What a topic is made of on the broker, and how it comes to exist: four streams, and three consumers for each group.

The first stream keeps messages until all groups have acknowledged them and all before them; then a worker trims it
(retention by interest would remove each by itself, and pay for that with a write to the disk). A group reads through
consumers of its own: what may come at once, what comes back to it alone, and, from a second stream, what has to wait
for its time. A message does not move while it is tried again; what must be known of it then is a note in a third
stream. Dead letters lie in a fourth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forebay.errors import ForebayError, Unavailable, UsageError
from forebay.queue.drivers.nats.address import Address, Names
from forebay.queue.drivers.nats.api import NAME_IN_USE, Api, ApiError, Json, found

log = logging.getLogger("forebay.queue.nats")

SECOND = 1_000_000_000
"""Nanoseconds, in which JetStream tells durations."""
DUPLICATES_SECONDS = 120
ABANDONED_SECONDS = 300.0
"""After so long without a fetch the consumer of a subscriber of its own is removed by the server."""
ATOMIC_SINCE = (2, 12)
NOT_A_CLUSTER = 10074
"""The number of the error of a server alone that is asked for more than one replica."""
REISSUED = "forebay-reissued"
TOPIC, LATER, LETTERS, NOTES = "forebay topic", "forebay delayed", "forebay dead letters", "forebay notes"
"""Descriptions, by which our streams are known."""


@dataclass(frozen=True)
class Way:
    """One of the consumers through which a group gets its messages.

    Arguments:
        stream: of the topic.
        consumer: its name.
        kind: ``now``, ``back`` (to this group alone) or ``later`` (not before its time).
        subject: what it filters for.
    """

    stream: str
    consumer: str
    kind: str
    subject: str

    @property
    def next(self) -> str:
        """The subject of a request for messages."""
        return f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{self.consumer}"


def ways_of(names: Names, group: str) -> list[Way]:
    """Return the consumers of a durable group; no group begins with an underscore, so no two share a name."""
    topic = names.topic
    return [
        Way(topic, group, "now", f"{topic}.now.*"),
        Way(topic, f"_back-{group}", "back", f"{topic}.back.{group}.*"),
        Way(names.later, f"_later-{group}", "later", f"{names.later}.*"),
    ]


def version_of(text: str) -> tuple[int, ...]:
    """Return the version of a server as numbers that can be compared."""
    parts = (part.partition("-")[0] for part in text.split("."))
    return tuple(int(part) for part in parts if part.isdigit())


class Structures:
    """Makes what a topic needs where it is missing.

    Arguments:
        api: of the broker.
        address: of the topic and its group.
        version: of the server.

    Attributes:
        atomic: whether the stream takes batches that are stored as one.
        lease: seconds that the group's consumers wait for an acknowledgement.
        begin: the place in the stream at which the group begins, or began when it was opened; 0: not known yet.
        reissued: messages that had been published again, for any group, before this one began.
        made: how many streams and consumers had to be made.
        stream: what the server has told of the topic's.
    """

    def __init__(self, api: Api, address: Address, version: tuple[int, ...]) -> None:
        self._api = api
        self._address = address
        self._names = address.names
        self._version = version
        self._making = asyncio.Lock()
        self.atomic = False
        self.lease = address.asked.lease
        self.begin = 0
        self.reissued = 0
        self.made = 0
        self.stream: Json = {}

    async def make(self) -> None:
        """Make the streams, and the consumers of the topic's own group and of the one that is asked for.

        Raises:
            UsageError: there is a stream of this name that is no topic. Unavailable: the server refuses.
        """
        async with self._making:
            try:
                before = self.stream.get("created")
                await self._make_streams()
                if before not in {None, self.stream["created"]} and self.begin:
                    self.begin, self.reissued = 1, 0  # the group was there before all that this stream holds
                asked, topic = self._address.asked, self._names.topic
                for group in dict.fromkeys([topic, *([] if asked.ephemeral else [asked.group])]):
                    await self._make_group(group)
            except ApiError as error:
                raise self._refused(error) from error

    def _refused(self, error: ApiError) -> ForebayError:
        if error.number == NOT_A_CLUSTER:
            hint = "one server has each message once: leave replication out, or make it a cluster of three"
            return UsageError(f"{self._address.url}: {error.words}", hint)
        return Unavailable(f"{self._address.url}: the server refuses what the topic needs: {error}")

    async def _make_streams(self) -> None:
        names = self._names
        largest = {"max_msg_size": self._address.new.largest or -1}
        self.stream = await self._stream(names.topic, TOPIC, [f"{names.topic}.>"], **largest, **self._kept())
        covered = self.stream["config"].get("subjects") or []
        if not {f"{names.topic}.>", ">"} & set(covered):
            raise UsageError(
                f"the stream {names.topic} on {self._address.url} belongs to somebody else: it takes {covered}",
                f"take another topic, or let the stream take '{names.topic}.>'",
            )
        self.atomic = bool(self.stream["config"].get("allow_atomic"))
        await self._stream(names.later, LATER, [f"{names.later}.*"], retention="interest", **largest)
        await self._stream(names.dead, LETTERS, [f"{names.dead}.*.*"], max_msgs_per_subject=1)
        await self._stream(names.notes, NOTES, [f"{names.notes}.*.*"], max_msgs_per_subject=1)

    def _kept(self) -> Json:
        """Return for how long and how much the stream of the topic keeps, where that is asked for."""
        new, kept = self._address.new, {}
        if new.retention is not None:
            age = round(new.retention * SECOND)
            kept = {"max_age": age, "duplicate_window": min(age, DUPLICATES_SECONDS * SECOND)}
        return kept if new.retention_bytes is None else {**kept, "max_bytes": new.retention_bytes}

    async def _stream(self, name: str, description: str, subjects: list[str], **more: object) -> Json:
        there = await self._api.info(f"STREAM.INFO.{name}")
        if there is not None and description != TOPIC and there["config"].get("description") == TOPIC:
            raise UsageError(f"{name}, which {self._names.topic} needs for itself, is a topic", "take another topic")
        if there is not None:
            return there
        if description == TOPIC:  # what is noted speaks of places in a stream that is gone
            await self._api.info(f"STREAM.PURGE.{self._names.notes}")
        config: Json = {
            "name": name,
            "description": description,
            "subjects": subjects,
            "storage": "file",
            "discard": "new",
            "num_replicas": self._address.replication,
            "duplicate_window": DUPLICATES_SECONDS * SECOND,
            "max_msgs": -1,
            "max_bytes": -1,
            "max_msg_size": -1,
            "max_consumers": -1,
            "max_age": 0,
            **({"allow_atomic": True} if self._version >= ATOMIC_SINCE else {}),
            **more,
        }
        try:
            made = await self._api.ask(f"STREAM.CREATE.{name}", config)
            self.made += 1
            return made
        except ApiError as error:
            if error.number in NAME_IN_USE and (there := await self._api.info(f"STREAM.INFO.{name}")):
                return there  # another process was quicker
            raise

    async def _make_group(self, group: str) -> None:
        ways = ways_of(self._names, group)
        answers = await self._api.ask_all([(f"CONSUMER.INFO.{way.stream}.{way.consumer}", None) for way in ways])
        for way, answer in zip(ways, answers, strict=True):
            there = found(answer) or await self._make_consumer(way, group)
            if group == self._address.asked.group:
                await self._keep_lease(way, there)
                if way.kind == "now" and not self.begin:
                    begin = int(there["config"].get("opt_start_seq") or 1)
                    self.begin = max(begin, int(there["ack_floor"]["stream_seq"]) + 1)
                    self.reissued = reissued_before(there)

    async def _make_consumer(self, way: Way, group: str) -> Json:
        begin: Json = {"deliver_policy": "all"}
        if group != self._names.topic and way.kind != "back":
            info = await self._api.ask(f"STREAM.INFO.{way.stream}")
            known = self.begin if way.kind == "now" and group == self._address.asked.group else 0
            first = known or info["state"]["last_seq"] + 1  # made anew, it begins where it was when we opened it
            begin = {"deliver_policy": "by_start_sequence", "opt_start_seq": first}
            if way.kind == "now":
                begin["metadata"] = {REISSUED: str(self.reissued if known else await self._reissued_by_now())}
        config = {"durable_name": way.consumer, "description": f"forebay group {group}", **begin}
        try:
            made = await self._create(way, config)
            self.made += 1
            return made
        except ApiError:
            there = await self._api.info(f"CONSUMER.INFO.{way.stream}.{way.consumer}")
            if there is None:
                raise
            return there  # another process was quicker

    async def _reissued_by_now(self) -> int:
        number = await self._api.message(self._names.notes, last_by_subj=self._names.note("_all", "reissued"))
        return 0 if number is None else int(number.data)

    async def _keep_lease(self, way: Way, there: Json) -> None:
        """Let a consumer wait for as long as the longest lease that was asked for: heartbeats keep to their own."""
        config: Json = there["config"]
        if config["ack_wait"] < self._address.asked.lease * SECOND:
            config = {**config, "ack_wait": int(self._address.asked.lease * SECOND)}
            config = (await self._api.ask(_creating(way), {"stream_name": way.stream, "config": config}))["config"]
        self.lease = config["ack_wait"] / SECOND

    async def _create(self, way: Way, config: Json) -> Json:
        full = {
            "filter_subject": way.subject,
            "ack_policy": "explicit",
            "ack_wait": int(self._address.asked.lease * SECOND),
            "max_deliver": -1,
            "max_ack_pending": -1,
            "max_waiting": 10_000,
            "replay_policy": "instant",
            **config,
        }
        return await self._api.ask(_creating(way), {"stream_name": way.stream, "config": full})

    async def make_each(self, there: Sequence[Way] = ()) -> list[Way]:
        """Make the consumers of a subscriber of its own, but for those that are there.

        The server removes them, each by itself, when nobody has used them for a while.
        """
        known = {way.kind: way for way in there if not await self.lacks(way)}
        config: dict[str, Any] = {
            "deliver_policy": "new",
            "inactive_threshold": int(max(ABANDONED_SECONDS, 10 * self.lease) * SECOND),
            "description": "forebay subscriber of its own",
        }
        try:
            ways = [way for way in ways_of(self._names, "") if way.kind != "back"]
            return [known.get(way.kind) or await self._make_own(way, config) for way in ways]
        except ApiError as error:
            raise Unavailable(f"{self._address.url}: the server refuses a subscriber: {error}") from error

    async def _make_own(self, way: Way, config: Json) -> Way:
        made = await self._create(Way(way.stream, "", way.kind, way.subject), config)
        self.made += 1
        return Way(way.stream, made["name"], way.kind, way.subject)

    async def lacks(self, way: Way) -> bool:
        """Whether a consumer does not exist."""
        return await self._api.info(f"CONSUMER.INFO.{way.stream}.{way.consumer}") is None

    async def remove(self, way: Way) -> None:
        """Remove a consumer, where it is there."""
        await self._api.info(f"CONSUMER.DELETE.{way.stream}.{way.consumer}")


def reissued_before(consumer: Json) -> int:
    """Return how many messages had been published again when a group began; servers before 2.10 do not keep it."""
    return int((consumer["config"].get("metadata") or {}).get(REISSUED, 0))


def _creating(way: Way) -> str:
    if way.consumer:
        return f"CONSUMER.DURABLE.CREATE.{way.stream}.{way.consumer}"
    return f"CONSUMER.CREATE.{way.stream}"
