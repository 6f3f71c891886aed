"""The operator's side of the topics in this process."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from forebay.clock import SYSTEM_CLOCK
from forebay.durability import Durability
from forebay.queue.admin import (
    Examination,
    Finding,
    Lag,
    Severity,
    TopicInfo,
    check_new,
    check_removable,
    lag_of,
    no_topic,
)
from forebay.queue.driver import State
from forebay.queue.drivers.memory.topic import Topic, Topics, name_of
from forebay.queue.options import OPTIONS, asked_of
from forebay.url import URL


async def administer(url: URL) -> MemoryAdmin:
    """Open the operator's side; it sees the topics of the running event loop only.

    Raises:
        UsageError: an option is unknown or cannot be read.
    """
    url.check_options(OPTIONS)
    asked_of(url)
    return MemoryAdmin(url)


class MemoryAdmin:
    """The topics of this event loop; made by :func:`administer`."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._place = name_of(url)[0] if "topic" in url.options else ""
        self._topics = Topics.here()

    async def topics(self) -> Sequence[TopicInfo]:
        """Return all topics, by name."""
        here = sorted(name for place, name in self._topics.named if place == self._place)
        return [_told(self._topic(name)) for name in here]

    async def create(self, name: str) -> TopicInfo:
        """Make a topic, which stays until it is removed or the process ends."""
        check_new(name, exists=(self._place, name) in self._topics.named)
        asked = asked_of(self._url.with_options(topic=name))
        topic = self._topics.topic((self._place, name), asked.discipline, SYSTEM_CLOCK)
        topic.kept = True
        if not asked.ephemeral:
            topic.group(asked.group, asked.order)
        return _told(topic)

    async def remove(self, name: str, group: str | None = None) -> None:
        """Remove a topic, or one of its groups; who has it open hears `Unavailable`."""
        topic = self._topic(name)
        if group is None:
            self._topics.forget(topic)
        else:
            check_removable(name, group, topic.groups)
            topic.remove(topic.groups[group])

    async def lags(self, name: str) -> Sequence[Lag]:
        """Return how far each group is behind."""
        return [lag_of(group, queue.counts()) for group, queue in sorted(self._topic(name).groups.items())]

    async def examine(self, name: str = "") -> Examination:
        """Say what it is: nothing is set wrong, and nothing is kept."""
        if name:
            self._topic(name)
        kept = Finding(
            severity=Severity.LOSES,
            setting="memory",
            value="this process",
            why="Every message is gone when the process ends, however it ends: that is the nature of memory.",
            mend="keep what must last in a file: sqlite:///orders.db",
        )
        return Examination(
            product="memory of this process",
            version=f"Python {platform.python_version()}",
            durability=Durability.MEMORY,
            proof="nothing is written anywhere",
            findings=[kept],
        )

    async def close(self) -> None:
        """Nothing is held."""

    def _topic(self, name: str) -> Topic:
        topic = self._topics.named.get((self._place, name))
        if topic is None:
            raise no_topic(name, "in this process")
        return topic


def _told(topic: Topic) -> TopicInfo:
    unfinished = [
        entry.message
        for group in topic.groups.values()
        for entry in group.of(State.WAITING, State.IN_WORK, State.RETRYING)
    ]
    return TopicInfo(
        name=topic.name,
        groups=sorted(topic.groups),
        discipline=topic.discipline,
        messages=len(unfinished),
        bytes=sum({message.id: len(message.body) for message in unfinished}.values()),
    )
