"""The magazine: ammunition made ready before it is fired, each shot encoded once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from forebay.load.shot import Ammo, Shot

_REMEMBERED = 65_536
"""Shots whose encoding is kept, for ammunition that gives the same ones again ..."""
_REMEMBERED_BYTES = 2**24
"""... and of all of them together; one that is beyond costs its encoding each time."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A shot as it goes over the wire: its bytes, the number of its tag, and whether the answer has no body (HEAD)."""

    shot: Shot
    request: bytes
    size: int
    tag: int
    bodiless: bool


class Magazine:
    """Gives one shot after the other, ready to be sent.

    Arguments:
        ammo: see `Ammo`. encode: says how a shot goes over the wire.
        first, step: which shots are its own, where several processes share the ammunition.
    """

    def __init__(self, ammo: Ammo, encode: Callable[[Shot], bytes], first: int = 0, step: int = 1) -> None:
        self._ammo = ammo
        self._encode = encode
        self._first = first
        self._step = step
        self.taken = 0
        """How many it has given."""
        self._ready: dict[int, Loaded] = {}
        self._ready_bytes = 0
        self._numbers: dict[str, int] = {}
        self.tags: list[str] = []
        """By number."""

    def take(self) -> tuple[int, Loaded]:
        """Return the next shot and its index.

        Raises:
            UsedUp: there is none. UsageError: it would break the request.
        """
        index = self._first + self.taken * self._step
        shot = self._ammo(index)
        ready = self._ready.get(id(shot))
        if ready is None or ready.shot is not shot:
            ready = self._load(shot)
        self.taken += 1
        return index, ready

    def _load(self, shot: Shot) -> Loaded:
        number = self._numbers.setdefault(shot.tag, len(self.tags))
        if number == len(self.tags):
            self.tags.append(shot.tag)
        bodiless = shot.raw.startswith(b"HEAD ") if shot.raw else shot.method == "HEAD"
        request = self._encode(shot)
        loaded = Loaded(shot, request, len(request), number, bodiless)
        self._ready_bytes += len(request)
        if len(self._ready) >= _REMEMBERED or self._ready_bytes > _REMEMBERED_BYTES:
            self._ready.clear()
            self._ready_bytes = len(request)
        self._ready[id(shot)] = loaded  # which keeps the shot alive, so that its id is not given to another
        return loaded
