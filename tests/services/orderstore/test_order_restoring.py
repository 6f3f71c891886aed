"""Memory filled from the store while orders come, and cleaned of what is outdated."""

from __future__ import annotations

import asyncio
import io
import math
import re
import sys
import time

import pytest

from forebay.services.orderstore import restoring
from forebay.services.orderstore.cleaning import Cleaner
from forebay.services.orderstore.memory import Memory
from forebay.services.orderstore.restoring import Restoring
from forebay.stores.collection import Document
from orderstore_orders import DictCollection, an_order


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(restoring, "PAGE", 10)
    monkeypatch.setattr(restoring, "SLICE", 3)


async def filled(count, gaps=0, dates=lambda n: "2021-11-26T06:22:19Z"):
    collection = DictCollection(gaps)
    for n in range(1, count + 1):
        await collection.keep([Document(f"o{n}", an_order(f"o{n}", date_created=dates(n)))])
    collection.calls.clear()
    return collection


async def restore(collection, memory, oldest=-math.inf):
    told, troubles = [], []
    one = Restoring(collection, memory, oldest, troubles.append)
    await one.run(lambda restored, total: told.append((restored, total)))
    return one.restored, told, troubles


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 25])
async def test_memory_is_as_the_store(count):
    collection, memory = await filled(count, gaps=2), Memory(100, 10**9)
    restored, told, _ = await restore(collection, memory)
    assert restored == count
    assert told[0] == (0, 3 * count)  # as far as the numbers say, which have gaps here
    assert told[-1] == (count, count)
    assert {kept.uid: (kept.number, kept.answer.body) for kept in memory.by_number.values()} == {
        key: (one.number, one.value) for key, one in collection.documents.items()
    }


async def test_the_newest_come_first_and_a_full_memory_ends_it():
    collection, memory = await filled(35), Memory(12, 10**9)
    restored, told, _ = await restore(collection, memory)
    assert sorted(memory.by_number) == list(range(24, 36))
    assert restored == 12
    assert told == [(0, 12), (10, 12), (12, 12), (12, 12)]
    assert collection.calls == ["newest", "newest"]


async def test_an_order_that_could_never_be_held_is_passed_over():
    collection = await filled(9)
    await collection.keep([Document("huge", an_order("huge", track_number="x" * 50_000))])
    await collection.keep([Document("last", an_order("last"))])
    memory = Memory(100, 40_000)
    assert (await restore(collection, memory))[0] == 10
    assert sorted(memory.by_number) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11]


async def test_a_page_of_orders_that_could_never_be_held_is_not_the_last():
    collection = await filled(9)
    for n in range(restoring.PAGE):
        await collection.keep([Document(f"huge{n}", an_order(f"huge{n}", track_number="x" * 50_000))])
    memory = Memory(100, 40_000)
    assert (await restore(collection, memory))[0] == 9
    assert sorted(memory.by_number) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


async def test_a_store_that_goes_down_meanwhile_is_asked_again():
    collection, memory = await filled(25), Memory(100, 10**9)
    collection.down = 2
    restored, _, troubles = await restore(collection, memory)
    assert (restored, len(memory), len(troubles)) == (25, 25, 2)


async def test_what_comes_meanwhile_is_neither_overwritten_nor_doubled():
    collection, memory = await filled(25), Memory(100, 10**9)
    newest = collection.newest

    async def while_others_come(limit, before=None):
        page = await newest(limit, before)
        n = len(collection.documents) + 1
        (come,) = await collection.keep([Document(f"o{n}", an_order(f"o{n}"))])
        memory.add(come, 1.0)
        memory.add(Document("o3", b"as it is in memory", 3), 1.0)
        return page

    collection.newest = while_others_come
    await restore(collection, memory)
    assert sorted(memory.by_number) == list(range(1, len(collection.documents) + 1))
    assert memory.by_number[3].answer.body == b"as it is in memory"
    assert memory.added == len(memory) == len(collection.documents)


async def test_the_loop_has_its_turn_meanwhile():
    collection, memory = await filled(10), Memory(100, 10**9)
    task = asyncio.ensure_future(restore(collection, memory))
    seen = []
    while not task.done():
        seen.append(len(memory))
        await asyncio.sleep(0)
    assert {3, 6, 9} <= set(seen)


async def test_outdated_orders_stay_out_and_a_page_of_them_is_the_last():
    def date(n):
        return "2021-01-01T00:00:00Z" if n <= 27 else "9000-01-01T00:00:00Z" if n % 2 else "2011-01-01T00:00:00Z"

    collection, memory = await filled(40, dates=date), Memory(100, 10**9)
    await restore(collection, memory, oldest=time.time())
    assert sorted(memory.by_number) == [29, 31, 33, 35, 37, 39]
    assert collection.calls == ["newest", "newest", "newest"]


async def test_what_is_outdated_is_cleaned_away():
    memory, now = Memory(100, 10**9), time.time()
    for n in range(1, 31):
        memory.add(Document(f"o{n}", b"{}", n), now - 100 * (n % 3))
    cleaner = Cleaner(memory, outdated=150.0)
    await cleaner.clean()
    assert sorted(memory.by_number) == [n for n in range(1, 31) if n % 3 != 2]
    assert cleaner.outdated == 10
    await cleaner.clean()
    assert cleaner.outdated == 10


async def test_it_is_cleaned_at_an_interval():
    memory = Memory(100, 10**9)
    cleaner = Cleaner(memory, outdated=150.0)
    task = asyncio.ensure_future(cleaner.keep_on(0.001))
    for n in (1, 2):
        memory.add(Document(f"o{n}", b"{}", n), 0.0)
        async with asyncio.timeout(10):
            while len(memory):
                await asyncio.sleep(0.001)
    task.cancel()
    assert cleaner.outdated == 2


async def test_an_age_of_none_is_never_reached():
    memory = Memory(100, 10**9)
    memory.add(Document("o", b"{}", 1), -1e12)
    await Cleaner(memory, math.inf).clean()
    assert len(memory) == 1


class Screen(io.StringIO):
    """Standard error as it is at a terminal, or is not."""

    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "shown"),
    [(False, r"^restored 1,200 orders in \d+\.\ds\n$"), (True, r"restoring orders \S+ 1200/2500")],
)
def test_people_see_how_far_it_is(is_terminal, shown, monkeypatch):
    screen = Screen(is_terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with restoring.progress() as told:
        told(0, 2_500)
        told(1_200, 2_500)
    assert re.search(shown, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue()))
