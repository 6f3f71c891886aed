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
        self._failed: dict[tuple[str, str], tuple[float, str]] = {}
        """By topic and step: when, and why."""
        self._held: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        """Listen to an event."""
        kind = type(event)  # of the most frequent ones first: this is called for each request and each message
        if kind is Finished or kind is Accepted:
            if self._failed:
                self._went_well(event)
        elif kind is Refused or kind is Stalled:
            self._went_wrong(event)

    def _went_well(self, event: Event) -> None:
        match event:
            case Accepted(topic=topic):
                self._failed.pop((topic, "publish"), None)
            case Finished(topic=topic, outcome="done"):
                for where in ("receive", "save"):
                    self._failed.pop((topic, where), None)

    def _went_wrong(self, event: Event) -> None:
        match event:
            case Refused(topic=topic, reason="unavailable" | "unknown" as reason):
                self._failed[topic, "publish"] = self._clock.monotonic(), f"the last publish was {reason}"
            case Stalled(topic=topic, where=where, reason=reason):
                self._failed[topic, where] = self._clock.monotonic(), reason

    def hold(self, step: str, reason: str) -> None:
        """Say that the service is not ready, and why, until the step is released: while it restores or warms up."""
        self._held[step] = reason

    def release(self, step: str) -> None:
        """Say that a step which held the service up is over."""
        self._held.pop(step, None)

    def troubles(self) -> dict[str, str]:
        """Return what does not work, by the step at which it was seen; empty when all is well."""
        if self.stopping:
            return {"service": "it is stopping"}
        oldest = self._clock.monotonic() - FRESH
        failed = {where: reason for (_, where), (at, reason) in self._failed.items() if at >= oldest}
        return failed | self._held
