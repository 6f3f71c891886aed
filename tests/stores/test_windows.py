"""What a window must do on every store: the last values, each message once, whatever is delivered twice."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay.errors import Unavailable, UsageError
from forebay.stores.opening import open_store
from forebay.stores.store import Result, Store
from forebay.stores.window import Entry, Window

TOPIC = "ratings"
LOWEST, HIGHEST = -(2**63), 2**63 - 1

WORKER = """
import asyncio, sys
from forebay.stores.opening import open_store
from forebay.stores.window import Entry

async def main():
    store = await open_store(sys.argv[1])
    window = await store.window("rates", 7)
    entries = [Entry(f"id{n}", "ratings", n) for n in range(200)]
    calls = [window.put(entries[n : n + 5]) for n in range(0, 200, 5)]
    answers = await asyncio.gather(*calls)
    print(sum(map(sum, answers)))
    await store.close()

asyncio.run(main())
"""


def entries(*values: int, name: str = "id", topic: str = TOPIC) -> list[Entry]:
    return [Entry(f"{name}{value}", topic, value) for value in values]


async def put(window: Window, values: Sequence[int], name: str = "id") -> list[bool]:
    return list(await window.put(entries(*values, name=name)))


async def test_a_new_window_is_empty_and_nothing_may_be_put_in(store: Store) -> None:
    window = await store.window("rates", 3)
    assert (window.size, list(await window.values()), list(await window.put([]))) == (3, [], [])


async def test_the_newest_value_stands_first_and_the_oldest_goes(store: Store) -> None:
    window = await store.window("rates", 3)
    assert await put(window, [1, 2]) == [True, True]
    assert list(await window.values()) == [2, 1]
    assert await put(window, [3, 4]) == [True, True]
    assert list(await window.values()) == [4, 3, 2]


async def test_a_batch_larger_than_the_window_leaves_its_last_values(store: Store) -> None:
    window = await store.window("rates", 4)
    assert await put(window, range(100)) == [True] * 100
    assert list(await window.values()) == [99, 98, 97, 96]
    assert await store.count(TOPIC) == 100


async def test_a_window_of_one_holds_the_last(store: Store) -> None:
    window = await store.window("rates", 1)
    for value in (5, 6):
        await put(window, [value])
        assert list(await window.values()) == [value]


async def test_what_is_delivered_twice_is_counted_once(store: Store) -> None:
    window = await store.window("rates", 10)
    await put(window, [1, 2, 3])
    assert await put(window, [2, 4, 3]) == [False, True, False]
    assert list(await window.values()) == [4, 3, 2, 1]


async def test_of_a_message_twice_in_a_batch_the_first_value_counts(store: Store) -> None:
    window = await store.window("rates", 10)
    batch = [Entry("a", TOPIC, 1), Entry("b", TOPIC, 2), Entry("a", TOPIC, 3), Entry("a", "others", 4)]
    assert list(await window.put(batch)) == [True, True, False, True]
    assert list(await window.values()) == [4, 2, 1]


async def test_the_ends_of_64_bits_come_back_as_they_were(store: Store) -> None:
    window = await store.window("rates", 5)
    await put(window, [LOWEST, HIGHEST, 0, 2**53 + 1])
    assert list(await window.values()) == [2**53 + 1, 0, HIGHEST, LOWEST]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    batches=st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 30), max_size=12)), min_size=1, max_size=8),
    sizes=st.tuples(*[st.integers(1, 9)] * 3),
    same_size=st.booleans(),
)
async def test_a_window_is_what_its_model_is(
    store: Store, store_url: str, batches: list[tuple[int, list[int]]], sizes: tuple[int, ...], same_size: bool
) -> None:
    others = [await open_store(store_url) for _ in range(2)]
    name = uuid.uuid4().hex  # of a window of this example alone
    sizes = (sizes[0],) * 3 if same_size else sizes
    windows = [await one.window(name, size) for one, size in zip([store, *others], sizes, strict=True)]
    model: list[int] = []  # the newest last
    seen: set[int] = set()
    for handle, batch in batches:
        expected = [value not in seen and value not in batch[:n] for n, value in enumerate(batch)]
        seen.update(batch)
        new = [value for value, fresh in zip(batch, expected, strict=True) if fresh]
        if batch:
            model = [*model, *new][-sizes[handle] :]
        assert await put(windows[handle], batch, name) == expected
        for window, size in zip(windows, sizes, strict=True):
            assert list(await window.values()) == model[::-1][:size]
    for other in others:
        await other.close()


async def test_a_window_that_is_opened_smaller_and_larger_again(store: Store) -> None:
    large, small = await store.window("rates", 5), await store.window("rates", 2)
    await put(large, range(8))
    assert list(await small.values()) == [7, 6]
    assert list(await large.values()) == [7, 6, 5, 4, 3]
    await put(small, [8])
    assert list(await large.values()) == [8, 7]
    await put(large, [9, 10])
    assert list(await large.values()) == [10, 9, 8, 7]


async def test_two_sizes_at_once_lose_no_value_that_both_hold(store: Store, store_url: str) -> None:
    other = await open_store(store_url)
    large, small = await store.window("rates", 9), await other.window("rates", 5)
    await asyncio.gather(*(put(large if n % 2 else small, [n]) for n in range(60)))
    await put(small, [60, 61])
    await put(large, [62, 63])
    values = list(await large.values())
    assert values[:4] == [63, 62, 61, 60]
    assert len(values) == len(set(values)) == 7
    await other.close()


async def test_windows_of_two_names_share_the_inbox_and_nothing_else(store: Store) -> None:
    one, two = await store.window("one", 3), await store.window("t-W_0", 3)
    await put(one, [1, 2])
    assert await put(two, [2, 3]) == [False, True]
    assert (list(await one.values()), list(await two.values())) == ([2, 1], [3])


async def test_after_a_value_its_message_has_had_its_effect(store: Store) -> None:
    window = await store.window("rates", 3)
    await put(window, [1])
    async with store.once("id1", TOPIC) as connection:
        assert connection is None
    async with store.once("id1", "others") as connection:
        assert connection is not None


async def test_a_message_that_has_had_its_effect_brings_no_value(store: Store) -> None:
    window = await store.window("rates", 3)
    async with store.once("id1", TOPIC):
        pass
    await store.save([Result("id2", TOPIC, b"1", 1.0, 2.0, 3.0)])
    assert await put(window, [1, 2, 3]) == [False, False, True]
    assert list(await window.values()) == [3]


async def test_a_result_joins_the_inbox_row_of_a_value(store: Store) -> None:
    window = await store.window("rates", 3)
    await put(window, [1])
    assert await store.get("id1") is None
    result = Result("id1", TOPIC, b'"kept"', 1.0, 2.0, 3.0)
    assert list(await store.save([result, result])) == [True, False]
    assert (await store.get("id1"), await store.count(TOPIC)) == (result, 1)
    assert await put(window, [1]) == [False]


async def test_of_many_puts_at_once_each_message_counts_once(store: Store, store_url: str) -> None:
    other = await open_store(store_url)
    windows = [await one.window("rates", 500) for one in (store, store, other)]
    calls = [put(window, range(n, n + 10)) for n in range(0, 100, 5) for window in windows]
    answers = await asyncio.gather(*calls)
    assert sum(map(sum, answers)) == 105
    assert sorted(await windows[0].values()) == list(range(105))
    await other.close()


async def test_the_order_of_concurrent_puts_is_one_order_of_whole_batches(store: Store, store_url: str) -> None:
    other = await open_store(store_url)
    windows = [await one.window("rates", 10_000) for one in (store, other)]
    batches = [range(n, n + 20) for n in range(0, 800, 20)]
    await asyncio.gather(*(put(windows[n % 2], batch) for n, batch in enumerate(batches)))
    values = list(await windows[1].values())[::-1]
    assert sorted(values[n] for n in range(0, 800, 20)) == [batch[0] for batch in batches]
    assert all(values[n : n + 20] == list(range(values[n], values[n] + 20)) for n in range(0, 800, 20))
    await other.close()


async def test_several_processes_fill_one_window_exactly(store: Store, store_url: str) -> None:
    if store_url.startswith("memory"):
        pytest.skip("memory is of one process")
    window = await store.window("rates", 7)
    command = [sys.executable, "-c", WORKER, store_url]
    workers = [await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE) for _ in range(3)]
    told = [int((await worker.communicate())[0]) for worker in workers]
    assert sum(told) == 200 == await store.count(TOPIC)
    values = list(await window.values())
    assert len(values) == len(set(values)) == 7


async def test_a_cancelled_put_does_not_harm_the_others(store: Store) -> None:
    window = await store.window("rates", 100)
    putting = [asyncio.create_task(put(window, [n])) for n in range(20)]
    await asyncio.sleep(0)
    putting[3].cancel()
    answers = await asyncio.gather(*putting, return_exceptions=True)
    assert [answer for n, answer in enumerate(answers) if n != 3] == [[True]] * 19
    await put(window, [3])
    assert sorted(await window.values()) == list(range(20))


async def test_closing_finishes_the_puts_that_were_begun(store: Store, store_url: str) -> None:
    other = await open_store(store_url)
    window = await other.window("rates", 30)
    putting = [asyncio.create_task(put(window, [n])) for n in range(20)]
    await asyncio.sleep(0)
    await other.close()
    assert await asyncio.gather(*putting) == [[True]] * 20
    assert len(await (await store.window("rates", 30)).values()) == 20
    await store.close()
    with pytest.raises(Unavailable):
        await put(window, [21])


async def test_values_are_there_after_a_reopening(store_url: str) -> None:
    if store_url.startswith("memory"):
        pytest.skip("memory does not last: its durability says so")
    for values, expected in (([1, 2], [2, 1]), ([2, 3], [3, 2, 1])):
        store = await open_store(store_url)
        window = await store.window("rates", 3)
        await put(window, values)
        assert list(await window.values()) == expected
        await store.close()


@pytest.mark.parametrize("name", ["", "a b", "a:b", "Оценки", "x" * 41, "rates\n"])
async def test_a_name_that_is_none_is_refused_with_a_hint(store: Store, name: str) -> None:
    with pytest.raises(UsageError, match="name of a window") as caught:
        await store.window(name, 3)
    assert "letters" in caught.value.hint


@pytest.mark.parametrize("size", [0, -1, 2**63])
async def test_a_size_that_is_none_is_refused(store: Store, size: int) -> None:
    with pytest.raises(UsageError, match="values"):
        await store.window("rates", size)


@pytest.mark.parametrize(
    "entry",
    [
        Entry("a\0b", TOPIC, 1),
        Entry("a", "\ud800", 1),
        Entry("x" * 1001, TOPIC, 1),
        Entry("a", TOPIC, HIGHEST + 1),
        Entry("a", TOPIC, LOWEST - 1),
    ],
    ids=["NUL", "surrogate", "long", "large", "small"],
)
async def test_an_entry_that_cannot_be_kept_is_refused_before_anything_is_put_in(store: Store, entry: Entry) -> None:
    window = await store.window("rates", 3)
    with pytest.raises(UsageError):
        await window.put([*entries(1), entry])
    assert (list(await window.values()), await store.count(TOPIC)) == ([], 0)
