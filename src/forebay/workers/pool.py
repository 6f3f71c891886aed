"""The pool: n workers take deliveries, handle them at their own pace, and see each to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.errors import Dead, Drop, ForebayError, Undecodable, Unknown
from forebay.events import Event, Finished, Listener, Stalled, Started
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.request_reply import Replier
from forebay.queue.subscription import Subscription
from forebay.stores.store import Store
from forebay.workers.answering import Answering, kept_value
from forebay.workers.burying import Burial, Burials
from forebay.workers.finishing import Finisher, Handled
from forebay.workers.handler import Handler, Work
from forebay.workers.limit import Limit
from forebay.workers.policies import RetryPolicy, exhausted, judge, reason_of
from forebay.workers.suspects import Suspects

log = logging.getLogger("forebay.workers")

TURN = 64
"""Messages that one worker may handle before the event loop gets its turn: a handler need not ever wait."""

ABANDON_SECONDS = 1.0
"""How long a cancelled handler may take to notice it; one that never does must not keep the process from its end."""

MOST_STUCK = 1_000
"""Threads beyond n: no timeout ends a sync handler, and one that is stuck must not keep the next from beginning."""

OUTCOMES = {Ending.DONE: "done", Ending.RETRY: "retry", Ending.DEAD: "dead", Ending.RELEASE: "released"}


class Pool:
    """n workers on one subscription.

    A message counts as done once its result is in the store (where there is one); until then it stays leased, and a
    store that is down stops the pool instead of failing its messages.

    Arguments:
        subscription: where deliveries come from; the pool starts, stops and closes it.
        handler: what is called with each body.
        workers: n of A/B/n/q: how many messages are in work at once.
        policy: what a failure means.
        store: where results go, each once; None: nowhere.
        replier: answers the messages that ask for it; None: nobody does.
        timeout: seconds that an async handler may take; None: any.
        at_most_once: acknowledge before the handler: what it does not finish is lost, nothing is handled twice.
        listeners: hear of every start and end.
        clock: for times in results and stories.
    """

    def __init__(
        self,
        subscription: Subscription,
        handler: Handler,
        *,
        workers: int = 8,
        policy: RetryPolicy | None = None,
        store: Store | None = None,
        replier: Replier | None = None,
        timeout: float | None = None,
        at_most_once: bool = False,
        listeners: list[Listener] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.workers = workers
        self.busy = 0
        self._subscription = subscription
        self._topic = subscription.name
        self._handler = handler
        self._policy = policy or RetryPolicy()
        self._timeout = timeout
        self._clock = clock
        self._listeners = listeners if listeners is not None else []
        subscription.listeners = self._listeners
        subscription.wished_by_each = handler.batch or 1
        self._at_most_once = at_most_once
        self._settle: Callable[[Settlement], None] = _already_settled if at_most_once else subscription.settle
        self._answering = Answering(replier, self._settle, partial(self._stalled, where="reply"))
        self._finisher = Finisher(self._topic, store, self._answering, self._fail, self._listeners)
        self._burials = Burials(self._topic, None if at_most_once else store, self._settled, self._stalled)
        self._suspects = Suspects(subscription, self._policy, self._release)
        self._executor: Executor | None = None
        if not handler.is_async:
            self._executor = ThreadPoolExecutor(workers + MOST_STUCK, thread_name_prefix=f"{handler.name}-worker")
        self._call = handler.calling(self._executor)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start fetching and working."""
        work = self._take_lists if self._handler.batch else self._take_one_by_one
        self._subscription.start()
        self._tasks = [asyncio.get_running_loop().create_task(self._keep_on(work)) for _ in range(self.workers)]

    async def stop(self, budget: float = 30.0) -> int:
        """Stop in two phases: take nothing new and finish what is in hand; then give back what did not finish in time.

        Arguments:
            budget: seconds for the handlers that are under way and then, of what is left, for store and broker; these
                get a second at least.

        Returns:
            How many messages were given back or could not be told to be over; they are delivered again.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + budget
        await self._subscription.stop()
        late: set[asyncio.Task[None]] = set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=budget)
            for task in late:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=ABANDON_SECONDS)
        unsaved = await self._finisher.drain(max(end - loop.time(), 1.0))
        unsaved += await self._burials.drain(max(end - loop.time(), 1.0))
        unsaved += await self._answering.drain(max(end - loop.time(), 1.0))
        untold = await self._subscription.close(max(end - loop.time(), 1.0))
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
        return len(late) + unsaved + untold

    async def _keep_on(self, work: Callable[[], Awaitable[None]]) -> None:
        """See a worker to its end: one that died of a bug without a word would be missed by nobody."""
        while True:
            try:
                return await work()
            except Exception as error:
                log.exception("a worker of %s failed", self._topic)
                self._stalled(Unknown(f"a worker failed: {error!r}"), "work")
                await asyncio.sleep(ABANDON_SECONDS)

    async def _take_one_by_one(self) -> None:
        subscription, finisher, run = self._subscription, self._finisher, 0
        while True:
            delivery = subscription.take_now() or await subscription.take()
            if delivery is None:
                return
            if self._at_most_once:
                if await self._is_ours(delivery):
                    await self._work(delivery)
            elif delivery.attempt > 1 and delivery in self._suspects:
                await self._suspects.try_alone(delivery, partial(self._work, delivery))
            else:
                await self._work(delivery)
            run += 1
            if run % TURN == 0:
                await asyncio.sleep(0)
                await self._burials.wait_for_room()
                await self._answering.wait_for_room()
            if finisher.is_full:
                await finisher.wait_for_room()

    async def _is_ours(self, delivery: Delivery) -> bool:
        try:
            return await self._subscription.acknowledge(delivery)
        except ForebayError as error:
            self._emit(Stalled(self._topic, "acknowledge", str(error)))
            return False  # it was not handled, and the broker has it still

    async def _work(self, delivery: Delivery) -> None:
        began = self._clock.time()
        if delivery.attempt > self._policy.attempts and self._bury(delivery, began):
            return
        self._tell_start(delivery, began)
        self.busy += 1
        try:
            arguments = self._arguments(delivery)
            if self._timeout is None:
                value = await self._call(*arguments)
            else:
                async with Limit(self._timeout):
                    value = await self._call(*arguments)
        except asyncio.CancelledError as error:
            if _we_are_cancelled():
                self._end(Settlement(delivery, Ending.RELEASE), began)
                raise
            self._fail(delivery, error, began)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a library raises (SystemExit, its own kinds): the worker goes on
            self._fail(delivery, error, began)
        else:
            self._finisher.finish(Handled(delivery, value, began, self._clock.time()))
        finally:
            self.busy -= 1

    async def _take_lists(self) -> None:
        while True:
            first = self._subscription.take_now() or await self._subscription.take()
            if first is None:
                return
            deliveries = self._list_from(first)
            if self._at_most_once:
                await self._work_list([delivery for delivery in deliveries if await self._is_ours(delivery)])
            elif suspect := self._suspects.first_of(deliveries):
                await self._suspects.try_alone(suspect, partial(self._work_list, [suspect]))
            else:
                await self._work_list(deliveries)
            await asyncio.sleep(0)
            await self._finisher.wait_for_room()
            await self._burials.wait_for_room()
            await self._answering.wait_for_room()

    def _list_from(self, first: Delivery) -> list[Delivery]:
        """Return the first delivery and those that lie ready, as many as the handler takes at once."""
        deliveries = [first]
        while len(deliveries) < (self._handler.batch or 1) and (delivery := self._subscription.take_now()):
            deliveries.append(delivery)
        return deliveries

    async def _work_list(self, deliveries: list[Delivery]) -> None:
        began = self._clock.time()
        ready, bodies = self._readable(deliveries, began)
        if not ready:
            return
        works = [[self._work_of(delivery) for delivery in ready]] if self._handler.takes_work else []
        self.busy += 1
        try:
            async with Limit(self._timeout):
                values = await self._call(bodies, *works)
            values = [None] * len(ready) if values is None else list(values)
            if len(values) != len(ready):
                raise ValueError(f"the batch handler took {len(ready)} items and answered {len(values)}")
        except asyncio.CancelledError as error:
            if _we_are_cancelled():
                for delivery in ready:
                    self._end(Settlement(delivery, Ending.RELEASE), began)
                raise
            self._fail_all(ready, error, began)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fail_all(ready, error, began)
        else:
            self._finish_each(ready, values, began)
        finally:
            self.busy -= 1

    def _readable(self, deliveries: list[Delivery], began: float) -> tuple[list[Delivery], list[Any]]:
        """Return what can be given to a batch handler; the rest ends here, each by itself."""
        ready, bodies = [], []
        for delivery in deliveries:
            if delivery.attempt > self._policy.attempts and self._bury(delivery, began):
                continue
            self._tell_start(delivery, began)
            try:
                bodies.append(self._handler.body_of(delivery.message))
            except Undecodable as error:
                self._fail(delivery, error, began)
            else:
                ready.append(delivery)
        return ready, bodies

    def _finish_each(self, deliveries: Sequence[Delivery], values: list[Any], began: float) -> None:
        now = self._clock.time()
        for delivery, value in zip(deliveries, values, strict=True):
            if isinstance(value, BaseException):
                self._fail(delivery, value, began)
            else:
                self._finisher.finish(Handled(delivery, value, began, now))

    def _arguments(self, delivery: Delivery) -> tuple[Any, ...]:
        body = self._handler.body_of(delivery.message)
        return (body, self._work_of(delivery)) if self._handler.takes_work else (body,)

    def _work_of(self, delivery: Delivery) -> Work:
        return Work(delivery.message, self._topic, delivery.attempt, delivery.place)

    def _bury(self, delivery: Delivery, now: float) -> bool:
        settlement = exhausted(delivery, self._policy, self._topic, now)
        if settlement is not None:
            self._end(settlement, now, Dead("its worker died each time"))
        return settlement is not None

    def _fail_all(self, deliveries: Sequence[Delivery], error: BaseException, began: float) -> None:
        for delivery in deliveries:
            self._fail(delivery, error, began)

    def _fail(self, delivery: Delivery, error: BaseException, began: float) -> None:
        if isinstance(error, Drop):
            self._finisher.finish(Handled(delivery, None, began, self._clock.time(), dropped=True))
            return
        self._end(judge(delivery, error, self._policy, self._topic, self._clock.time()), began, error)

    def _release(self, delivery: Delivery) -> None:
        self._end(Settlement(delivery, Ending.RELEASE), self._clock.time())

    def _end(self, settlement: Settlement, began: float, error: BaseException | None = None) -> None:
        """Bring a delivery that was not done to its end."""
        burial = Burial(settlement, reason_of(error) if error else "", began, self._clock.time())
        if settlement.ending is Ending.DEAD:
            self._burials.add(burial)
        else:
            self._settled(settlement, burial)

    def _settled(self, settlement: Settlement, burial: Burial) -> None:
        """Settle a delivery, answered where it wants that, and tell it to the listeners."""
        if burial.kept is not None:
            self._answering.end(settlement, kept_value(burial.kept))
        elif settlement.ending is Ending.DEAD:
            self._answering.end_failed(settlement, burial.reason)
        else:
            self._settle(settlement)
        if self._listeners:
            delivery, ended = settlement.delivery, burial.ended
            self._emit(
                Finished(
                    self._topic,
                    delivery.message.id,
                    delivery.attempt,
                    OUTCOMES[settlement.ending],
                    ended - burial.began,
                    ended - delivery.message.accepted_at,
                    burial.reason,
                )
            )

    def _tell_start(self, delivery: Delivery, began: float) -> None:
        if self._listeners:
            message = delivery.message
            accepted_at = message.accepted_at
            self._emit(Started(self._topic, message.id, delivery.attempt, began - accepted_at, accepted_at))

    def _stalled(self, error: ForebayError, where: str = "save") -> None:
        self._emit(Stalled(self._topic, where, str(error)))

    def _emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


def _already_settled(settlement: Settlement) -> None:
    """At most once, a message was over before its handler began; whatever came of it cannot be said any more."""


def _we_are_cancelled() -> bool:
    """Whether this worker is being cancelled, rather than something that its handler awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
