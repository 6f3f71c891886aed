"""The errors of forebay, drawn first, then declared.

ForebayError                  everything below; `retryable` says whether trying again can help
  UsageError                  the caller's words are wrong: a URL, an option, a setting
    Unsupported               the broker cannot give what the URL asks for
    TooLarge                  the broker never takes a message of this size; nothing was accepted
  Unavailable                 nothing was accepted: the broker is down, the disk is full, the queue is closed
    QueueFull                 the waiting places are taken; nothing was dropped
  Unknown                     no answer in time: it may or may not have happened, never "failed"
  Undecodable                 a message in the topic that is not what its handler takes
  Conflict                    the same idempotency key with another body
  Missing                     a thing asked for by name does not exist
  Failed                      the answer to a request is that it was given up

Outcome                       what a handler raises on purpose
  Retry(after=...)            try this message again later
  Dead(reason)                give it up now; it becomes a dead letter with its story
  Drop                        it needs no work; it counts as done
"""

from __future__ import annotations

import math


class ForebayError(Exception):
    """The root of all errors of forebay.

    Arguments:
        what: what happened.
        hint: what to do about it; the command line prints it as a second line.
    """

    retryable = False

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


class UsageError(ForebayError):
    """The caller's words are wrong: a URL, an option, a setting."""


class Unsupported(UsageError):
    """The broker cannot give what the URL asks for; found when the URL is opened, never later."""


class TooLarge(UsageError):
    """The broker never takes a message of this size; nothing was accepted, and trying again cannot help."""


class Unavailable(ForebayError):
    """Nothing was accepted: the broker is down, the disk is full, the queue is closed."""

    retryable = True


class QueueFull(Unavailable):
    """All waiting places are taken; nothing was accepted and nothing dropped."""


class Unknown(ForebayError):
    """No answer in time: it may or may not have happened."""

    retryable = True


class Undecodable(ForebayError):
    """A message in the topic is not what its handler takes; trying again cannot help."""


class Conflict(ForebayError):
    """The same idempotency key came with another body."""


class Missing(ForebayError):
    """A thing asked for by name does not exist."""


class Failed(ForebayError):
    """The answer to a request: those who worked it off have given it up; it lies among the dead letters."""


class Outcome(Exception):
    """What a handler raises on purpose, to say how a message ends or goes on."""


class Retry(Outcome):
    """Try this message again.

    Arguments:
        after: seconds to wait; None: as the retry policy says.
        reason: kept in the story of the message.

    Raises:
        ValueError: `after` is not a finite number; the message would never come again.
    """

    def __init__(self, after: float | None = None, reason: str = "") -> None:
        super().__init__(reason or "the handler asked for a retry")
        if after is not None and not math.isfinite(after):
            raise ValueError(f"Retry(after={after}) would never come")
        self.after = after


class Dead(Outcome):
    """Give the message up: it becomes a dead letter with this reason in its story."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class Drop(Outcome):
    """The message needs no work; it ends as done, without a result."""
