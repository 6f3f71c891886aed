"""What a failure means: once more after a growing pause, and after so many attempts a dead letter with its story."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec

from forebay.errors import Dead, Retry, Undecodable
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.workers import story


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential backoff with jitter, then dead.

    Arguments:
        attempts: deliveries in all, the first one included.
        first: seconds before the second attempt.
        factor: each further pause is so many times longer.
        longest: seconds at most.
        jitter: share of the pause that is left to chance; it only lengthens, so a broker gets at least its rest.
    """

    attempts: int = 5
    first: float = 1.0
    factor: float = 3.0
    longest: float = 300.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first < 0 or self.factor < 1 or self.jitter < 0:
            raise ValueError("a retry policy needs attempts >= 1, first >= 0, factor >= 1, jitter >= 0")

    def pause(self, attempt: int, chance: Callable[[], float] = random.random) -> float:
        """Return the seconds to wait after the failed attempt number `attempt` (1 is the first)."""
        exponent = min(attempt - 1, 64)  # beyond that every factor has long reached `longest`
        return min(self.first * self.factor**exponent, self.longest) * (1 + self.jitter * chance())


def judge(delivery: Delivery, error: BaseException, policy: RetryPolicy, topic: str, now: float) -> Settlement:
    """Return what becomes of a delivery whose handler raised `error` (any but Drop, which is no failure).

    Arguments:
        delivery: the one that failed.
        error: what the handler raised: an Outcome on purpose, or anything else.
        policy: how often, and after which pauses, it is tried again.
        topic: where the message came from; part of its story.
        now: seconds since the epoch.
    """
    headers = story.tell(delivery.message, reason=reason_of(error), origin=topic, attempts=delivery.attempt, now=now)
    if isinstance(error, Dead | Undecodable) or delivery.attempt >= policy.attempts:
        return Settlement(delivery, Ending.DEAD, 0.0, headers)
    asked = error.after if isinstance(error, Retry) else None
    pause = policy.pause(delivery.attempt) if asked is None else max(asked, 0.0)
    return Settlement(delivery, Ending.RETRY, pause, headers)


def exhausted(delivery: Delivery, policy: RetryPolicy, topic: str, now: float) -> Settlement | None:
    """Return the end of a message that came back oftener than allowed: its workers died before they could judge it."""
    if delivery.attempt <= policy.attempts:
        return None
    headers = story.tell(
        delivery.message,
        reason=delivery.message.headers.get(story.REASON) or "its worker died each time",
        origin=topic,
        attempts=delivery.attempt - 1,
        now=now,
    )
    return Settlement(delivery, Ending.DEAD, 0.0, headers)


def reason_of(error: BaseException) -> str:
    """Return one line that names a failure: the words of an outcome, else the kind of the error before them."""
    kind = type(error).__name__
    try:
        words = str(error)
    except Exception:  # an error that cannot even be told must not keep its message from its end
        words = "(it has no words)"
    if isinstance(error, Dead | Retry | Undecodable):
        return words
    return f"{kind}: {words}" if words else kind
