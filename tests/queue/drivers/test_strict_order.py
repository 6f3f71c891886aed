"""Order by key and by partition, on the two drivers that hold their own state: against its law and each other."""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from forebay.clock import ManualClock
from forebay.message import Message
from forebay.queue.driver import Delivery, Driver, Ending, Settlement
from forebay.queue.drivers import memory, sqlite
from forebay.url import parse

T = TypeVar("T")

KEYS = [None, "a", "b", ""]
LEASE = 10.0


class Strict(RuleBasedStateMachine):
    """The same calls on both drivers; what they answer must agree, and obey the order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.folder = tempfile.TemporaryDirectory()
        self.drivers: list[Driver] = []
        self.publishers: list[Driver] = []
        self.published = 0
        self.place: dict[str, int] = {}  # in the order of publishing
        self.lane: dict[str, str | None] = {}
        self.unfinished: set[str] = set()
        self.dead: set[str] = set()
        self.out: dict[str, tuple[float, list[Delivery]]] = {}  # until when, and the delivery of each driver

    def run(self, call: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await call

        return self.runner.run(awaited())

    def both(self, call: str, *arguments: Any) -> Any:
        """Return what both drivers answer to a call."""
        first, second = (self.run(getattr(driver, call)(*arguments)) for driver in self.drivers)
        assert first == second
        return first

    @initialize(order=st.sampled_from(["key", "partition"]), late=st.booleans())
    def begin(self, order: str, late: bool) -> None:
        self.order = order
        file = parse(f"sqlite:///{Path(self.folder.name)}/q.db").with_options(topic="strict", synchronous="normal")
        urls = [parse("memory://strict"), file]  # which no power cut will befall
        early = [self.new(key, 0.0) for key in ["a", "b", "a", None]] if late else []
        for module, url in zip([memory, sqlite], urls, strict=True):
            publisher = self.run(module.connect(url, clock=self.clock))
            self.run(publisher.publish(early, math.inf))  # the order is asked for when there are messages already
            worker = self.run(module.connect(url.with_options(order=order, lease=f"{LEASE:g}s"), clock=self.clock))
            self.publishers.append(publisher)
            self.drivers.append(worker)

    def teardown(self) -> None:
        for driver in [*self.drivers, *self.publishers]:
            self.run(driver.close())
        self.runner.close()
        self.folder.cleanup()

    def new(self, key: str | None, delay: float) -> Message:
        self.published += 1
        now = self.clock.time()
        message = Message(f"m{self.published:04}", b"", key, accepted_at=now, not_before=now + delay if delay else 0.0)
        self.place[message.id] = self.published
        self.lane[message.id] = key if self.order == "key" else ""
        self.unfinished.add(message.id)
        return message

    @rule(keys=st.lists(st.sampled_from(KEYS), max_size=4), delay=st.sampled_from([0.0, 0.0, 3.0]))
    def publish(self, keys: list[str | None], delay: float) -> None:
        self.both("publish", [self.new(key, delay) for key in keys], math.inf)

    @rule(limit=st.integers(1, 5))
    def receive(self, limit: int) -> None:
        first, second = (list(self.run(driver.receive(limit, 0))) for driver in self.drivers)
        assert [(d.message, d.attempt) for d in first] == [(d.message, d.attempt) for d in second]
        now = self.clock.time()
        self.out = {id: held for id, held in self.out.items() if held[0] > now}
        for pair in zip(first, second, strict=True):
            self.obeys(pair[0].message)
            self.out[pair[0].message.id] = (now + LEASE, list(pair))

    def obeys(self, message: Message) -> None:
        lane = self.lane[message.id]
        assert message.not_before <= self.clock.time()
        if lane is not None:
            of_lane = [id for id in self.unfinished if self.lane[id] == lane]
            assert not [id for id in of_lane if id in self.out], "two of one lane are out"
            assert min(of_lane, key=self.place.__getitem__) == message.id, "an older one of the lane is not finished"

    @rule(data=st.data(), ending=st.sampled_from(Ending), delay=st.sampled_from([0.0, 2.0, 20.0]))
    def settle(self, data: st.DataObject, ending: Ending, delay: float) -> None:
        if not self.out:
            return
        id = data.draw(st.sampled_from(sorted(self.out)))
        _, deliveries = self.out.pop(id)
        answers = [
            list(self.run(driver.settle([Settlement(delivery, ending, delay)])))
            for driver, delivery in zip(self.drivers, deliveries, strict=True)
        ]
        assert answers[0] == answers[1]
        if answers[0] == [True] and ending in {Ending.DONE, Ending.DEAD}:
            self.unfinished.remove(id)
            if ending is Ending.DEAD:
                self.dead.add(id)

    @rule(count=st.integers(1, 3))
    def return_dead(self, count: int) -> None:
        chosen = sorted(self.dead)[:count]
        assert self.both("return_dead", chosen) == len(chosen)
        self.dead -= set(chosen)
        self.unfinished |= set(chosen)

    @rule(purge=st.just(None))
    def purge(self, purge: None) -> None:
        expired = {id for id, (due, _) in self.out.items() if due <= self.clock.time()}
        self.out = {id: held for id, held in self.out.items() if id not in expired}
        assert self.both("purge") == len(self.unfinished - set(self.out))
        self.unfinished = set(self.out)

    @rule(seconds=st.sampled_from([1.0, 3.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def the_counts_agree_and_nothing_is_lost(self) -> None:
        if len(self.drivers) == 2:
            counts = self.both("counts")
            assert counts.lost == 0
            assert counts.unfinished == len(self.unfinished)

    @invariant()
    def all_are_found_in_the_same_state(self) -> None:
        if len(self.drivers) == 2:
            for id in self.place:
                self.both("find", id)


def test_one_of_a_lane_is_out_and_the_oldest_goes_first_whatever_happens() -> None:
    calm = settings(max_examples=50, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Strict, settings=calm)
