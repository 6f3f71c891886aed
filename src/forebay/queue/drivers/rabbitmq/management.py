"""The HTTP API of RabbitMQ's management plugin: the names of things, and settings that AMQP does not tell."""

from __future__ import annotations

import asyncio
import base64
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from forebay.errors import Unavailable
from forebay.queue.drivers.rabbitmq.connection import Account

T = TypeVar("T")

SECONDS = 10.0
TAG = "give the user the tag monitoring: rabbitmqctl set_user_tags USER monitoring"
HINT = "enable it: rabbitmq-plugins enable rabbitmq_management; where it is: ?management=http://host:15672"


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue as the API tells of it.

    Arguments:
        name: of the queue.
        type: classic, quorum or stream.
        durable, auto_delete, exclusive: as it was declared.
        arguments: as it was declared.
        policy: what policies of the operator add to them.
        members: machines that hold it.
        unacknowledged: messages that are out; as old as the statistics of the broker.
        bytes: that its messages take; as old.
    """

    name: str
    type: str = "classic"
    durable: bool = True
    auto_delete: bool = False
    exclusive: bool = False
    arguments: dict[str, Any] = {}
    policy: dict[str, Any] = msgspec.field(name="forebay-policy", default={})  # "policy" is a name there
    members: list[str] = []
    unacknowledged: int = msgspec.field(name="messages_unacknowledged", default=0)
    bytes: int = msgspec.field(name="message_bytes", default=0)

    def setting(self, name: str) -> Any:
        """Return what an argument or a policy sets; None: neither does."""
        return _stricter(self.arguments.get(f"x-{name}"), self.policy.get(name))

    def ruled_by(self, *kinds: Sequence[Policy]) -> Queue:
        """Return it with what the first policy of each kind that concerns it sets."""
        merged: dict[str, Any] = {}
        for policies in kinds:
            for name, value in next((one.definition for one in policies if one.concerns(self)), {}).items():
                merged[name] = _stricter(value, merged.get(name))
        return msgspec.structs.replace(self, policy=merged)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator sets for all queues whose names match.

    Arguments:
        pattern: of the names.
        definition: what is set.
        apply_to: exchanges, queues, all, or one type of queues.
        priority: of those that match the highest counts.
    """

    pattern: str
    definition: dict[str, Any] = {}
    apply_to: str = msgspec.field(name="apply-to", default="all")
    priority: int = 0

    def concerns(self, queue: Queue) -> bool:
        """Return whether it sets something for a queue."""
        return self.apply_to in {"all", "queues", f"{queue.type}_queues"} and self._matches(queue.name)

    def _matches(self, name: str) -> bool:
        try:
            return re.search(self.pattern, name) is not None
        except re.error:  # Erlang's expressions are a little richer than ours
            return True


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange as the API tells of it.

    Arguments:
        name, type: of the exchange.
        durable: whether it outlives the broker's process.
    """

    name: str
    type: str = ""
    durable: bool = True


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A machine of the broker.

    Arguments:
        name: of the node.
        mem_alarm, disk_free_alarm: it takes no messages now.
        disk_free: bytes; None: not told.
        disk_free_limit: bytes below which it takes no messages; None: not told.
    """

    name: str
    mem_alarm: bool = False
    disk_free_alarm: bool = False
    disk_free: Any = None
    disk_free_limit: Any = None


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """A feature flag of the broker.

    Arguments:
        name: of the flag.
        state: enabled or disabled.
    """

    name: str
    state: str = ""


class Management:
    """Asks the HTTP API.

    Arguments:
        place: where it is; empty: where it is by default on the broker's host.
        account: whose user and password it takes.
    """

    def __init__(self, place: str, account: Account) -> None:
        host = f"[{account.host}]" if ":" in account.host else account.host
        self._place = place or f"http://{host}:15672"
        self._vhost = quote(account.vhost, safe="")
        self._authorization = "Basic " + base64.b64encode(f"{account.user}:{account.password}".encode()).decode()

    async def queues(self) -> list[Queue]:
        """Return all queues of the virtual host, with what policies set now: the broker's own account of it is late."""
        queues = await self._get(f"queues/{self._vhost}", list[Queue])
        ordinary = await self._get(f"policies/{self._vhost}", list[Policy])
        overriding = await self._get(f"operator-policies/{self._vhost}", list[Policy])
        for policies in (ordinary, overriding):
            policies.sort(key=lambda policy: -policy.priority)
        return [queue.ruled_by(ordinary, overriding) for queue in queues]

    async def exchanges(self) -> list[Exchange]:
        """Return all exchanges of the virtual host."""
        return await self._get(f"exchanges/{self._vhost}", list[Exchange])

    async def nodes(self) -> list[Node]:
        """Return the machines of the broker."""
        return await self._get("nodes", list[Node])

    async def flags(self) -> list[Flag]:
        """Return the feature flags of the broker; older ones (3.10) tell them to administrators only."""
        return await self._get("feature-flags", list[Flag])

    async def _get(self, what: str, kind: type[T]) -> T:
        """Return the answer to one question.

        Raises:
            Unavailable: the API is not there, or it refuses the user, who may be let in by AMQP all the same.
        """
        try:
            return msgspec.json.decode(await asyncio.to_thread(self._read, what), type=kind)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in {401, 403}:
                raise Unavailable(f"RabbitMQ's HTTP API at {self._place} refuses the user", TAG) from None
            raise Unavailable(f"RabbitMQ's HTTP API at {self._place} answers {error.code}", HINT) from None
        except (OSError, msgspec.DecodeError) as error:
            raise Unavailable(f"RabbitMQ's HTTP API at {self._place} cannot be reached: {error}", HINT) from None

    def _read(self, what: str) -> bytes:
        request = urllib.request.Request(f"{self._place}/api/{what}", headers={"Authorization": self._authorization})
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return bytes(answer.read())


def _stricter(one: Any, other: Any) -> Any:
    """Return the smaller of two limits, or whichever setting there is."""
    if isinstance(one, int) and isinstance(other, int):
        return min(one, other)
    return other if one is None else one
