"""Tests of one class that run at the same time: most of the time they wait for a broker, each for itself.

A class says how many with its attribute `at_once`. When the first of its tests is called, all begin, so many at a time,
on a loop of their own in another thread; each item of pytest then only waits for what became of its test.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from forebay.clock import ManualClock


class AtOnce:
    """The tests of a class under way.

    Arguments:
        items: in the order in which they are asked for.
        instance: an instance of the class with its fixtures set up; each test gets a copy.
        width: how many run at a time.
    """

    def __init__(self, items: Sequence[pytest.Function], instance: Any, width: int) -> None:
        self._items = items
        self._instance = instance
        self._width = width
        self._ends: dict[str, Future[None]] = {item.nodeid: Future() for item in items}
        self._given_up = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="at-once", daemon=True)
        self._thread.start()

    def wait_for(self, item: pytest.Function) -> None:
        """Return when this test has passed; raise what it raised."""
        self._ends[item.nodeid].result()

    def give_up(self, seconds: float) -> None:
        """Begin no more tests, and wait for those that have begun."""
        self._given_up = True
        self._thread.join(seconds)

    async def _run(self) -> None:
        waiting = iter(self._items)
        async with asyncio.TaskGroup() as workers:
            for _ in range(self._width):
                workers.create_task(self._work(waiting))

    async def _work(self, waiting: Any) -> None:
        for item in waiting:
            if self._given_up:
                return
            try:
                await self._one(item)
            except BaseException as error:  # a skip is one, too
                self._ends[item.nodeid].set_exception(error)
            else:
                self._ends[item.nodeid].set_result(None)

    async def _one(self, item: pytest.Function) -> None:
        suite = copy.copy(self._instance)
        if suite.clock is not None:
            suite.clock = ManualClock(suite.clock.time())  # nobody moves the time of another
        async with suite.topic_of_its_own():
            await getattr(suite, item.originalname)(**_parameters(item))


_under_way: dict[type, AtOnce] = {}


def run(item: pytest.Function) -> bool:
    """Run a test together with the others of its class; return whether it is one that can be."""
    width = getattr(item.cls, "at_once", 1)
    if width == 1 or not _can_be(item):
        return False
    if item.cls not in _under_way:
        items = [one for one in item.session.items if getattr(one, "cls", None) is item.cls and _can_be(one)]
        _under_way[item.cls] = AtOnce(items, item.instance, width)
    _under_way[item.cls].wait_for(item)
    return True


def give_up(seconds: float = 10.0) -> None:
    """Let no test go on behind the back of a session that ends early."""
    for under_way in _under_way.values():
        under_way.give_up(seconds)


def _can_be(item: pytest.Function) -> bool:
    """Return whether a test is async and takes no fixture that has to be set up for it."""
    test = getattr(item.cls, item.originalname)
    return inspect.iscoroutinefunction(test) and set(inspect.signature(test).parameters) <= {"self", *_parameters(item)}


def _parameters(item: pytest.Function) -> dict[str, Any]:
    return dict(item.callspec.params) if hasattr(item, "callspec") else {}
