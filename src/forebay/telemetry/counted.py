"""How many messages are where, as telemetry sees it: it knows nothing of queues."""

from __future__ import annotations

from typing import Protocol


class Counted(Protocol):
    """How many messages are where; what a driver's counts offer."""

    @property
    def waiting(self) -> int:
        """Ready to be delivered."""

    @property
    def in_work(self) -> int:
        """Delivered and not settled."""

    @property
    def retrying(self) -> int:
        """Wait for their next attempt."""

    @property
    def dead(self) -> int:
        """Lie among the dead letters."""

    @property
    def lost(self) -> int:
        """Accepted and nowhere."""

    @property
    def oldest_seconds(self) -> float:
        """The age of the oldest that is not finished."""
