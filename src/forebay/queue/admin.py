"""What an operator asks of a broker, in the same words everywhere: its topics, how far behind they are, what is unsafe.

Purging a topic and its dead letters belong to the driver of the topic; the rest is here, and needs no topic to be open.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from forebay.durability import Durability
from forebay.errors import UsageError
from forebay.queue.driver import Counts
from forebay.queue.options import EACH, NAME


class Severity(StrEnum):
    """How bad a setting is."""

    LOSES = "loses"
    """Messages that were accepted can be lost without a word."""
    WARNS = "warns"
    """Safe as it stands, but a likely event makes it lose, refuse or stall."""
    FINE = "fine"
    """Examined, and as it should be."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of a broker or a topic, examined.

    Arguments:
        severity: how bad it is.
        setting: as the broker calls it; with the topic where it belongs to one.
        value: what it is.
        why: what happens because of it, in one sentence; empty for what is fine.
        mend: what to do: a command or a line of configuration; empty for what is fine.
    """

    severity: Severity
    setting: str
    value: str
    why: str = ""
    mend: str = ""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What `forebay doctor` has to say of a broker.

    Arguments:
        product: such as ``Redis``.
        version: of the server (of the library where there is no server).
        durability: what a message survives once it is accepted.
        proof: by which settings that is known.
        findings: every setting that was examined, the worst first.
    """

    product: str
    version: str
    durability: Durability
    proof: str
    findings: Sequence[Finding]


class TopicInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as the broker knows it; None where the broker has no such thing or does not tell.

    Arguments:
        name: of the topic.
        groups: of workers, those of subscribers of their own left out.
        discipline: which message is next.
        partitions: into which it is divided.
        replication: on how many machines each message is.
        retention_seconds: after which a message may be dropped although nobody has worked it off; None: never.
        retention_bytes: how much it keeps, each partition by itself; None: any amount.
        largest: bytes of a message with its headers; None: as large as the broker takes any.
        in_sync: on how many machines a message is before it is accepted.
        limit: messages that the broker itself allows to wait; None: any number.
        messages: how many it holds for all groups, dead letters left out.
        bytes: what they take.
    """

    name: str
    groups: Sequence[str] = ()
    discipline: str = "fifo"
    partitions: int = 1
    replication: int = 1
    retention_seconds: float | None = None
    retention_bytes: int | None = None
    largest: int | None = None
    in_sync: int | None = None
    limit: int | None = None
    messages: int | None = None
    bytes: int | None = None


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How far one group is behind, in one partition where there are any.

    Arguments:
        group: of workers.
        partition: its name; None: the topic has none.
        waiting: ready to be delivered.
        in_work: delivered and not settled; None: the broker does not tell.
        retrying: wait for their time; None: the broker does not tell it by partition.
        oldest_seconds: age of the oldest unfinished message; None: the broker does not tell.
    """

    group: str
    partition: str | None = None
    waiting: int = 0
    in_work: int | None = None
    retrying: int | None = None
    oldest_seconds: float | None = None


class Admin(Protocol):
    """The operator's side of one broker; a driver module's ``administer(url)`` opens it.

    Raises:
        Unavailable: the broker cannot be reached. UsageError: there is no such topic or group.
    """

    async def topics(self) -> Sequence[TopicInfo]:
        """Return all topics of forebay on this broker, by name."""
        ...

    async def create(self, name: str) -> TopicInfo:
        """Make a topic, and the group that the URL names, with what the URL's options ask; refuses one that exists."""
        ...

    async def remove(self, name: str, group: str | None = None) -> None:
        """Remove a topic with all that it holds, or one of its groups."""
        ...

    async def lags(self, name: str) -> Sequence[Lag]:
        """Return how far each group of a topic is behind, by partition where there are any."""
        ...

    async def examine(self, name: str = "") -> Examination:
        """Look for settings that lose messages: of the broker, and of one topic or of all."""
        ...

    async def close(self) -> None:
        """Let go of the broker."""
        ...


def lag_of(group: str, counts: Counts) -> Lag:
    """Return how far a group is behind, where its counts tell it all."""
    return Lag(
        group=group,
        waiting=counts.waiting,
        in_work=counts.in_work,
        retrying=counts.retrying,
        oldest_seconds=counts.oldest_seconds,
    )


def fine(setting: str, value: str) -> Finding:
    """Return the finding of a setting that is as it should be."""
    return Finding(severity=Severity.FINE, setting=setting, value=value)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order of their severity."""
    return sorted(findings, key=lambda finding: list(Severity).index(finding.severity))


def check_new(name: str, exists: bool) -> None:
    """Refuse to make a topic where there is one, or of a name that some broker gives a meaning.

    Raises:
        UsageError: as the sentence says.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a name of a topic", "letters, digits, - and _, at most 100")
    if name == EACH:
        raise UsageError(f"a topic cannot be called {EACH!r}", f"?group={EACH} has a meaning of its own")
    if exists:
        raise UsageError(f"there is a topic {name!r} already", "take another name, or remove it first")


def check_removable(name: str, group: str, groups: Collection[str]) -> None:
    """Refuse to remove a group that a topic does not have, or that it cannot be without.

    Arguments:
        name: of the topic.
        group: to be removed.
        groups: that the topic has.

    Raises:
        UsageError: as the sentence says.
    """
    if group == name:
        raise UsageError(f"the group {group!r} is the topic's own", "remove the topic itself, or purge it")
    if group not in groups:
        raise UsageError(f"the topic {name!r} has no group {group!r}", f"it has: {', '.join(sorted(groups))}")


class NoTopic(UsageError):
    """There is no topic of this name; see `no_topic`."""


def no_topic(name: str, where: str = "") -> NoTopic:
    """Return what is to be raised when there is no topic of this name; `where` begins with its preposition."""
    return NoTopic(f"there is no topic {name!r}{where and ' '}{where}", "forebay topics ls tells which there are")
