"""The story of a message that failed, told in its headers: what went wrong, where, how often, when first and last."""

from __future__ import annotations

import msgspec

from forebay.message import Message

REASON = "forebay-reason"
ORIGIN = "forebay-origin"
ATTEMPTS = "forebay-attempts"
FIRST_FAILED_AT = "forebay-first-failed-at"
LAST_FAILED_AT = "forebay-last-failed-at"

LONGEST_REASON = 500


class Story(msgspec.Struct, frozen=True):
    """Why a message is among the dead letters, or waits for another attempt.

    Arguments:
        reason: the last failure in one line.
        origin: the topic it came from.
        attempts: how often it was tried.
        first_failed_at, last_failed_at: seconds since the epoch.
    """

    reason: str
    origin: str
    attempts: int
    first_failed_at: float
    last_failed_at: float


def tell(message: Message, *, reason: str, origin: str, attempts: int, now: float) -> dict[str, str]:
    """Return the headers of a message with one more failure in its story."""
    return {
        **message.headers,
        REASON: one_line(reason),
        ORIGIN: origin,
        ATTEMPTS: str(attempts),
        FIRST_FAILED_AT: message.headers.get(FIRST_FAILED_AT) or f"{now:.3f}",
        LAST_FAILED_AT: f"{now:.3f}",
    }


def read(headers: dict[str, str]) -> Story | None:
    """Return the story that headers tell; None when they tell none, or none that can be read."""
    try:
        return Story(
            headers[REASON],
            headers[ORIGIN],
            int(headers[ATTEMPTS]),
            float(headers[FIRST_FAILED_AT]),
            float(headers[LAST_FAILED_AT]),
        )
    except (KeyError, ValueError):
        return None


def one_line(reason: str) -> str:
    """Return text that every broker can carry: one line, no lone surrogates, no control characters, not too long."""
    clean = "".join(c if c.isprintable() else " " for c in reason)
    return clean.encode("utf-8", "replace").decode()[:LONGEST_REASON]
