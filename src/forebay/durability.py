"""What an accepted message or a stored result survives."""

from __future__ import annotations

from enum import StrEnum


class Durability(StrEnum):
    """What an accepted message survives."""

    MEMORY = "memory"
    """Nothing: it lives in this process."""
    OS = "os"
    """The death of the broker's process; a power cut may lose it (page cache)."""
    FSYNC = "fsync"
    """A power cut: it is on the disk."""
    REPLICATED = "replicated"
    """The loss of one machine: it is on two or more."""

    def covers(self, asked: Durability) -> bool:
        """Return whether this is what is asked for, or more."""
        ladder = list(Durability)
        return ladder.index(self) >= ladder.index(asked)
