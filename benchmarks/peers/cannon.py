"""Fires at a URL by the engine, in a process of its own on the last processor; prints its figures as JSON.

python cannon.py URL SECONDS CONNECTIONS [RATE]; GUN=1: by a gun of Python on a bare asyncio stream instead
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sys
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from forebay.load.battery import Battery
from forebay.load.engines.gun import Shoot
from forebay.load.firing import Firing
from forebay.load.profiles.shapes import Const
from forebay.load.shot import Shot

SHOT = Shot(method="GET")


def ammo(index: int) -> Shot:
    return SHOT


@contextlib.asynccontextmanager
async def gun() -> AsyncIterator[Shoot]:
    """Yield the least that a gun can do: a pool of streams, and answers read by their length."""
    parts = urlsplit(sys.argv[1])
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def shoot(shot: Shot) -> int:
        reader, writer = free.pop() if free else await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        free.append((reader, writer))
        return int(head[9:12])

    yield shoot
    for _, writer in free:
        writer.close()


def main() -> None:
    url, seconds, connections = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    profile = Const(float(sys.argv[4])) if len(sys.argv) > 4 else None
    own = gun if os.environ.get("GUN") else None
    battery = Battery(Firing(url, ammo, seconds, profile, connections=connections, gun=own))
    run = battery.fire()
    if run.accepted != run.planned:
        sys.exit(f"{run.accepted} of {run.planned} were answered: {dict(run.reasons)}")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {
        "a second": run.accepted / max(seconds, run.elapsed_seconds),
        "µs of processor a shot": (usage.ru_utime + usage.ru_stime) / run.planned * 1e6,
        "late p50 µs": run.late.percentile(50) * 1e6,
        "late p99 ms": run.late.percentile(99) * 1e3,
        "lag p50 µs": run.lag.percentile(50) * 1e6,
        "response p99 ms": run.response.percentile(99) * 1e3,
        "MB of the process": usage.ru_maxrss / 1024,
    }
    print(json.dumps(figures))


main()
