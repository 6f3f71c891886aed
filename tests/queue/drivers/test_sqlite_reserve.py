"""A disk that the queue itself has filled: nothing is lost, and the queue becomes empty by itself."""

from __future__ import annotations

import math
import os
from collections import namedtuple
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from forebay.errors import Unavailable
from forebay.message import Message, new_id
from forebay.queue.driver import Driver, Settlement
from forebay.queue.drivers import sqlite
from forebay.queue.drivers.sqlite import driver
from forebay.url import parse

Disk = namedtuple("Disk", "f_bavail f_blocks f_frsize")
MIB = 256
"""Blocks of a mebibyte."""


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[Driver]:
    queue = await sqlite.connect(parse(f"sqlite:///{tmp_path}/queue.db?topic=orders"))
    yield queue
    await queue.close()


def of(size: int) -> Message:
    return Message(new_id(), b"x" * size)


@pytest.mark.parametrize(
    ("free", "whole", "size", "accepted"),
    [
        (65 * MIB, 100_000 * MIB, 1_000, True),
        (63 * MIB, 100_000 * MIB, 1_000, False),
        (64 * MIB, 100_000 * MIB, 5_000, False),
        (3 * MIB, 20 * MIB, 1_000, True),
        (1 * MIB, 20 * MIB, 1_000, False),
        (0, 100_000 * MIB, 0, False),
    ],
)
async def test_a_part_of_the_disk_is_not_for_publishing(
    monkeypatch: pytest.MonkeyPatch, queue: Driver, free: int, whole: int, size: int, accepted: bool
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: Disk(free, whole, 4096))
    if accepted:
        assert await queue.publish([of(size)], math.inf)
        return
    with pytest.raises(Unavailable, match="kept to finish what was accepted"):
        await queue.publish([of(size)], math.inf)
    assert (await queue.counts()).accepted == 0


async def finish_all(queue: Driver) -> int:
    """Work off all that waits; return how many that were."""
    done = 0
    while taken := await queue.receive(50, 0):
        assert all(await queue.settle([Settlement(one) for one in taken]))
        done += len(taken)
    return done


async def test_room_that_was_left_inside_the_file_is_used_again(monkeypatch: pytest.MonkeyPatch, queue: Driver) -> None:
    for _ in range(20):
        await queue.publish([of(4_000) for _ in range(20)], math.inf)
    monkeypatch.setattr(os, "statvfs", lambda _: Disk(0, 100_000 * MIB, 4096))
    with pytest.raises(Unavailable):
        await queue.publish([of(4_000)], math.inf)
    assert await finish_all(queue) == 400
    assert await queue.publish([of(4_000)], math.inf)
    with pytest.raises(Unavailable):
        await queue.publish([of(4_000_000)], math.inf)


@pytest.fixture
def small_disk(mounted: Callable[[int], Path]) -> Path:
    return mounted(8)


async def fill(queue: Driver) -> int:
    """Publish until not even one more is accepted; return how many were."""
    accepted = 0
    for many in (10, 1):
        with suppress(Unavailable):
            while True:
                accepted += len(await queue.publish([of(1_000) for _ in range(many)], math.inf))
    return accepted


async def test_a_queue_that_has_filled_its_disk_becomes_empty_by_itself_and_accepts_again(small_disk: Path) -> None:
    queue = await sqlite.connect(parse(f"sqlite:///{small_disk}/queue.db?topic=orders"))
    for _ in range(3):
        accepted = await fill(queue)
        assert accepted > 500
        assert await finish_all(queue) == accepted
    assert (await queue.counts()).lost == 0
    await queue.close()


async def test_without_a_reserve_it_would_not(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "check_room", lambda *_: None)
    queue = await sqlite.connect(parse(f"sqlite:///{small_disk}/queue.db?topic=orders"))
    await fill(queue)
    with pytest.raises(Unavailable, match="full"):
        await finish_all(queue)
    await queue.close()
