"""The lines of standard input as they come: whoever waits for the next one keeps nothing else waiting."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator

from forebay.errors import UsageError

CHUNK = 1 << 18
"""Bytes that are read at once, where there are as many."""


async def lines(until: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    """Yield each line without its end, as soon as it has come.

    Arguments:
        until: once it is set nothing more is yielded, though the input may go on.

    Raises:
        UsageError: the input cannot be read.
    """
    until = until or asyncio.Event()
    begun: list[bytes] = []  # of the last line; joined only once, for a line may be long
    while chunk := await _chunk(until):
        first, *others = chunk.split(b"\n")
        begun.append(first)
        for next_one in others:
            if until.is_set():
                return
            yield b"".join(begun)
            begun = [next_one]
    if (rest := b"".join(begun)) and not until.is_set():
        yield rest


async def _chunk(until: asyncio.Event) -> bytes:
    """Return what has come; nothing at the end of the input, or when it is not wanted any more."""
    came, enough = asyncio.ensure_future(_read()), asyncio.ensure_future(until.wait())
    try:
        await asyncio.wait({came, enough}, return_when=asyncio.FIRST_COMPLETED)
        return came.result() if came.done() else b""
    finally:
        came.cancel()
        enough.cancel()


async def _read() -> bytes:
    """Wait for input in a thread that ends with the program: no executor would, and a Ctrl-C had to wait for a line."""
    if sys.stdin is None:
        return b""
    loop, fileno = asyncio.get_running_loop(), sys.stdin.fileno()
    came: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        try:
            outcome: bytes | OSError = os.read(fileno, CHUNK)  # not by sys.stdin, whose lock Python wants at the end
        except OSError as error:
            outcome = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_hand_over, came, outcome)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    return await came


def _hand_over(came: asyncio.Future[bytes], outcome: bytes | OSError) -> None:
    if came.cancelled():
        return
    if isinstance(outcome, OSError):
        came.set_exception(UsageError(f"the standard input cannot be read: {outcome.strerror}"))
    else:
        came.set_result(outcome)
