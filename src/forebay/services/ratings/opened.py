"""How many handlers have been opened and closed: one for each delivery, in whichever way the service works."""

from __future__ import annotations

from typing import Final

from forebay.events import Event, Finished, Started


class Opened:
    """A listener that counts the beginnings and ends of handlers in this process.

    Attributes:
        opened: handlers that began.
        closed: those of them that came to an end, whatever it was.
    """

    hears: Final = frozenset({Started, Finished})

    def __init__(self) -> None:
        self.opened = 0
        self._open: set[tuple[str, str, int]] = set()

    @property
    def closed(self) -> int:
        """How many of the opened have ended."""
        return self.opened - len(self._open)

    def __call__(self, event: Event) -> None:
        """Count an event; an end without a beginning, as of a message whose attempts were used up, is not one's."""
        if isinstance(event, Started):
            self.opened += 1
            self._open.add((event.topic, event.id, event.attempt))
        elif isinstance(event, Finished):
            self._open.discard((event.topic, event.id, event.attempt))
