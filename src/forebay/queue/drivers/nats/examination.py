"""Settings of a NATS server and its streams that lose messages, as a table: what is bad, why, and how it is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from forebay.queue.admin import Finding, Severity, fine
from forebay.queue.drivers.nats.api import Json
from forebay.queue.drivers.nats.durability import ENOUGH_REPLICAS, interval_of, syncs
from forebay.queue.drivers.nats.structures import ATOMIC_SINCE, SECOND, Way, version_of

LOSES, WARNS = Severity.LOSES, Severity.WARNS
SHORTEST_WINDOW = 60 * SECOND
SYNC_SINCE = (2, 10)
NEARLY_FULL = 0.8


@dataclass(frozen=True)
class Check:
    """One setting that may be bad.

    Arguments:
        setting: as the server calls it.
        bad: how bad a value is; None: fine.
        why, mend: what to say then; ``{name}`` is the stream, ``{consumer}`` the consumer.
        otherwise: the value of one that the server does not tell.
    """

    setting: str
    bad: Callable[[Json], Severity | None]
    why: str
    mend: str
    otherwise: object = ""

    def judge(self, config: Json) -> tuple[Severity | None, str]:
        """Return how bad the setting is in a configuration, and what it is."""
        return self.bad(config), str(config.get(self.setting, self.otherwise))

    def look(self, config: Json, where: str, **names: str) -> Finding:
        """Return what is found in a configuration."""
        severity, value = self.judge(config)
        setting = f"{where}: {self.setting}"
        if severity is None:
            return fine(setting, value)
        return Finding(severity=severity, setting=setting, value=value, why=self.why, mend=self.mend.format(**names))


def _if(bad: bool, severity: Severity) -> Severity | None:
    return severity if bad else None


def _limited(config: Json) -> bool:
    return any(int(config.get(limit) or 0) > 0 for limit in ("max_msgs", "max_bytes"))


STREAM = (
    Check(
        "storage",
        lambda config: _if(config.get("storage") != "file", LOSES),
        "all messages are gone when the server ends",
        "nats stream rm {name}, and let forebay make it anew: storage cannot be changed",
    ),
    Check(
        "discard",
        lambda config: _if(config.get("discard") != "new", LOSES if _limited(config) else WARNS),
        "at the stream's limit the oldest messages are dropped, though nobody has worked them off",
        "nats stream edit {name} --discard=new",
    ),
    Check(
        "max_age",
        lambda config: _if(bool(config.get("max_age")), LOSES),
        "messages of this age (in nanoseconds) are dropped, though nobody has worked them off",
        "nats stream edit {name} --max-age=0",
        0,
    ),
    Check(
        "max_msgs_per_subject",
        lambda config: _if(int(config.get("max_msgs_per_subject") or 0) > 0, LOSES),
        "a newer message of the same key drops an older one",
        "nats stream edit {name} --max-msgs-per-subject=-1",
        -1,
    ),
    Check(
        "max_msgs",
        lambda config: _if(int(config.get("max_msgs") or 0) > 0, WARNS),
        "at this number nothing more is accepted; it counts what is done and not yet trimmed too",
        "nats stream edit {name} --max-msgs=-1, and limit the places (--places)",
        -1,
    ),
    Check(
        "max_bytes",
        lambda config: _if(int(config.get("max_bytes") or 0) > 0, WARNS),
        "at this size nothing more is accepted; it counts what is done and not yet trimmed too",
        "nats stream edit {name} --max-bytes=-1",
        -1,
    ),
    Check(
        "max_msg_size",
        lambda config: _if(int(config.get("max_msg_size") or 0) > 0, WARNS),
        "larger messages are refused, and so is the return of a dead letter whose story has made it larger",
        "nats stream edit {name} --max-msg-size=-1",
        -1,
    ),
    Check(
        "num_replicas",
        lambda config: _if(int(config.get("num_replicas") or 1) < ENOUGH_REPLICAS, WARNS),
        "the loss of one machine loses all messages",
        "in a cluster of three or more: nats stream edit {name} --replicas=3",
        1,
    ),
    Check(
        "duplicate_window",
        lambda config: _if(int(config.get("duplicate_window") or 0) < SHORTEST_WINDOW, WARNS),
        "a publish that is repeated because its answer was lost may be stored twice",
        "nats stream edit {name} --dupe-window=2m",
    ),
    Check(
        "persist_mode",
        lambda config: _if(config.get("persist_mode") == "async", LOSES),
        "messages are acknowledged before they are written",
        "nats stream rm {name}, and let forebay make it anew: persist_mode cannot be changed",
        "default",
    ),
    Check(
        "no_ack",
        lambda config: _if(bool(config.get("no_ack")), LOSES),
        "the server does not say whether it has stored a message; each publish ends as unknown",
        "nats stream edit {name} --ack",
        False,
    ),
    Check(
        "allow_rollup_hdrs",
        lambda config: _if(bool(config.get("allow_rollup_hdrs")), WARNS),
        "a publisher may wipe the whole stream with one header",
        "nats stream edit {name} --no-allow-rollup",
        False,
    ),
    Check(
        "retention",
        lambda config: _if(config.get("retention") == "workqueue", WARNS),
        "only one group can exist; each message that is done costs a write to the disk",
        "nats stream rm {name}, and let forebay make it anew",
    ),
)
KEEPS_ONE = ("storage", "discard", "max_age", "num_replicas", "persist_mode", "no_ack", "max_msgs", "max_bytes")
"""What matters of the streams beside the first: of one subject they keep one message, or remove each by itself."""

CONSUMER = (
    Check(
        "ack_policy",
        lambda config: _if(config.get("ack_policy") != "explicit", LOSES),
        "messages count as done before anybody has worked them off",
        "nats consumer rm {name} {consumer}, and let forebay make it anew",
    ),
    Check(
        "max_deliver",
        lambda config: _if(int(config.get("max_deliver") or -1) > 0, LOSES),
        "after so many deliveries a message is never delivered again, nor is it a dead letter",
        "nats consumer edit {name} {consumer} --max-deliver=-1",
        -1,
    ),
    Check(
        "max_ack_pending",
        lambda config: _if(int(config.get("max_ack_pending") or -1) > 0, WARNS),
        "when so many messages are in work or wait for another attempt, nothing more is delivered",
        "nats consumer edit {name} {consumer} --max-pending=-1",
        -1,
    ),
    Check(
        "inactive_threshold",
        lambda config: _if(bool(config.get("inactive_threshold")), LOSES),
        "the server removes the group when nobody fetches for so long, with its place in the stream",
        "nats consumer edit {name} {consumer} --inactive-threshold=0s",
        0,
    ),
    Check(
        "paused",
        lambda config: _if(bool(config.get("paused")), WARNS),
        "nothing is delivered until it goes on",
        "nats consumer resume {name} {consumer}",
        False,
    ),
)


def of_streams(first: Json, beside: Sequence[Json]) -> Iterator[Finding]:
    """Yield what is found in the streams of a topic; what is the same in several is said once.

    Arguments:
        first: the one with the messages, as the server tells it.
        beside: the others.
    """
    for check in STREAM:
        alike: dict[tuple[Severity | None, str], list[Json]] = {}
        for stream in [first, *beside] if check.setting in KEEPS_ONE else [first]:
            alike.setdefault(check.judge(stream["config"]), []).append(stream["config"])
        for config, *others in alike.values():
            found = check.look(config, f"stream {config['name']}", name=config["name"])
            yield _of_others_too(found, [str(other["name"]) for other in others])


def _of_others_too(found: Finding, others: Sequence[str]) -> Finding:
    if not others or found.severity is Severity.FINE:
        return found
    return msgspec.structs.replace(found, mend=f"{found.mend}; likewise {', '.join(others)}")


def of_consumer(consumer: Json) -> Iterator[Finding]:
    """Yield what is found in the consumer of a group."""
    stream, name = consumer["stream_name"], consumer["name"]
    config = {**consumer["config"], "paused": bool(consumer.get("paused"))}
    for check in CONSUMER:
        yield check.look(config, f"consumer {stream}/{name}", name=stream, consumer=name)


def lacking(way: Way) -> Finding:
    """Return what is to be said of a consumer that a group should have and has not."""
    return Finding(
        severity=LOSES,
        setting=f"consumer {way.stream}/{way.consumer}",
        value="missing",
        why="messages that only it would deliver (delayed, or returned from the dead letters) do not reach the group",
        mend="open the topic with this group: forebay makes it anew",
    )


def of_server(info: Json, told: Json | None, account: Json) -> Iterator[Finding]:
    """Yield what is found in the server.

    Arguments:
        info: what it says when one connects.
        told: what its monitoring says; None: nobody has named its address, or it does not answer.
        account: the limits and the use of our account.
    """
    version = str(info.get("version", ""))
    yield _syncing(version, told)
    yield _batching(version)
    yield _open_door(bool(info.get("auth_required")))
    yield _space(int(account.get("storage") or 0), int((account.get("limits") or {}).get("max_storage") or -1))


def _batching(version: str) -> Finding:
    if version_of(version) >= ATOMIC_SINCE:
        return fine("version", version)
    why = "it cannot store a batch as one: with sync_interval always each publish waits for the disk"
    return Finding(severity=WARNS, setting="version", value=version, why=why, mend="nats-server 2.12 or newer")


def _open_door(closed: bool) -> Finding:
    if closed:
        return fine("authorization", "required")
    why = "whoever reaches the server may read, remove and acknowledge all messages"
    mend = "authorization { user: ..., password: ... } in the server's configuration"
    return Finding(severity=WARNS, setting="authorization", value="none", why=why, mend=mend)


def _space(used: int, limit: int) -> Finding:
    value = f"{used} of {limit if limit > 0 else 'any number of'} bytes"
    if limit <= 0 or used <= NEARLY_FULL * limit:
        return fine("max_storage", value)
    why, mend = "when it is used up nothing more is accepted", "raise max_file_store, or the limit of the account"
    return Finding(severity=WARNS, setting="max_storage", value=value, why=why, mend=mend)


def _syncing(version: str, told: Json | None) -> Finding:
    newer = "sync_interval: always in the block jetstream { } of the server, or three replicas"
    if version_of(version) < SYNC_SINCE:
        why = "a power cut loses what was accepted in the last two minutes, or the whole stream"
        return Finding(severity=LOSES, setting="sync_interval", value="2m, fixed", why=why, mend=f"2.10 and {newer}")
    if told is None:
        why = "whether a power cut loses accepted messages is not known: by default it does"
        mend = "?monitor=http://host:8222 lets the server prove it"
        return Finding(severity=WARNS, setting="sync_interval", value="not told", why=why, mend=mend)
    if syncs(told):
        return fine("sync_interval", "always")
    why = "a power cut loses what was accepted since the last sync, or the whole stream"
    return Finding(severity=LOSES, setting="sync_interval", value=interval_of(told), why=why, mend=newer)
