"""Where messages are taken from: deliveries under leases with heartbeats, fetched by credit, settled in batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from forebay.errors import ForebayError
from forebay.events import Event, LeaseLost, Listener, Stalled
from forebay.queue.batching import Gatherer, pauses
from forebay.queue.driver import Delivery, Driver, Ending, Settlement

MOST_FETCHED = 2_000
FETCH_WAIT = 1.0


class Subscription:
    """The deliveries of one topic to this process.

    Fetches no more than the takers who wait would like, and what they take in the seconds that its driver calls
    `ahead`; renews the leases of all that is in hand until it is settled, however long a handler takes.

    Arguments:
        name: of the topic.
        driver: the broker's side; closed with the subscription when `owned`.
        lease: seconds, as the driver was told; a third of it is the heartbeat.

    Attributes:
        wished_by_each: how many deliveries a taker would like at once; what is fetched for it beyond the first lies
            ready for `take_now`.
    """

    def __init__(self, name: str, driver: Driver, *, lease: float = 15.0, owned: bool = True) -> None:
        self.name = name
        self.listeners: list[Listener] = []
        self.wished_by_each = 1
        self._driver = driver
        self._owned = owned
        self._lease = lease
        self._fetched: deque[Delivery] = deque()
        self._in_hand: dict[int, Delivery] = {}
        self._takers: deque[asyncio.Future[Delivery | None]] = deque()
        self._wanted = asyncio.Event()
        self._taken = 0
        self._taken_lately = 0
        self._settlements = Gatherer(self._settle, lambda error: self._stalled("settle", error))
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False

    def start(self) -> None:
        """Begin to fetch."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._fetch()), loop.create_task(self._beat())]

    def take_now(self) -> Delivery | None:
        """Return a delivery that lies ready, or None."""
        if not self._fetched:
            return None
        self._taken += 1
        delivery = self._fetched.popleft()
        if len(self._fetched) <= self._taken_lately >> 1:
            self._wanted.set()
        return delivery

    async def take(self) -> Delivery | None:
        """Wait for a delivery; None once the subscription has been stopped."""
        if self._fetched:
            return self.take_now()
        if self._stopped:
            return None
        taker: asyncio.Future[Delivery | None] = asyncio.get_running_loop().create_future()
        self._takers.append(taker)
        self._wanted.set()
        try:
            return await taker
        except asyncio.CancelledError:
            self._give_back(taker)
            raise

    def settle(self, settlement: Settlement) -> None:
        """End a delivery; it is told to the broker with the next batch, and repeated until the broker has heard it.

        Until then its lease is renewed: a broker that is slow to hear must not give it to another meanwhile.
        """
        self._settlements.add(settlement)

    async def acknowledge(self, delivery: Delivery) -> bool:
        """Tell the broker at once that a delivery is over; False when it belonged to another process already.

        Raises:
            ForebayError: the broker could not be told; the message will be delivered again.
        """
        self._in_hand.pop(id(delivery), None)
        (held,) = await self._driver.settle([Settlement(delivery)])
        return held

    @property
    def in_hand(self) -> int:
        """How many deliveries this process holds: fetched, in work, or not yet told to be over."""
        return len(self._in_hand)

    async def hold(self) -> None:
        """Fetch no more until `go_on`, and give back what nobody has begun.

        Returns when the broker has heard of it and of all else that ended here, however long it is silent.
        """
        await self._stop_fetching()
        while self._settlements.unsent:
            await self._settlements.drain(FETCH_WAIT, give_up=False)

    def go_on(self) -> None:
        """Fetch again, unless the end has come."""
        if not self._stopped:
            self._tasks[0] = asyncio.get_running_loop().create_task(self._fetch())

    async def stop(self) -> None:
        """First phase of the end: fetch no more, give back what nobody has begun, wake who waits with None."""
        self._stopped = True
        await self._stop_fetching()
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)

    async def close(self, budget: float = 10.0) -> int:
        """Second phase: tell the broker all that has ended; return how many endings it could not be told.

        Those messages will be delivered again; with an inbox in the store that changes nothing.
        """
        if not self._stopped:
            await self.stop()
        untold = await self._settlements.drain(budget)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._owned:
            await self._driver.close()
        return untold

    async def _stop_fetching(self) -> None:
        for task in self._tasks[:1]:
            task.cancel()
            await asyncio.wait({task})
        while self._fetched:
            self.settle(Settlement(self._fetched.popleft(), Ending.RELEASE))

    async def _fetch(self) -> None:
        next_pause = pauses()
        began, taken_before = asyncio.get_running_loop().time(), 0
        ahead = self._driver.features.ahead
        while not self._stopped:
            credit = await self._credit()
            now = asyncio.get_running_loop().time()
            if now - began >= ahead:
                self._taken_lately = int((self._taken - taken_before) * ahead / (now - began))
                began, taken_before = now, self._taken
            try:
                deliveries = await self._driver.receive(credit, FETCH_WAIT)
            except Exception as error:  # whatever it is: a process that fetches no more and goes on looks alive
                self._stalled("receive", error)
                await asyncio.sleep(next_pause())
                continue
            next_pause = pauses()
            self._hand_out(deliveries)

    async def _credit(self) -> int:
        """Return how many deliveries are wanted, waiting until it is one at least."""
        while True:
            ahead = min(self._taken_lately, MOST_FETCHED)
            credit = min(len(self._takers) * self.wished_by_each, MOST_FETCHED) + ahead - len(self._fetched)
            if credit > ahead >> 1 or self._takers:
                return credit
            self._wanted.clear()
            await self._wanted.wait()

    def _hand_out(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            self._in_hand[id(delivery)] = delivery
            while self._takers:
                taker = self._takers.popleft()
                if not taker.done():
                    self._taken += 1
                    taker.set_result(delivery)
                    break
            else:
                self._fetched.append(delivery)

    def _give_back(self, taker: asyncio.Future[Delivery | None]) -> None:
        """A taker was cancelled: what it had just been given goes to the next one."""
        if taker.done() and not taker.cancelled() and (delivery := taker.result()) is not None:
            if self._stopped:
                self.settle(Settlement(delivery, Ending.RELEASE))
            else:
                self._hand_out([delivery])
        elif taker in self._takers:
            self._takers.remove(taker)

    async def _settle(self, batch: list[Settlement]) -> None:
        for settlement, held in zip(batch, await self._driver.settle(batch), strict=True):
            self._in_hand.pop(id(settlement.delivery), None)
            if not held and settlement.ending is not Ending.RELEASE:
                self._emit(LeaseLost(self.name, settlement.delivery.message.id))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            try:
                if self._in_hand:
                    await self._driver.extend(list(self._in_hand.values()))
            except Exception as error:  # without heartbeats all that is in hand would go to others as well
                self._stalled("extend", error)

    def _stalled(self, where: str, error: Exception) -> None:
        self._emit(Stalled(self.name, where, str(error) if isinstance(error, ForebayError) else repr(error)))

    def _emit(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)
