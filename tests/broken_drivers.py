"""Drivers that are broken on purpose, one thing in each: what the conformance suite has to catch."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import msgspec

from forebay.errors import Unavailable
from forebay.queue.driver import Counts, Delivery, Driver, Ending, Settlement, State
from forebay.url import URL


class Sound:
    """A driver in memory, as it is; the broken ones break one thing each.

    `asked` may change what a URL asks for.
    """

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver, name)

    @staticmethod
    def asked(url: URL) -> URL:
        return url


class ForgetsWhatADeadWorkerHeld(Sound):
    """The plain pop: whatever is handed over is gone."""

    async def receive(self, limit, wait):
        taken = await self.driver.receive(limit, wait)
        await self.driver.settle([Settlement(delivery) for delivery in taken])
        return taken

    async def settle(self, settlements):
        return [True] * len(settlements)


class DeliversEarly(Sound):
    async def publish(self, messages, places):
        return await self.driver.publish([one.replace(not_before=0.0) for one in messages], places)


class RetriesAtOnce(Sound):
    async def settle(self, settlements):
        return await self.driver.settle([Settlement(s.delivery, s.ending, 0.0, s.headers) for s in settlements])


class HasOneGroupForAll(Sound):
    @staticmethod
    def asked(url):
        return url.with_options(group=url.options["topic"])


class TakesAListenerForAGroup(Sound):
    """Subscribers of their own share one group."""

    @staticmethod
    def asked(url):
        return url.with_options(group="listeners") if url.options.get("group") == "each" else url


class BeginsAtTheEnd(Sound):
    """A consumer group that starts at the latest record."""

    begun = False

    async def receive(self, limit, wait):
        if not self.begun:
            self.begun = True
            await self.driver.purge()
        return await self.driver.receive(limit, wait)


class AcknowledgesAllBefore(Sound):
    """Acknowledgement by number, as ``multiple=True`` or the commit of an offset does it."""

    def __init__(self, driver):
        super().__init__(driver)
        self.handed: list[Delivery] = []

    async def receive(self, limit, wait):
        taken = await self.driver.receive(limit, wait)
        self.handed += taken
        return taken

    async def settle(self, settlements):
        kept = await self.driver.settle(settlements)
        for settlement in settlements:
            if settlement.ending is Ending.DONE and settlement.delivery in self.handed:
                before = self.handed[: self.handed.index(settlement.delivery)]
                await self.driver.settle([Settlement(delivery) for delivery in before])
        return kept


class DeliversDoneOnesAgain(Sound):
    async def settle(self, settlements):
        again = [
            Settlement(s.delivery, Ending.RELEASE if s.ending is Ending.DONE else s.ending, s.delay, s.headers)
            for s in settlements
        ]
        return await self.driver.settle(again)


class CountsReleasesAsAttempts(Sound):
    async def settle(self, settlements):
        counted = [Settlement(s.delivery, Ending.RETRY) if s.ending is Ending.RELEASE else s for s in settlements]
        return await self.driver.settle(counted)


class NeverCountsAttempts(Sound):
    async def receive(self, limit, wait):
        taken = await self.driver.receive(limit, wait)
        return [Delivery(one.message, 1, one.handle) for one in taken]


class BreaksTheOrderOfKeys(Sound):
    """The next message of a key is out while the one before it is."""

    @staticmethod
    def asked(url):
        return url.with_options(order="none") if "order" in url.options and "discipline" not in url.options else url


class BlocksEveryKey(Sound):
    """One retry holds up all keys, not its own alone."""

    @staticmethod
    def asked(url):
        return url.with_options(order="partition") if url.options.get("order") == "key" else url


class DropsTheOldestWhenFull(Sound):
    async def publish(self, messages, places):
        for _ in messages:
            if (await self.driver.counts()).waiting >= places:
                await self.driver.settle([Settlement(one) for one in await self.driver.receive(1, 0)])
        return await self.driver.publish(messages, math.inf)


class SaysAcceptedWhenFull(Sound):
    async def publish(self, messages, places):
        results = await self.driver.publish(messages, places)
        return [r if isinstance(r, str) else one.id for one, r in zip(messages, results, strict=True)]


class BelievesLateSettlements(Sound):
    async def settle(self, settlements):
        await self.driver.settle(settlements)
        return [True] * len(settlements)


class HasNoHeartbeat(Sound):
    async def extend(self, deliveries):
        pass


class KeepsItsLeasesWhenClosed(Sound):
    async def close(self):
        pass


class LosesWhatACancelledReceiveHeld(Sound):
    async def receive(self, limit, wait):
        taken = await self.driver.receive(limit, wait)
        await asyncio.sleep(0.001)
        return taken


class LosesHeaders(Sound):
    async def publish(self, messages, places):
        return await self.driver.publish([one.replace(headers={}) for one in messages], places)


class TakesBodiesForText(Sound):
    async def publish(self, messages, places):
        return await self.driver.publish(
            [m.replace(body=m.body.decode(errors="replace").encode()) for m in messages], places
        )


class ForgetsTheStory(Sound):
    async def settle(self, settlements):
        return await self.driver.settle([Settlement(s.delivery, s.ending, s.delay) for s in settlements])


class LosesTheDead(Sound):
    async def settle(self, settlements):
        lost = [Settlement(s.delivery) if s.ending is Ending.DEAD else s for s in settlements]
        return await self.driver.settle(lost)


class HandsOverTooMany(Sound):
    async def receive(self, limit, wait):
        return await self.driver.receive(limit + 5, wait)


class TakesTheNewestFirst(Sound):
    @staticmethod
    def asked(url):
        return url.with_options(discipline="lifo") if "order" not in url.options else url


class MixesTopics(Sound):
    @staticmethod
    def asked(url):
        return url.with_options(topic="t")


class CountsNothingInWork(Sound):
    async def counts(self):
        counts = await self.driver.counts()
        return Counts(**{n: getattr(counts, n) for n in counts.__struct_fields__ if n != "in_work"})


class PurgesWhatIsInWork(Sound):
    def __init__(self, driver):
        super().__init__(driver)
        self.handed: list[Delivery] = []

    async def receive(self, limit, wait):
        taken = await self.driver.receive(limit, wait)
        self.handed += taken
        return taken

    async def purge(self):
        await self.driver.settle([Settlement(one) for one in self.handed])
        return await self.driver.purge()


class GoesOnWhenClosed(Sound):
    async def close(self):
        for one in await self.driver.receive(100, 0):
            await self.driver.settle([Settlement(one, Ending.RELEASE)])


class SleepsThroughAPublish(Sound):
    """Looks once, and again only when its wait is over."""

    async def receive(self, limit, wait):
        taken = await self.driver.receive(limit, 0)
        if not taken:
            await asyncio.sleep(min(wait, 30.0))
        return taken


class FindsNothing(Sound):
    async def find(self, reference):
        found = await self.driver.find(reference)
        return found if found is None or found.state is State.WAITING else None


class RefusesWhatItKeeps(Sound):
    """Answers that nothing happened, now and then, when the message is there."""

    published = 0

    async def publish(self, messages, places):
        results = await self.driver.publish(messages, places)
        self.published += 1
        return results if self.published % 3 else [Unavailable("it took too long")] * len(messages)


class AcceptsIntoNothing(Sound):
    """An exchange without a queue: what nobody takes is dropped, and the publisher hears nothing of it."""

    async def publish(self, messages, places):
        try:
            return await self.driver.publish(messages, places)
        except Unavailable:
            return [one.id for one in messages]


class DeclaresLessThanItsModule(Sound):
    @property
    def features(self):
        return msgspec.structs.replace(self.driver.features, finds=False)
