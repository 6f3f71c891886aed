"""The topics of each event loop, and the groups of each topic."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator
from typing import ClassVar

from forebay.clock import Clock
from forebay.disciplines import Discipline, Order
from forebay.errors import UsageError
from forebay.queue.drivers.memory.group import Group
from forebay.queue.options import EACH
from forebay.url import URL

Name = tuple[str, str]
"""The place that a URL names beside its topic, mostly none; and the topic."""


def name_of(url: URL) -> Name:
    """Return what a URL means: where no option names the topic, its place does."""
    place = "/".join(part for part in (url.host, url.path) if part)
    topic = url.options.get("topic") or place or "messages"
    return ("" if place == topic else place, topic)


class Topic:
    """A topic in the memory of this process: its groups, and how many have it open."""

    def __init__(self, name: str, discipline: Discipline, clock: Clock) -> None:
        self.name = name
        self.discipline = discipline
        self.clock = clock
        self.users = 0
        self.kept = False  # an operator made it: it stays until one removes it
        self.groups: dict[str, Group] = {}
        self._each: weakref.WeakSet[Group] = weakref.WeakSet()  # who forgot to close it keeps nothing alive
        self.group(name, Order.NONE)

    def group(self, name: str, order: Order) -> Group:
        """Return a group that keeps this order; it is made where it does not exist, and for `each` in any case.

        Raises:
            UsageError: the group keeps another order.
        """
        group = self.groups.get(name) or Group(name, self.discipline, self.clock)
        group.keep_order(order)
        if name == EACH:
            self._each.add(group)
        else:
            self.groups[name] = group
        return group

    def all_groups(self) -> Iterator[Group]:
        """Yield whoever gets what is published."""
        yield from self.groups.values()
        yield from self._each

    def let_go(self, group: Group) -> None:
        """Forget a subscriber of its own; other groups stay."""
        self._each.discard(group)

    def remove(self, group: Group) -> None:
        """Forget a group with all its messages; who has it open hears of it."""
        self.groups.pop(group.name, None)
        self._each.discard(group)
        group.removed = True
        group.ring()


class Topics:
    """The topics of one event loop, by name."""

    _of: ClassVar[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Topics]] = weakref.WeakKeyDictionary()

    def __init__(self) -> None:
        self.named: dict[Name, Topic] = {}

    @classmethod
    def here(cls) -> Topics:
        """Return those of the running loop."""
        return cls._of.setdefault(asyncio.get_running_loop(), cls())

    def topic(self, name: Name, discipline: Discipline | None, clock: Clock) -> Topic:
        """Return a topic, which is made where it does not exist.

        Raises:
            UsageError: it exists, with another discipline.
        """
        topic = self.named.get(name)
        if topic is None:
            topic = self.named[name] = Topic(name[1], discipline or Discipline.FIFO, clock)
        elif discipline not in {None, topic.discipline}:
            raise UsageError(f"memory://{topic.name} is open as {topic.discipline}", "leave the discipline out")
        return topic

    def leave(self, topic: Topic) -> None:
        """Let one user of a topic go; with the last one the topic is gone."""
        topic.users -= 1
        if not topic.users and not topic.kept:
            self.forget(topic)

    def forget(self, topic: Topic) -> None:
        """Let a topic be gone with all that it holds."""
        for group in list(topic.all_groups()):
            topic.remove(group)
        self.named = {name: known for name, known in self.named.items() if known is not topic}
