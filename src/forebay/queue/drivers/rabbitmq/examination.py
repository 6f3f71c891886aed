"""Which settings of RabbitMQ lose messages, and how to mend them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from forebay.durability import Durability
from forebay.errors import Unavailable
from forebay.queue.admin import Finding, Severity, fine
from forebay.queue.drivers.rabbitmq.address import EACH_EXPIRES
from forebay.queue.drivers.rabbitmq.management import Flag, Node, Queue

SAFE_DELIVERY_LIMIT = 1_000
"""Returns of a message below which a limit of the broker may come before the attempts of a policy."""
LITTLE_DISK = 200_000_000
"""Bytes: with a limit below it the disk is full before the alarm rings, or soon after."""

CONSUMER_TIMEOUT = Finding(
    severity=Severity.WARNS,
    setting="consumer_timeout",
    value="not told by the broker (30 minutes by default)",
    why="a message that is longer in work, or in order and longer in retry, is taken away and delivered again",
    mend="consumer_timeout = 86400000 in rabbitmq.conf, where handlers may take that long",
)


FLAGS_NOT_TOLD = Finding(
    severity=Severity.WARNS,
    setting="feature flag stream_queue",
    value="not told to this user",
    why="without it messages that wait for their time are moved without confirmation; a crash then loses them",
    mend="rabbitmqctl list_feature_flags, and enable_feature_flag stream_queue where it is disabled",
)


def not_seen(reason: Unavailable) -> Finding:
    """Say that AMQP alone does not tell enough."""
    return Finding(
        severity=Severity.WARNS,
        setting="management",
        value=reason.what,
        why="policies, alarms, replicas and the settings of queues that others declared were not examined",
        mend=reason.hint,
    )


def durability_of(queues: Iterable[Queue]) -> Durability:
    """Return what messages survive in the weakest of these queues; without any, in those that would be made."""
    classes = [_class_of(queue) for queue in queues if not _is_each(queue)]
    return min(classes, key=list(Durability).index, default=Durability.FSYNC)


def _class_of(queue: Queue) -> Durability:
    if not queue.durable:
        return Durability.MEMORY
    if queue.type != "quorum":
        return Durability.OS
    return Durability.REPLICATED if len(queue.members) > 1 else Durability.FSYNC


def findings_of_queue(queue: Queue, machines: int) -> list[Finding]:
    """Examine one queue of a topic, on a broker of so many machines."""
    if _is_each(queue):
        return []
    found = [*_that_drop(queue), *_that_vanish(queue), *_that_give_up(queue), *_that_break(queue, machines)]
    return found or [fine(queue.name, f"{queue.type}, durable, no limits")]


def _that_drop(queue: Queue) -> Iterable[Finding]:
    for limit in ("max-length", "max-length-bytes"):
        most, overflow = queue.setting(limit), queue.setting("overflow") or "drop-head"
        if most is not None and not str(overflow).startswith("reject-publish"):
            yield _loses(
                queue,
                limit,
                f"{most}, overflow {overflow}",
                "when it is full the oldest message is dropped without a word",
                'set "overflow": "reject-publish" in the policy, or take the limit away and use places',
            )
    if queue.setting("message-ttl") is not None and ".retry." not in queue.name and ".later." not in queue.name:
        yield _loses(
            queue,
            "message-ttl",
            f"{queue.setting('message-ttl')} ms",
            "a message that waits longer is dropped",
            "rabbitmqctl list_policies; take message-ttl out of the one that matches",
        )


def _that_vanish(queue: Queue) -> Iterable[Finding]:
    remove = "move its messages, remove the topic and make it anew with: forebay topics create"
    if not queue.durable:
        yield _loses(queue, "durable", "false", "it is gone when the broker restarts", remove)
    if queue.auto_delete:
        yield _loses(queue, "auto-delete", "true", "it is gone with its last consumer", remove)
    if queue.setting("expires") is not None:
        yield _loses(
            queue,
            "expires",
            f"{queue.setting('expires')} ms",
            "it is deleted with all that it holds when nobody has used it for so long",
            "rabbitmqctl list_policies; take expires out of the one that matches",
        )


def _that_give_up(queue: Queue) -> Iterable[Finding]:
    limit = queue.setting("delivery-limit")
    if limit is None or limit >= SAFE_DELIVERY_LIMIT:
        return
    target = queue.setting("dead-letter-exchange")
    if target is None:
        yield _loses(
            queue,
            "delivery-limit",
            str(limit),
            "a message whose workers died so often is dropped; so are its neighbours, which were innocent",
            "take delivery-limit out of the policy: forebay counts attempts and keeps dead letters",
        )
    else:
        yield _warns(
            queue,
            "delivery-limit",
            f"{limit}, dead letters to {target!r}",
            "a message whose workers died so often leaves forebay's sight, past its own dead letters",
            "take delivery-limit out of the policy: forebay counts attempts and keeps dead letters",
        )


def _that_break(queue: Queue, machines: int) -> Iterable[Finding]:
    members = len(queue.members) or machines  # of a new queue the broker tells them later
    if queue.durable and queue.type == "classic":
        yield _warns(
            queue,
            "type",
            "classic",
            "what was accepted lies in the page cache: a power cut may lose it, or the whole queue",
            "leave discipline=priority out, or use RabbitMQ 4.3 or newer, whose quorum queues have priorities",
        )
    if queue.type == "quorum" and members < 2 <= machines:
        yield _warns(
            queue,
            "members",
            str(members),
            "it lies on one machine: when that is lost, so are its messages",
            "rabbitmq-queues grow NODE all",
        )


def findings_of_broker(nodes: Sequence[Node], flags: Sequence[Flag] | None) -> list[Finding]:
    """Examine what concerns all queues; `flags` is None where the broker does not tell them to this user."""
    found = [CONSUMER_TIMEOUT, *([FLAGS_NOT_TOLD] if flags is None else [])]
    if len(nodes) == 1:
        why = "all queues lie on one machine: when that is lost, so are the messages"
        found.append(_of_broker(Severity.WARNS, "nodes", "1", why, "a cluster of three"))
    for node in nodes:
        found += _alarms(node)
    disabled = [flag.name for flag in flags or () if flag.name == "stream_queue" and flag.state == "disabled"]
    for name in disabled:
        why = "messages that wait for their time are moved without confirmation; a crash at that moment loses them"
        found.append(_of_broker(Severity.LOSES, f"feature flag {name}", "disabled", why, f"enable_feature_flag {name}"))
    return found


def _alarms(node: Node) -> Iterable[Finding]:
    refuses = "it takes no messages, and answers nobody who publishes"
    if node.mem_alarm:
        mend = "work the backlog off, or give it memory: vm_memory_high_watermark"
        yield _of_broker(Severity.WARNS, f"memory alarm of {node.name}", "on", refuses, mend)
    if node.disk_free_alarm:
        mend = "free some disk, or give it more"
        yield _of_broker(Severity.WARNS, f"disk alarm of {node.name}", "on", refuses, mend)
    if isinstance(node.disk_free_limit, int) and node.disk_free_limit < LITTLE_DISK:
        why = "the disk can be full before the alarm rings, and a broker without disk dies"
        value = f"{node.disk_free_limit} bytes"
        yield _of_broker(
            Severity.WARNS, f"disk_free_limit of {node.name}", value, why, "disk_free_limit.absolute = 2GB"
        )


def _is_each(queue: Queue) -> bool:
    return ":each." in queue.name and queue.arguments.get("x-expires") == EACH_EXPIRES


def _loses(queue: Queue, setting: str, value: str, why: str, mend: str) -> Finding:
    return _of_broker(Severity.LOSES, f"{setting} of {queue.name}", value, why, mend)


def _warns(queue: Queue, setting: str, value: str, why: str, mend: str) -> Finding:
    return _of_broker(Severity.WARNS, f"{setting} of {queue.name}", value, why, mend)


def _of_broker(severity: Severity, setting: str, value: Any, why: str, mend: str) -> Finding:
    return Finding(severity=severity, setting=setting, value=str(value), why=why, mend=mend)
