"""Queue disciplines: which waiting message is next, and what must wait for it; shared by drivers and simulator."""

from __future__ import annotations

from enum import StrEnum


class Discipline(StrEnum):
    """Which of the waiting messages is taken next."""

    FIFO = "fifo"
    """First in, first out."""
    LIFO = "lifo"
    """Last in, first out."""
    RANDOM = "random"
    """Any of the waiting ones, each with the same chance (SIRO)."""
    PRIORITY = "priority"
    """The largest priority first; within one priority first in, first out."""


class Order(StrEnum):
    """What is worked off strictly one after the other, with its retries."""

    NONE = "none"
    """Nothing: the workers take what is next, and a retry lets others pass."""
    KEY = "key"
    """Messages of one key: the next is delivered when the one before it has come to its end."""
    PARTITION = "partition"
    """Messages of one partition; a queue without partitions is one."""
