"""What the errors of Redis and of its client mean: nothing happened, nobody knows, or the caller is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from redis import exceptions

from forebay.errors import ForebayError, Unavailable, Unknown, Unsupported

HINTS = {
    "OOM": "raise maxmemory",
    "NOAUTH": "write redis://user:password@host",
    "WRONGPASS": "look at user and password of the URL",
    "SELECT": "the number in the path of the URL is that of a database, and the server has fewer",
    "READONLY": "this server is a replica: name the master",
    "LOADING": "the server reads its data; try again later",
    "MISCONF": "the server cannot write to its disk: free some space",
    "MOVED": "the keys lie on another server of the cluster: name that one",
}
"""By the first word of the server's error; by such a refusal nothing has happened."""
REFUSALS = {
    exceptions.OutOfMemoryError: "OOM",
    exceptions.NoPermissionError: "NOPERM",
    exceptions.AuthenticationError: "WRONGPASS",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.BusyLoadingError: "LOADING",
    exceptions.AskError: "MOVED",  # and MovedError, which is one
}
"""The client's own kinds, which have lost the first word."""


def first_word(error: Exception) -> str:
    """Return the code of a server's error."""
    for kind, word in REFUSALS.items():
        if isinstance(error, kind):
            return word
    if "user executing the script" in str(error):
        return "NOPERM"
    return str(error).partition(" ")[0]


def refusal(error: Exception, hints: Mapping[str, str] = HINTS) -> ForebayError:
    """Return what an error that the server answered means: nothing has happened.

    Arguments:
        error: as the client raised it.
        hints: what to do about it, by the code.
    """
    word = first_word(error)
    if "unknown command" in str(error).lower():
        return Unsupported(f"the server is too old: {error}", "Redis 6.2 or newer, or Valkey")
    if word in {"BUSY", "TRYAGAIN"}:
        return Unavailable(f"Redis is busy: {error}", "try again later")
    what = "the memory of Redis is full" if word == "OOM" else f"Redis refuses: {error}"
    return Unavailable(what, hints.get(word, ""))


def no_entry(error: BaseException) -> BaseException:
    """Return what it means that a connection could not be opened."""
    if isinstance(error, exceptions.AuthenticationError | exceptions.ResponseError):
        no_such_database = "DB index" in str(error)
        return Unavailable(f"Redis does not let us in: {error}", HINTS["SELECT" if no_such_database else "WRONGPASS"])
    if isinstance(error, TimeoutError):
        return broken(TimeoutError("no answer in time"), sent=False)
    if isinstance(error, OSError | exceptions.RedisError):
        return broken(error, sent=False)
    return error


def broken(error: BaseException, sent: bool) -> ForebayError:
    """Return what a connection that broke means for a call."""
    if sent:
        return Unknown(f"Redis was gone before it answered: {error}")
    return Unavailable(f"Redis cannot be reached: {error}", "is the server up, and its address right?")
