"""A shot: what is to be sent, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec

from forebay.errors import ForebayError


class Shot(msgspec.Struct, frozen=True):
    """What is to be sent.

    Arguments:
        body: of the request.
        id: under which the ledger knows it.
        headers: besides Host and Content-Length; a Host given here replaces that of the target.
        method: of the request.
        path: with its query; empty: that of the target.
        tag: under which it is counted.
        raw: a whole request as it goes over the wire; then nothing but id and tag is asked of the others.
    """

    body: bytes = b""
    id: str = ""
    headers: dict[str, str] = {}
    method: str = "POST"
    path: str = ""
    tag: str = ""
    raw: bytes = b""


Ammo = Callable[[int], Shot]
"""Makes the shot of an index, 0, 1, 2 ...; called when it is due, before anything of it is sent. Ends by `UsedUp`.

One that gives the same object again has it encoded once.
"""


class UsedUp(ForebayError):
    """There is no ammunition left: the run ends when its last shots are answered."""


class Kind(StrEnum):
    """How a shot ended."""

    ANSWERED = "answered"
    """With a status, whatever it was."""
    REFUSED = "refused"
    """Nothing of it was sent: no connection could be had. It certainly has no effect."""
    UNKNOWN = "unknown"
    """It was sent, and no whole answer came: it may have an effect."""


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """One shot that came to its end; instants are nanoseconds of `time.perf_counter_ns`.

    Arguments:
        index, id: of the shot.
        kind: how it ended; `status` is 0 unless it was answered.
        planned: when the profile wanted it sent. sent: when it was, 0 for never. done: when its end was known.
        head: of the answer, from the status line to the last header; body: its beginning.
        reason: for what was refused or is unknown.
    """

    index: int
    id: str
    kind: Kind
    status: int
    planned: int
    sent: int
    done: int
    head: bytes = b""
    body: bytes = b""
    reason: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Of the answer, names in lower case."""
        pairs = (line.partition(b":") for line in self.head.split(b"\r\n")[1:] if line)
        return {name.decode("latin-1").lower(): value.strip().decode("latin-1") for name, _, value in pairs}

    @property
    def response_seconds(self) -> float:
        """From the plan to the end: what a user feels, whether or not the generator came late."""
        return (self.done - self.planned) / 1e9

    @property
    def service_seconds(self) -> float:
        """From the sending to the end."""
        return (self.done - self.sent) / 1e9
