"""What may have killed its worker is tried for the last time alone, so that it takes nothing innocent with it.

When a process dies, all that it had in hand has one attempt less, though one message was to blame; and all of it comes
again together. Without this, one poison message would make dead letters of its neighbours too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from forebay.queue.driver import Delivery
from forebay.queue.subscription import Subscription
from forebay.workers import story
from forebay.workers.policies import RetryPolicy


class Suspects:
    """The deliveries of one pool that may kill it.

    Arguments:
        subscription: is held while one of them is in work.
        policy: says which attempt is the last.
        release: gives a delivery back; that is no attempt.
    """

    def __init__(self, subscription: Subscription, policy: RetryPolicy, release: Callable[[Delivery], None]) -> None:
        self._subscription = subscription
        self._policy = policy
        self._release = release
        self._one_is_in_work = False

    def __contains__(self, delivery: Delivery) -> bool:
        """Whether this is a last attempt, and the one before it was never judged: its worker died."""
        judged = delivery.message.headers.get(story.ATTEMPTS, "0")
        return 1 < delivery.attempt == self._policy.attempts and judged != str(delivery.attempt - 1)

    def first_of(self, deliveries: Sequence[Delivery]) -> Delivery | None:
        """Return the first suspect and give back all others, suspect or not; None when there is none."""
        first = next((delivery for delivery in deliveries if delivery in self), None)
        if first is not None:
            for delivery in deliveries:
                if delivery is not first:
                    self._release(delivery)
        return first

    async def try_alone(self, delivery: Delivery, work: Callable[[], Awaitable[None]]) -> None:
        """Work off a suspect once all that was fetched beside it has been given back; fetch nothing meanwhile.

        What other workers had begun before goes on to its end.

        Arguments:
            delivery: of the suspect; given back when another one is in work, or when the worker is cancelled first.
            work: handles it.
        """
        if self._one_is_in_work:
            self._release(delivery)
            return
        self._one_is_in_work = True
        try:
            await self._hold_for(delivery)
            await work()
        finally:
            self._one_is_in_work = False
            self._subscription.go_on()

    async def _hold_for(self, delivery: Delivery) -> None:
        try:
            await self._subscription.hold()
        except asyncio.CancelledError:
            self._release(delivery)
            raise
