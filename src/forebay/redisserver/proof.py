"""What a server's settings prove about what it has accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from redis import exceptions

from forebay.durability import Durability
from forebay.errors import Unsupported
from forebay.redisserver.failures import refusal
from forebay.redisserver.wire import Wire

SETTINGS = (
    "appendonly",
    "appendfsync",
    "no-appendfsync-on-rewrite",
    "maxmemory",
    "maxmemory-policy",
    "min-replicas-to-write",
    "protected-mode",
    "bind",
)
OLDEST = (6, 2)
"""The first version that has all commands of the scripts."""


class Proof(msgspec.Struct, frozen=True):
    """What was asked of a server, and what it answered.

    Arguments:
        settings: by the names of CONFIG GET; empty where the account may not ask.
        facts: those of INFO; empty where the account may not ask.
    """

    settings: Mapping[str, str]
    facts: Mapping[str, str]

    @property
    def product(self) -> str:
        """What calls itself so: Redis or Valkey."""
        return "Valkey" if "valkey_version" in self.facts or self.facts.get("server_name") == "valkey" else "Redis"

    @property
    def version(self) -> str:
        """The version of the server; Valkey also tells that of the Redis that it is like."""
        return self.facts.get("valkey_version") or self.facts.get("redis_version", "unknown")

    @property
    def too_old(self) -> bool:
        """Whether the server lacks commands that the scripts need."""
        parts = self.facts.get("redis_version", "").split(".")[:2]
        return all(part.isdigit() for part in parts) and tuple(map(int, parts)) < OLDEST if parts != [""] else False

    @property
    def evicts(self) -> bool:
        """Whether the server drops keys when its memory is full; `volatile` spares keys that never expire."""
        limit = self.settings.get("maxmemory") or self.facts.get("maxmemory", "0")
        policy = self.settings.get("maxmemory-policy") or self.facts.get("maxmemory_policy", "noeviction")
        return limit != "0" and policy.startswith("allkeys")

    @property
    def durability(self) -> Durability:
        """What it has accepted survives, as far as it is proved."""
        if self.evicts or not self._logs:
            return Durability.MEMORY
        always = self.settings.get("appendfsync") == "always"
        never_pauses = self.settings.get("no-appendfsync-on-rewrite") == "no"
        return Durability.FSYNC if always and never_pauses else Durability.OS

    @property
    def words(self) -> str:
        """The settings that prove the durability."""
        if self.settings:
            shown = ("appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy")
            return ", ".join(f"{name} {self.settings[name]}" for name in shown if name in self.settings)
        if self.facts:
            return f"aof_enabled {self.facts.get('aof_enabled', '?')} (CONFIG GET is not allowed: fsync is not proved)"
        return "neither CONFIG GET nor INFO is allowed: nothing is proved"

    @property
    def _logs(self) -> bool:
        return self.settings.get("appendonly") == "yes" or self.facts.get("aof_enabled") == "1"


async def prove(wire: Wire) -> Proof:
    """Ask a server for its settings; what the account may not ask counts as not proved.

    Raises:
        Unsupported: the server is too old. Unavailable: it cannot be reached.
    """
    pairs, text = await asyncio.gather(_settings(wire), _allowed(wire, "INFO", "all"))
    lines = text.decode(errors="replace").splitlines() if isinstance(text, bytes) else []
    facts = dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
    proof = Proof(pairs, facts)
    if proof.too_old:
        raise Unsupported(f"{proof.product} {proof.version} is too old", "Redis 6.2 or newer, or Valkey")
    return proof


async def _settings(wire: Wire) -> dict[str, str]:
    answers = await asyncio.gather(*(_allowed(wire, "CONFIG", "GET", name) for name in SETTINGS))
    return {name: answer[1].decode(errors="replace") for name, answer in zip(SETTINGS, answers, strict=True) if answer}


async def _allowed(wire: Wire, *words: str) -> Any:
    """Return the answer to a question that many servers forbid, None where this one does."""
    try:
        return await wire.call(*words)
    except exceptions.ResponseError:
        return None
    except exceptions.RedisError as error:
        raise refusal(error) from error
