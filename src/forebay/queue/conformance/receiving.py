"""A message comes as it was sent, to one receiver, in the order of the discipline."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from forebay.disciplines import Discipline
from forebay.errors import UsageError
from forebay.message import Message, new_id
from forebay.queue.conformance.harness import INF, Harness, accepted, done, ids, message
from forebay.queue.driver import Delivery, Driver, Ending, Settlement

ODD_BODIES = {
    "empty": b"",
    "binary": bytes(range(256)) * 3,
    "zeros": b"\x00" * 10,
    "not UTF-8": b"\xff\xfe\x80",
    "one megabyte": b"0123456789abcdef" * 65_536,
}
ODD_HEADERS = {
    "plain": "text",
    "empty": "",
    "": "no name",
    "кириллица": "щука 🐟",
    "quotes": "\"'\\",
    "lines": "a\r\nb\tc",
    "nul": "a\x00b",
    "long": "x" * 5_000,
}


class Receiving(Harness):
    """From the publisher to a receiver."""

    @pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES)
    async def test_a_body_comes_as_it_was_sent(self, body: bytes) -> None:
        driver = await self.opened()
        await accepted(driver, [Message(new_id(), body)])
        [delivery] = await self.take(driver, 1)
        assert delivery.message.body == body
        assert await driver.settle([done(delivery)]) == [True]
        await self.assert_counts(driver, accepted=1, done=1, waiting=0, in_work=0)

    async def test_headers_key_priority_and_time_come_as_they_were_sent(self) -> None:
        driver = await self.opened()
        sent = Message(new_id(), b"x", "a key é", ODD_HEADERS, 7, 1_234_567.125)
        await accepted(driver, [sent])
        [delivery] = await self.take(driver, 1)
        assert delivery.message == sent
        assert delivery.attempt == 1

    async def test_a_message_that_came_before_the_first_receiver_is_kept(self) -> None:
        publisher = await self.opened()
        await accepted(publisher, [message()])
        assert len(await self.take(await self.opened(), 1)) == 1

    async def test_many_publishers_at_once_lose_nothing(self) -> None:
        driver = await self.opened()
        batches = [[message() for _ in range(10)] for _ in range(30)]
        await asyncio.gather(*(accepted(driver, batch) for batch in batches))
        taken = await self.take(driver, 300)
        assert Counter(ids(taken)) == Counter(m.id for batch in batches for m in batch)

    async def test_to_publish_and_to_settle_nothing_is_allowed(self) -> None:
        driver = await self.opened()
        assert list(await driver.publish([], INF)) == []
        assert list(await driver.settle([])) == []
        await driver.extend([])
        await self.assert_counts(driver, accepted=0, done=0)

    async def test_each_message_goes_to_one_of_several_receivers(self) -> None:
        drivers = [await self.opened() for _ in range(3)]
        sent = [message() for _ in range(60)]
        await accepted(drivers[0], sent)
        taken: list[Delivery] = []
        end = asyncio.get_running_loop().time() + self.patience

        async def work(driver: Driver) -> None:
            while len(taken) < len(sent) and asyncio.get_running_loop().time() < end:
                got = await driver.receive(7, self.moment)
                taken.extend(got)
                await driver.settle([done(delivery) for delivery in got])

        await asyncio.gather(*map(work, drivers))
        assert Counter(ids(taken)) == Counter(m.id for m in sent)
        await self.assert_counts(drivers[0], done=60, waiting=0, in_work=0)

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

    async def test_a_discipline_that_is_not_declared_is_refused_when_opened(self) -> None:
        missing = set(Discipline) - self.features.disciplines
        self.need(bool(missing), "that it lacks a discipline")
        for discipline in missing:
            with pytest.raises(UsageError):
                await self.opened(discipline=discipline)

    async def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(UsageError, match="disciplin"):
            await self.opened(disciplin="fifo")

    async def test_receive_keeps_to_its_limit(self) -> None:
        driver = await self.opened()
        await accepted(driver, [message() for _ in range(10)])
        assert len(await self.take(driver, 1)) == 1
        assert 1 <= len(await driver.receive(3, self.patience)) <= 3
        assert list(await driver.receive(0, 0)) == []

    async def test_receive_comes_back_when_its_wait_is_over(self) -> None:
        driver = await self.opened()
        begin = asyncio.get_running_loop().time()
        assert list(await driver.receive(1, 0.1)) == []
        assert 0.09 <= asyncio.get_running_loop().time() - begin < 0.1 + self.patience

    async def test_a_waiting_receiver_is_woken_by_a_publish(self) -> None:
        publisher, receiver = await self.opened(), await self.opened()
        receiving = asyncio.create_task(self.take(receiver, 1))
        await asyncio.sleep(self.moment)
        [sent] = await accepted(publisher, [message()])
        assert ids(await receiving) == [sent.id]

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
        assert Counter(ids(taken)) == Counter(m.id for m in sent)
        assert {delivery.attempt for delivery in taken} == {1}
