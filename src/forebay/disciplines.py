"""Queue disciplines: which of the waiting messages is next. Values shared by drivers and simulator."""

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
