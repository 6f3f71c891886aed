"""A message comes as it was sent, to one receiver, in the order of the discipline."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from forebay.errors import UsageError
from forebay.message import Message, new_id
from forebay.queue.conformance.harness import INF, Harness, accepted, assert_same, done, ids, message
from forebay.queue.driver import Delivery, Driver

ODD_BODIES = {
    "empty": b"",
    "binary": bytes(range(256)) * 3,
    "zeros": b"\x00" * 10,
    "not UTF-8": b"\xff\xfe\x80",
    "one megabyte": b"0123456789abcdef" * 65_536,
}
ODD_KEYS = ["", " ", "a b", "a.b.*.>", "a/b#c%d", "{a}", "щука 🐟", "a\x00b", "a\r\nb", "x" * 300]
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

    async def test_bodies_come_as_they_were_sent(self) -> None:
        driver = await self.opened()
        sent = {what: message(body=body, key="one") for what, body in ODD_BODIES.items()}
        for one in sent.values():
            await accepted(driver, [one])
        taken = {delivery.message.id: delivery for delivery in await self.take(driver, len(sent))}
        assert [what for what, one in sent.items() if taken[one.id].message.body != one.body] == []
        assert list(await driver.settle([done(delivery) for delivery in taken.values()])) == [True] * len(sent)
        await self.assert_counts(driver, accepted=len(sent), done=len(sent), waiting=0, in_work=0)

    async def test_keys_and_headers_come_as_they_were_sent(self) -> None:
        driver = await self.opened()
        sent = [message(key=key) for key in ODD_KEYS]
        sent += [message(headers={f"header {n}": "x" * 1_000 for n in range(20)}), message(headers={})]
        await accepted(driver, sent)
        taken = await self.take(driver, len(sent))
        assert {d.message.id: d.message for d in taken} == {one.id: one for one in sent}

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

    async def test_to_publish_and_to_settle_nothing_is_allowed(self) -> None:
        driver = await self.opened()
        assert list(await driver.publish([], INF)) == []
        assert list(await driver.settle([])) == []
        await driver.extend([])
        await self.assert_counts(driver, accepted=0, done=0)

    async def test_batches_of_any_size_keep_their_messages_and_their_order(self) -> None:
        driver = await self.opened()
        sent = [message(key="one") for _ in range(120)]
        begin = 0
        for size in (1, 2, 6, 11, 100):
            await accepted(driver, sent[begin : begin + size])
            begin += size
        taken: list[Delivery] = []
        for size in (6, 6, 1, 50, 57):
            taken += await self.take(driver, size)
            assert list(await driver.settle([done(delivery) for delivery in taken[-size:]])) == [True] * size
        assert ids(taken) == [m.id for m in sent]

    async def test_topics_do_not_see_each_other(self) -> None:
        drivers = [await self.opened(f"-{n}") for n in range(3)]
        sent = [[message() for _ in range(5)] for _ in drivers]
        sent[1][0] = sent[0][0]
        await asyncio.gather(*(accepted(driver, batch) for driver, batch in zip(drivers, sent, strict=True)))
        for driver, batch in zip(drivers, sent, strict=True):
            assert_same(await self.take(driver, 5), batch)
            await self.assert_nothing_comes(driver)

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

    async def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(UsageError, match="disciplin"):
            await self.opened(disciplin="fifo")

    async def test_receive_keeps_to_its_limit(self) -> None:
        driver = await self.opened()
        await accepted(driver, [message() for _ in range(10)])
        assert len(await self.take(driver, 1)) == 1
        taken: list[Delivery] = []
        async with asyncio.timeout(self.patience):
            while not taken:
                taken = list(await driver.receive(3, 1.0))
        assert len(taken) <= 3
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
