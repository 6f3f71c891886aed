"""A Lua script: one step for the server, whatever dies meanwhile."""

from __future__ import annotations

import hashlib
from typing import Any

from redis import exceptions

from forebay.redisserver.wire import Wire


class Script:
    """A script that the server is told by its digest, and by its text where it does not know it.

    Arguments:
        text: in Lua; what can fail comes before the first write, for what has been written is not undone.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, wire: Wire, key: str, *arguments: str | bytes | float) -> Any:
        """Run it; all its keys begin with `key`.

        Raises:
            ResponseError: the server refuses it. Unavailable: nothing happened. Unknown: nobody can say.
        """
        try:
            return await wire.call("EVALSHA", self.digest, 1, key, *arguments)
        except exceptions.NoScriptError:  # a new server, or a flush: it has not begun
            return await wire.call("EVAL", self.text, 1, key, *arguments)
