"""What the errors of a Redis server mean for a queue: nothing happened, it is full, or the caller is wrong."""

from __future__ import annotations

from typing import Final

from forebay.errors import ForebayError, QueueFull, UsageError
from forebay.redisserver import failures
from forebay.redisserver.failures import first_word

OURS: Final = "somebody else uses the keys forebay:*: take another database (?db=1) or another topic"
HINTS: Final = {
    **failures.HINTS,
    "NOAUTH": "write redis://user:password@host/orders",
    "NOPERM": "the account needs: on ~forebay:* &forebay:* +@read +@write +@pubsub +@scripting +@connection +time",
    "MOVED": "the topic lies on another server of the cluster: name that one",
    "WRONGTYPE": OURS,
    "FOREIGN": OURS,
}
"""By the first word of the server's error, or of a script's."""
GONE: Final = "GONE"


def refusal(error: Exception) -> ForebayError:
    """Return what an error that the server answered means: nothing has happened."""
    word = first_word(error)
    if word == "OOM":
        return QueueFull(
            "the memory of Redis is full; nothing was accepted", "raise maxmemory, or let workers drain it"
        )
    if word == "KEPT":
        return UsageError(str(error).removeprefix("KEPT "), "leave the discipline out, or drain it first")
    if word == "FOREIGN":
        return UsageError(f"{str(error).removeprefix('FOREIGN ')}, which is not one of ours", HINTS[word])
    return failures.refusal(error, HINTS)
