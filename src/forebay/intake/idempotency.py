"""Idempotency keys: the same key and body again gets the same answer, and one message comes of both.

The store remembers, so it works across restarts and between processes. Only acceptance is remembered: a request that
was refused may come again with its key. (Its key stays bound to its body, since nobody can tell a refusal from a
crash after the fact.) A key that was claimed but never confirmed, by a crash or an unknown outcome, gets the answer of
its message where that is done already; else it is published again under the same message id, which is harmless: the
inbox of the store keeps the effect single.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.errors import Conflict, ForebayError, Unavailable, UsageError
from forebay.message import new_id
from forebay.stores.store import Claim, Store

T = TypeVar("T")

LONGEST_KEY = 255

BARE = r"[!#-+\--:<-~]{1,255}"  # visible ASCII without quotation mark, comma and semicolon
QUOTED = r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"'  # the string of RFC 9651

_is_bare = re.compile(BARE).fullmatch
_is_quoted = re.compile(QUOTED).fullmatch

Publish = Callable[[str], Awaitable[str]]
"""Publishes the message under the id given; returns its reference."""


def read_key(header: str) -> str:
    """Return the key of an ``Idempotency-Key`` header, quoted or bare.

    Raises:
        UsageError: it is empty, longer than 255 characters, or not of printable ASCII.
    """
    if quoted := _is_quoted(header):
        return re.sub(r"\\(.)", r"\1", quoted.group(1))
    if header in {"", '""'}:
        raise UsageError("an Idempotency-Key must not be empty")
    if len(header) > LONGEST_KEY:
        raise UsageError(f"an Idempotency-Key has at most {LONGEST_KEY} characters")
    if not _is_bare(header):
        raise UsageError('an Idempotency-Key is printable ASCII: "like this" or like-this')
    return header


class Keys:
    """The idempotency keys of one intake.

    Arguments:
        store: remembers them.
        intake: stands before each key, so that intakes do not share them.
        clock: tells when a key was claimed.
        deadline: seconds that the store may take for one step.
    """

    def __init__(self, store: Store, intake: str, clock: Clock = SYSTEM_CLOCK, *, deadline: float = 10.0) -> None:
        self._deadline = deadline
        self._store = store
        self._intake = intake
        self._clock = clock
        self._in_progress: dict[str, asyncio.Future[None]] = {}

    async def accept(self, key: str, fingerprint: str, publish: Publish) -> tuple[str, bool]:
        """Publish once for a key; return the reference, and whether it is that of an earlier request.

        A second request with a key that is in progress in this process waits for the first.

        Raises:
            Conflict: the key came with another body before.
            ForebayError: what the store or `publish` raised; nothing is remembered as accepted.
        """
        name = f"{self._intake}:{key}"
        while other := self._in_progress.get(name):
            await asyncio.wait([other])
        self._in_progress[name] = mine = asyncio.get_running_loop().create_future()
        try:
            return await self._accept(name, fingerprint, publish)
        finally:
            del self._in_progress[name]
            mine.set_result(None)

    async def _accept(self, name: str, fingerprint: str, publish: Publish) -> tuple[str, bool]:
        claim = Claim(name, fingerprint, new_id(), self._clock.time())
        (first,) = await self._answer_of(self._store.claim([claim]))
        if first.fingerprint != fingerprint:
            raise Conflict("the same idempotency key came with another body")
        if first.reference:
            return first.reference, True
        if first.id != claim.id and await self._is_done(first.id):
            return first.id, True
        reference = await publish(first.id)
        with suppress(ForebayError, TimeoutError):  # it was accepted; without the note a repetition publishes again
            async with asyncio.timeout(self._deadline):
                await self._store.confirm(name, reference)
        return reference, False

    async def _is_done(self, id: str) -> bool:
        """Say whether a message that was never confirmed is done: published again, it would be worked off again."""
        return await self._answer_of(self._store.get(id)) is not None

    async def _answer_of(self, call: Awaitable[T]) -> T:
        """Wait for the store, no longer than the deadline; nothing is published before it has answered."""
        try:
            async with asyncio.timeout(self._deadline):
                return await call
        except TimeoutError:
            raise Unavailable("the store does not answer; nothing was published") from None
