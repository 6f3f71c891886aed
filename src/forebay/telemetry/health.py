"""Whether this process can keep its promise right now, told by what lately went well and what did not."""

from __future__ import annotations

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.events import Accepted, Event, Finished, Refused, Stalled

FRESH = 10.0
"""Seconds that a failure counts when nothing has gone well since: without traffic nobody can say more."""


class Health:
    """A listener that knows whether messages can be accepted and worked off.

    It does not ask the broker (a probe that does restarts a whole fleet when one broker is slow); it looks at what
    the last publishes, fetches and saves came to.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self.stopping = False
        self._clock = clock
        self._failed: dict[str, tuple[float, str]] = {}

    def __call__(self, event: Event) -> None:
        """Listen to an event."""
        match event:
            case Accepted():
                self._failed.pop("publish", None)
            case Refused(reason="unavailable" | "unknown" as reason):
                self._failed["publish"] = self._clock.monotonic(), f"the last publish was {reason}"
            case Stalled(where=where, reason=reason):
                self._failed[where] = self._clock.monotonic(), reason
            case Finished(outcome="done"):
                for where in ("receive", "save"):
                    self._failed.pop(where, None)

    def troubles(self) -> dict[str, str]:
        """Return what does not work, by the step at which it was seen; empty when all is well."""
        if self.stopping:
            return {"service": "it is stopping"}
        oldest = self._clock.monotonic() - FRESH
        return {where: reason for where, (at, reason) in self._failed.items() if at >= oldest}
