"""What happened, as small frozen values. Who wants to observe listens to these; without listeners they cost nothing."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A request was answered, `seconds` after its last byte; `intake` is the path, empty where there is nothing."""

    intake: str
    status: int
    seconds: float


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """`count` messages became durable in one commit that took `seconds`."""

    topic: str
    count: int
    seconds: float


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A message was not accepted. Reasons: invalid, full, limit, unavailable, unknown, conflict, failed, prefetch."""

    topic: str
    reason: str


class Started(msgspec.Struct, frozen=True, gc=False):
    """A handler began with a message that had waited for `wait_seconds`.

    `accepted_at` is when it was accepted, in seconds since the epoch; 0: it is not told.
    """

    topic: str
    id: str
    attempt: int
    wait_seconds: float
    accepted_at: float = 0.0


class Finished(msgspec.Struct, frozen=True, gc=False):
    """A handler came to an end. Outcomes: done, dropped, retry, dead, released.

    `work_seconds` is the time in the handler, `total_seconds` the time since the message was accepted.
    """

    topic: str
    id: str
    attempt: int
    outcome: str
    work_seconds: float
    total_seconds: float
    reason: str = ""


class LeaseLost(msgspec.Struct, frozen=True, gc=False):
    """A settlement came too late: the message had gone to another worker."""

    topic: str
    id: str


class Stalled(msgspec.Struct, frozen=True, gc=False):
    """A broker or store did not do its part; it is tried again. `where` names the step."""

    topic: str
    where: str
    reason: str


Event = Answered | Accepted | Refused | Started | Finished | LeaseLost | Stalled
Listener = Callable[[Event], None]
