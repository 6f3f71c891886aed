"""The Lua scripts: each is one step for the server, whatever dies meanwhile."""

from __future__ import annotations

from importlib import resources
from typing import Any

from redis import exceptions

from forebay.errors import Unavailable
from forebay.queue.drivers.redis.failures import GONE, refusal
from forebay.redisserver import script
from forebay.redisserver.failures import first_word
from forebay.redisserver.wire import Wire

_FOLDER = resources.files("forebay.queue.drivers.redis") / "lua"
_SHARED = (_FOLDER / "shared.lua").read_text("utf-8")


class GroupGone(Unavailable):
    """The server does not know the topic or the group any more; nothing has happened."""

    def __init__(self) -> None:
        super().__init__("the topic or the group is gone from Redis", "was it flushed, or removed?")


class Script(script.Script):
    """One of the files in the folder ``lua``, behind what they share."""

    def __init__(self, name: str) -> None:
        super().__init__(_SHARED + (_FOLDER / f"{name}.lua").read_text("utf-8"))

    async def run(self, wire: Wire, topic: str, *arguments: str | bytes | float) -> Any:
        """Run it on a topic.

        Arguments:
            wire: to the server.
            topic: its key.
            arguments: the group, the time (empty: that of the server), and what the script says.

        Raises:
            GroupGone: there is no such topic or group. Unavailable: nothing happened. Unknown: nobody can say.
        """
        try:
            return await super().run(wire, topic, *arguments)
        except exceptions.RedisError as error:
            if first_word(error) == GONE:
                raise GroupGone() from error
            raise refusal(error) from error


OPEN = Script("open")
PUBLISH = Script("publish")
CLAIM = Script("claim")
SETTLE = Script("settle")
EXTEND = Script("extend")
RELEASE = Script("release")
COUNTS = Script("counts")
FIND = Script("find")
DEAD = Script("dead")
BRING_BACK = Script("bring_back")
PURGE = Script("purge")
REMOVE = Script("remove")


def key_of(topic: str) -> str:
    """Return the key of a topic; all others begin with it, so that its braces put them into one slot of a cluster."""
    return f"forebay:{{{topic}}}"


def bell_of(topic: str, group: str) -> str:
    """Return the channel on which a group hears that something is ready."""
    return f"{key_of(topic)}:{group}:bell"
