"""What is next: the laws of the disciplines, and what is worked off strictly one after the other."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable

import pytest

from forebay.disciplines import Discipline, Order
from forebay.errors import Unsupported, UsageError
from forebay.message import Message
from forebay.queue.conformance.harness import Harness, accepted, done, ids, message
from forebay.queue.driver import Delivery, Driver, Ending, Settlement
from forebay.queue.options import WHO_HAS


class Ordering(Harness):
    """The disciplines, and the order of keys and partitions."""

    @pytest.mark.parametrize("discipline", Discipline)
    async def test_the_order_is_that_of_the_discipline(self, discipline: Discipline) -> None:
        self.need(discipline in self.features.disciplines, f"discipline {discipline}")
        driver = await self.opened(discipline=discipline)
        sent = [message(key="one", priority=n % 4) for n in range(40)]
        await accepted(driver, sent)
        taken = ids(await self.take(driver, 40))
        expected = [m.id for m in sent]
        if discipline is Discipline.RANDOM:
            assert sorted(taken) == sorted(expected)
            assert taken not in (expected, expected[::-1])
        elif discipline is Discipline.PRIORITY:
            assert taken == [m.id for m in sorted(sent, key=lambda m: -m.priority)]
        else:
            assert taken == (expected if discipline is Discipline.FIFO else expected[::-1])

    @pytest.mark.parametrize("discipline", Discipline)
    async def test_a_discipline_loses_nothing_when_a_worker_dies(self, discipline: Discipline) -> None:
        self.need(discipline in self.features.disciplines, f"discipline {discipline}")
        victim, other = [await self.opened(lease=self.lease, discipline=discipline) for _ in range(2)]
        sent = await accepted(victim, [message(key="one", priority=n) for n in range(4)])
        held = await self.take(victim, 3)
        assert list(await victim.settle([done(held[1])])) == [True]
        await self.die(victim)
        taken = ids(await self.take(other, 3))
        assert sorted(taken) == sorted({m.id for m in sent} - {held[1].message.id})

    async def test_a_discipline_that_is_not_declared_is_refused_and_those_that_can_are_named(self) -> None:
        missing = set(Discipline) - self.features.disciplines
        self.need(bool(missing), "that it lacks a discipline")
        for discipline in missing:
            with pytest.raises(Unsupported) as caught:
                await self.opened(discipline=discipline)
            assert [scheme for scheme in WHO_HAS[discipline] if f"{scheme}://" not in caught.value.hint] == []

    async def test_an_order_that_is_not_declared_is_refused(self) -> None:
        missing = set(Order) - self.features.orders
        self.need(bool(missing), "that it lacks an order")
        for order in missing:
            with pytest.raises(Unsupported):
                await self.opened(order=order)

    async def test_an_order_and_another_discipline_exclude_each_other(self) -> None:
        with pytest.raises(UsageError):
            await self.opened(order=Order.KEY, discipline=Discipline.LIFO)

    async def test_of_one_key_at_most_one_is_out_and_a_retry_blocks_its_key_alone(self) -> None:
        driver = await self.opened_by(Order.KEY)
        first, second = await accepted(driver, [message(key="a"), message(key="a")])
        others = await accepted(driver, [message(key="b"), message(), message()])
        taken = await self.take(driver, 4)
        assert sorted(ids(taken)) == sorted([first.id, *(m.id for m in others)])
        await self.assert_nothing_comes(driver)
        [a] = [delivery for delivery in taken if delivery.message.id == first.id]
        rest = [done(delivery) for delivery in taken if delivery is not a]
        due = self.now() + self.soon
        assert list(await driver.settle([*rest, Settlement(a, Ending.RETRY, self.soon)])) == [True] * 4
        await self.assert_counts(driver, retrying=1, waiting=1, done=3)
        passing = await accepted(driver, [message(key="c")])
        assert ids(await self.take(driver, 1)) == [passing[0].id]
        again = await self.assert_comes_when_due(driver, due)
        assert (again.message.id, again.attempt) == (first.id, 2)
        await self.assert_nothing_comes(driver)
        await driver.settle([Settlement(again, Ending.RELEASE)])
        [again] = await self.take(driver, 1)
        assert (again.message.id, again.attempt) == (first.id, 2)
        await driver.settle([Settlement(again, Ending.DEAD)])
        assert ids(await self.take(driver, 1)) == [second.id]

    async def test_the_order_of_a_key_outlives_its_worker(self) -> None:
        drivers = [await self.opened_by(Order.KEY, lease=self.lease) for _ in range(2)]
        await self.joined(*drivers)
        sent = await accepted(drivers[0], [message(key="a") for _ in range(3)])
        victim, held = await self.first_to_get(*drivers)
        [other] = [driver for driver in drivers if driver is not victim]
        assert held.message.id == sent[0].id
        await self.assert_nothing_comes(other)
        await self.die(victim)
        assert ids(await self.one_after_the_other(other, 3)) == [m.id for m in sent]

    async def test_each_key_ends_in_the_order_of_publishing_whatever_happens_on_the_way(self) -> None:
        drivers = [await self.opened_by(Order.KEY) for _ in range(3)]
        await self.joined(*drivers)
        chance = random.Random(7)
        sent = [message(key=f"key {chance.randrange(5)}") for _ in range(50)]
        for n in range(0, 50, 5):
            await accepted(drivers[n % 3], sent[n : n + 5])
        await _Ledger(self, sent, chance).work_off(drivers)
        await self.assert_counts(drivers[0], waiting=0, in_work=0, retrying=0)

    async def test_of_one_partition_at_most_one_is_out(self) -> None:
        drivers = [await self.opened_by(Order.PARTITION) for _ in range(2)]
        await self.joined(*drivers)
        sent = await accepted(drivers[0], [message(key="one") for _ in range(12)])
        await _Ledger(self, sent, random.Random(3)).work_off(drivers)

    async def opened_by(self, order: Order, lease: float | None = None) -> Driver:
        self.need(order in self.features.orders, f"order by {order}")
        return await self.opened(lease=lease, order=order)

    async def one_after_the_other(self, driver: Driver, count: int) -> list[Delivery]:
        """Receive so many messages, each when the one before it is done."""
        taken = []
        for _ in range(count):
            [delivery] = await self.take(driver, 1)
            await driver.settle([done(delivery)])
            taken.append(delivery)
        return taken


class _Ledger:
    """Which message of each key is next; what comes out of turn is an error."""

    def __init__(self, harness: Harness, sent: Iterable[Message], chance: random.Random) -> None:
        self.harness = harness
        self.chance = chance
        self.next: dict[str | None, list[str]] = defaultdict(list)
        for one in sent:
            self.next[one.key].append(one.id)

    async def work_off(self, drivers: Iterable[Driver]) -> None:
        """Let a worker of each process try again, give back, give up and finish, until nothing is left."""
        async with asyncio.timeout(3 * self.harness.patience), asyncio.TaskGroup() as workers:
            for driver in drivers:
                workers.create_task(self._work(driver))

    async def _work(self, driver: Driver) -> None:
        while any(self.next.values()):
            taken = await driver.receive(self.chance.randint(1, 4), self.harness.moment)
            if not taken:
                await self.harness.pass_time(0.02)
            keys = [delivery.message.key for delivery in taken]
            assert len(set(keys)) == len(keys)
            for delivery in self.chance.sample(taken, len(taken)):
                waiting = self.next[delivery.message.key]
                assert waiting[:1] == [delivery.message.id], "it came before the one that was to be first"
                await asyncio.sleep(0)
                ending = self.chance.choice([Ending.DONE, Ending.DONE, *Ending])
                if ending in {Ending.DONE, Ending.DEAD}:
                    waiting.pop(0)
                settlement = Settlement(delivery, ending, self.chance.choice([0.0, 0.02]))
                assert list(await driver.settle([settlement])) == [True]
