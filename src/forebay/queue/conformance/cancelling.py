"""A caller that gives up harms nobody: whatever call is cancelled, at whatever point, nothing is lost."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from forebay.queue.conformance.harness import INF, Harness, accepted, assert_same, done, message
from forebay.queue.driver import Delivery, Driver, Ending, Settlement

T = TypeVar("T")


async def given_up(call: Coroutine[Any, Any, T], turns: int, seconds: float = 0.0) -> T | None:
    """Cancel a call after so many turns of the loop and seconds; return its result where it was quicker."""
    task = asyncio.create_task(call)
    for _ in range(turns):
        await asyncio.sleep(0)
    if seconds:
        await asyncio.sleep(seconds)
    task.cancel()
    [result] = await asyncio.gather(task, return_exceptions=True)
    if isinstance(result, asyncio.CancelledError):
        return None
    if isinstance(result, BaseException):
        raise result
    return result


class Cancelling(Harness):
    """Calls that are cancelled at each of their first turns, and later ones at random."""

    async def test_to_cancel_a_receive_loses_nothing(self) -> None:
        driver = await self.opened()
        sent = [message() for _ in range(20)]
        for n, one in enumerate(sent):
            receiving = asyncio.create_task(driver.receive(1, self.patience))
            await asyncio.sleep(0.001 * (n % 4))
            await accepted(driver, [one])
            await asyncio.sleep(0.0005 * (n % 5))
            receiving.cancel()
            [result] = await asyncio.gather(receiving, return_exceptions=True)
            if not isinstance(result, BaseException):
                await driver.settle([Settlement(delivery, Ending.RELEASE) for delivery in result])
        taken = await self.take(driver, 20)
        assert_same(taken, sent)
        assert {delivery.attempt for delivery in taken} == {1}

    async def test_a_cancelled_publish_is_accepted_wholly_or_not_at_all_and_never_twice(self) -> None:
        driver = await self.opened()
        sent = [message() for _ in range(30)]
        sure = set()
        for n, one in enumerate(sent):
            if await given_up(self.publish_of(driver, one), n % 10, 0.001 * (n // 10)):
                sure.add(one.id)
        last = await accepted(driver, [message()])
        taken: list[Delivery] = []
        while not {m.id for m in last} | sure <= {delivery.message.id for delivery in taken}:
            taken += await self.take(driver, 1)
        async with asyncio.timeout(self.patience):
            while len(taken) != (await driver.counts()).accepted:  # what was cancelled may be on its way still
                taken += await driver.receive(40, self.moment)
        came = [delivery.message.id for delivery in taken]
        assert len(came) == len(set(came))
        assert set(came) <= {m.id for m in [*sent, *last]}
        await driver.settle([done(delivery) for delivery in taken])
        await self.assert_counts(driver, done=len(came), accepted=len(came), waiting=0, in_work=0)

    async def test_a_cancelled_settlement_has_happened_or_can_be_said_again(self) -> None:
        driver = await self.opened()
        await accepted(driver, [message() for _ in range(30)])
        taken = await self.take(driver, 30)
        for n, delivery in enumerate(taken):
            await given_up(self.settle_of(driver, delivery), n % 10, 0.001 * (n // 10))
        await driver.settle([done(delivery) for delivery in taken])
        await self.assert_counts(driver, done=30, waiting=0, in_work=0, retrying=0)
        await self.assert_nothing_comes(driver)

    async def test_whatever_is_cancelled_the_driver_goes_on(self) -> None:
        driver = await self.opened()
        sent = list(await accepted(driver, [message() for _ in range(5)]))
        held = await self.take(driver, 2)
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: driver.extend(held),
            lambda: driver.counts(),
            lambda: driver.find("nobody"),
            lambda: driver.dead_letters(),
            lambda: driver.return_dead(["nobody"]),
            lambda: driver.drop_dead(["nobody"]),
            lambda: driver.settle([]),
        ]
        chance = random.Random(5)
        for n in range(60):
            await given_up(self.awaited(chance.choice(calls)), n % 8, chance.choice([0.0, 0.0, 0.001]))
        sent += await accepted(driver, [message()])
        assert_same([*held, *await self.take(driver, 4)], sent)
        assert list(await driver.settle([done(delivery) for delivery in held])) == [True, True]
        await self.assert_counts(driver, accepted=6, done=2, in_work=4, waiting=0)

    async def publish_of(self, driver: Driver, one: Any) -> bool:
        [result] = await driver.publish([one], INF)
        return isinstance(result, str)

    async def settle_of(self, driver: Driver, delivery: Delivery) -> bool:
        [held] = await driver.settle([done(delivery)])
        return held

    async def awaited(self, call: Callable[[], Awaitable[object]]) -> object:
        return await call()
