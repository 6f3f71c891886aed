"""How a receiver waits for what may come: a bell that somebody rings, or the end of its patience."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def rung(bell: asyncio.Event, seconds: float) -> None:
    """Return when the bell rings, or after so many seconds; the bell is left as it is."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bell.wait()
