"""What an accepted message survives, as far as the broker can be made to prove it."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.request
from typing import Any

import msgspec

from forebay.durability import Durability
from forebay.queue.drivers.nats.api import Json

ENOUGH_REPLICAS = 3
PROOF_SECONDS = 1.0


async def proved(stream: Json, info: Json, monitor: str) -> tuple[Durability, str]:
    """Return the class of a stream, and by what it is known.

    Arguments:
        stream: what the server tells of it.
        info: what the server told when we connected.
        monitor: the address of its monitoring; empty: nobody has named one.
    """
    config = stream["config"]
    if config.get("storage") != "file":
        return Durability.MEMORY, f"storage {config.get('storage')}"
    if config.get("persist_mode") == "async":
        return Durability.MEMORY, "persist_mode async: acknowledged before it is written"
    if int(config.get("num_replicas") or 1) >= ENOUGH_REPLICAS:
        return Durability.REPLICATED, f"num_replicas {config['num_replicas']}"
    if not monitor:
        return Durability.OS, "storage file; whether it syncs, ?monitor=http://host:8222 would tell"
    told = await asyncio.to_thread(varz, monitor)
    if told is None:
        return Durability.OS, f"storage file; {monitor}/varz does not answer"
    leader = (stream.get("cluster") or {}).get("leader") or info.get("server_name")
    ours = leader != info.get("server_name") or told.get("server_id") == info.get("server_id")
    if told.get("server_name") != leader or not ours:
        return Durability.OS, f"storage file; {monitor} is not the server that leads the stream"
    if syncs(told):
        return Durability.FSYNC, "storage file, sync_interval always"
    return Durability.OS, f"storage file, {interval_of(told)}"


def varz(monitor: str) -> Json | None:
    """Return what a server tells of itself over HTTP; None where it does not."""
    with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
        with urllib.request.urlopen(f"{monitor}/varz", timeout=PROOF_SECONDS) as answer:
            told: Any = msgspec.json.decode(answer.read())
        return told if isinstance(told, dict) else None
    return None


def syncs(told: Json) -> bool:
    """Whether a server has each message on its disk before it acknowledges it."""
    return bool(((told.get("jetstream") or {}).get("config") or {}).get("sync_always"))


def interval_of(told: Json) -> str:
    """Return how often a server syncs, in its own words."""
    nanoseconds = ((told.get("jetstream") or {}).get("config") or {}).get("sync_interval")
    return f"sync_interval {int(nanoseconds) // 1_000_000_000}s" if nanoseconds else "sync_interval 2m"
