"""What `forebay doctor` finds on a Redis server: every setting that loses messages, or stops them, with its mend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from forebay.queue.admin import Finding, Severity, fine
from forebay.queue.drivers.redis.scripts import key_of
from forebay.redisserver.proof import Proof
from forebay.url import URL

LOSES, WARNS = Severity.LOSES, Severity.WARNS

MENDED: Final = {
    "Redis": ((6, 2, 20), (7, 2, 11), (7, 4, 6), (8, 0, 4), (8, 2, 2)),
    "Valkey": ((7, 2, 11), (8, 0, 6), (8, 1, 4)),
}
"""The first releases of each line in which a script cannot run foreign code (CVE-2025-49844)."""
NEARLY_FULL: Final = 0.8
KEPT: Final = ("messages", "ready", "leases", "delayed", "unfinished", "dead")


def examine_server(proof: Proof, url: URL) -> list[Finding]:
    """Return what the settings and the state of a server mean."""
    findings = [_version(proof), *_role(proof), *_disk(proof)]
    if not proof.settings:
        why = "the account may not ask for the settings: what is not proved counts as not given"
        mend = "ACL SETUSER ... +config|get; on a managed service look at its own pages"
        return [*findings, Finding(severity=WARNS, setting="CONFIG GET", value="not allowed", why=why, mend=mend)]
    return [*findings, _log(proof), *_sync(proof), _eviction(proof), _memory(proof), _open_door(proof, url)]


async def examine_topic(ask: Callable[..., Awaitable[Any]], topic: str, groups: Sequence[str]) -> list[Finding]:
    """Return what was done to the structures of a topic from outside."""
    findings = []
    for group in groups:
        key = f"{key_of(topic)}:{group}"
        findings += [_kept_for_ever(f"{key}:{kind}", await ask("PTTL", f"{key}:{kind}")) for kind in KEPT]
        known = await ask("ZCARD", f"{key}:unfinished") + await ask("ZCARD", f"{key}:dead")
        missing = known - await ask("HLEN", f"{key}:messages")
        if missing > 0:
            why = f"{missing} messages have lost their content: somebody else writes to these keys"
            mend = "keep others away from forebay:* (ACL), and send these messages again"
            findings.append(Finding(severity=LOSES, setting=f"{key}:messages", value="damaged", why=why, mend=mend))
    return [finding for finding in findings if finding is not None]


def _kept_for_ever(key: str, milliseconds: int) -> Finding | None:
    if milliseconds < 0:  # there is no such key, or it never expires
        return None
    why, mend = "the key expires, and all that it holds with it", f"redis-cli PERSIST {key}"
    return Finding(severity=LOSES, setting=f"TTL {key}", value=f"{milliseconds} ms", why=why, mend=mend)


def _log(proof: Proof) -> Finding:
    value = proof.settings.get("appendonly", "unknown")
    if value == "yes":
        return fine("appendonly", value)
    why = "a restart of the server loses what was accepted since its last snapshot, or all of it"
    mend = "CONFIG SET appendonly yes, and the same line in redis.conf"
    return Finding(severity=LOSES, setting="appendonly", value=value, why=why, mend=mend)


def _sync(proof: Proof) -> list[Finding]:
    value = proof.settings.get("appendfsync", "unknown")
    mend = "CONFIG SET appendfsync always, and the same line in redis.conf"
    if value == "always":
        findings = [fine("appendfsync", value)]
    elif value == "everysec":
        why = "a power cut loses what was accepted in the last second or two"
        findings = [Finding(severity=WARNS, setting="appendfsync", value=value, why=why, mend=mend)]
    else:
        why = "a power cut loses whatever the system has not yet written to the disk, half a minute of it"
        findings = [Finding(severity=LOSES, setting="appendfsync", value=value, why=why, mend=mend)]
    if (pauses := proof.settings.get("no-appendfsync-on-rewrite")) == "yes":
        why = "while the log is rewritten nothing is synced: a power cut then loses all of it"
        mend = "CONFIG SET no-appendfsync-on-rewrite no"
        setting = "no-appendfsync-on-rewrite"
        findings.append(Finding(severity=WARNS, setting=setting, value=pauses, why=why, mend=mend))
    return findings


def _eviction(proof: Proof) -> Finding:
    value = proof.settings.get("maxmemory-policy", "unknown")
    if not value.startswith("allkeys"):
        return fine("maxmemory-policy", value)  # our keys never expire, so the volatile policies spare them
    mend = "CONFIG SET maxmemory-policy noeviction, and the same line in redis.conf"
    if proof.evicts:
        why = "when the memory is full the server drops messages, a whole group at once"
        return Finding(severity=LOSES, setting="maxmemory-policy", value=value, why=why, mend=mend)
    why = "as soon as maxmemory is set, the server drops messages when its memory is full"
    return Finding(severity=WARNS, setting="maxmemory-policy", value=value, why=why, mend=mend)


def _memory(proof: Proof) -> Finding:
    limit, used = int(proof.settings.get("maxmemory", "0")), int(proof.facts.get("used_memory", "0"))
    if not limit:
        why = "a long queue makes the system kill the server when the memory of the machine is gone"
        mend = "CONFIG SET maxmemory to two thirds of the machine: then publishing is refused, and nothing lost"
        return Finding(severity=WARNS, setting="maxmemory", value="0 (no limit)", why=why, mend=mend)
    if used > limit * NEARLY_FULL:
        why = f"{used / limit:.0%} of it is used; when it is full, publishing is refused"
        mend = "raise maxmemory, add workers, or limit the places"
        return Finding(severity=WARNS, setting="maxmemory", value=str(limit), why=why, mend=mend)
    return fine("maxmemory", str(limit))


def _open_door(proof: Proof, url: URL) -> Finding:
    value, bind = proof.settings.get("protected-mode", "unknown"), proof.settings.get("bind", "")
    local = all(address.lstrip("-") in {"127.0.0.1", "::1"} for address in bind.split()) and bool(bind)
    if value != "no" or local or url.password:
        return fine("protected-mode", value)
    why = "whoever reaches the port can read and remove all messages"
    mend = "ACL SETUSER with a password for forebay, and CONFIG SET protected-mode yes"
    return Finding(severity=WARNS, setting="protected-mode", value=value, why=why, mend=mend)


def _version(proof: Proof) -> Finding:
    parts = tuple(int(part) for part in proof.version.split(".")[:3] if part.isdigit())
    lines = MENDED[proof.product]
    first = next((mended for mended in lines if mended[:2] == parts[:2]), None)
    if not parts or parts > lines[-1] or (first is not None and parts >= first):
        return fine("version", proof.version)
    why = "whoever may run scripts may run anything on the machine of the server (CVE-2025-49844)"
    mend = f"upgrade to {'.'.join(map(str, first or lines[-1]))} or newer, unless your distribution has mended it"
    return Finding(severity=WARNS, setting="version", value=proof.version, why=why, mend=mend)


def _role(proof: Proof) -> list[Finding]:
    role, replicas = proof.facts.get("role", "master"), int(proof.facts.get("connected_slaves", "0"))
    if role != "master":
        why, mend = "this is a replica: what is written to it is refused, or lost with the next sync", "name the master"
        return [Finding(severity=LOSES, setting="role", value=role, why=why, mend=mend)]
    least = proof.settings.get("min-replicas-to-write", "0")
    if replicas and least == "0":
        why = "the server accepts also while no replica hears it: a failover then loses all of that"
        mend = "CONFIG SET min-replicas-to-write 1; a failover can still lose what was under way"
        return [Finding(severity=WARNS, setting="min-replicas-to-write", value=least, why=why, mend=mend)]
    if replicas < int(least):
        why = f"only {replicas} replicas are connected: nothing is accepted"
        mend = "bring the replicas back"
        return [Finding(severity=WARNS, setting="min-replicas-to-write", value=least, why=why, mend=mend)]
    return []


def _disk(proof: Proof) -> list[Finding]:
    told = {
        "aof_last_write_status": "the log cannot be written: nothing is accepted, or not kept",
        "aof_last_bgrewrite_status": "the log cannot be rewritten: it grows until the disk is full",
        "rdb_last_bgsave_status": "no snapshot can be written; by default the server then accepts nothing",
    }
    mend = "free some space on the disk of the server, and look into its log"
    return [
        Finding(severity=WARNS, setting=name, value=value, why=why, mend=mend)
        if (value := proof.facts[name]) != "ok"
        else fine(name, value)
        for name, why in told.items()
        if name in proof.facts
    ]
