from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from forebay.errors import Unavailable
from forebay.stores.batching import HEAVIEST_BATCH, Batcher


class Commits:
    """Records the batches that are committed, and can hold or fail them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.error: Exception | None = None

    async def commit(self, items: list[int]) -> Sequence[str]:
        self.batches.append(items)
        self.begun.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [f"done {item}" for item in items]


def a_batcher(commits: Commits, weight: int = 1, at_once: int = 1) -> Batcher[int, str]:
    return Batcher(commits.commit, lambda item: weight, at_once=at_once)


async def test_calls_of_one_turn_of_the_loop_share_a_commit() -> None:
    commits = Commits()
    batcher = a_batcher(commits)
    answers = await asyncio.gather(*(batcher.submit([n, n + 100]) for n in range(3)))
    assert answers == [[f"done {n}", f"done {n + 100}"] for n in range(3)]
    assert commits.batches == [[0, 100, 1, 101, 2, 102]]


async def test_calls_gather_while_a_commit_is_under_way() -> None:
    commits = Commits()
    batcher = a_batcher(commits)
    commits.gate.clear()
    calls = [asyncio.create_task(batcher.submit([0]))]
    await commits.begun.wait()
    for n in range(1, 4):
        calls.append(asyncio.create_task(batcher.submit([n])))
        await asyncio.sleep(0)
    commits.gate.set()
    await asyncio.gather(*calls)
    assert commits.batches == [[0], [1, 2, 3]]


async def test_a_heavy_call_ends_its_batch_and_is_never_torn() -> None:
    commits = Commits()
    batcher = a_batcher(commits, weight=HEAVIEST_BATCH // 3)
    await asyncio.gather(*(batcher.submit([n] * 5) for n in range(2)))
    assert commits.batches == [[0] * 5, [1] * 5]


async def test_as_many_batches_are_under_way_as_may_be() -> None:
    commits = Commits()
    batcher = a_batcher(commits, weight=HEAVIEST_BATCH, at_once=2)
    commits.gate.clear()
    calls = [asyncio.create_task(batcher.submit([n])) for n in range(4)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert commits.batches == [[0], [1]]
    commits.gate.set()
    assert await asyncio.gather(*calls) == [[f"done {n}"] for n in range(4)]
    await batcher.drain()
    assert await batcher.submit([4]) == ["done 4"]


async def test_a_call_that_comes_as_the_last_commit_ends_is_not_forgotten() -> None:
    commits = Commits()
    batcher = a_batcher(commits)
    for n in range(50):  # each comes in another turn of the loop after the last answer
        await batcher.submit([n])
        for _ in range(n % 5):
            await asyncio.sleep(0)
    assert commits.batches == [[n] for n in range(50)]


async def test_a_failed_commit_is_told_to_each_of_its_callers_and_to_no_other() -> None:
    commits = Commits()
    batcher = a_batcher(commits)
    commits.error = Unavailable("down", "is it up?")
    errors = await asyncio.gather(batcher.submit([1]), batcher.submit([2]), return_exceptions=True)
    assert [(type(error), str(error)) for error in errors] == [(Unavailable, "down")] * 2
    assert errors[0] is not errors[1]
    commits.error = None
    assert await batcher.submit([3]) == ["done 3"]


async def test_whoever_is_cancelled_stops_waiting_but_not_the_commit() -> None:
    commits = Commits()
    batcher = a_batcher(commits)
    commits.gate.clear()
    calls = [asyncio.create_task(batcher.submit([n])) for n in range(2)]
    await commits.begun.wait()
    calls[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await calls[0]
    commits.gate.set()
    assert await calls[1] == ["done 1"]


async def test_draining_waits_for_all_that_was_submitted() -> None:
    commits = Commits()
    batcher = a_batcher(commits)
    calls = [asyncio.create_task(batcher.submit([n])) for n in range(3)]
    await asyncio.sleep(0)
    await batcher.drain()
    assert sum(map(len, commits.batches)) == 3
    await asyncio.gather(*calls)
