"""Any sequence of calls, at any times, against a model of twenty lines of state: the laws of retries and leases."""

# ruff: noqa: D102 - the rules are named after the calls of a driver

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from forebay.clock import ManualClock
from forebay.disciplines import Discipline
from forebay.message import Message, new_id
from forebay.queue.conformance.harness import INF, Harness
from forebay.queue.driver import Counts, Delivery, Driver, Ending, Settlement, State

T = TypeVar("T")
Open = Callable[..., Awaitable[Driver]]

NAMES = [f"m{n}" for n in range(8)]
SORTED = [Discipline.FIFO, Discipline.LIFO, Discipline.PRIORITY]


class Modelled(Harness):
    """The whole driver against the model; for drivers with a movable clock, exact places and known duplicates."""

    def test_it_does_what_the_model_does(self) -> None:
        declared = self.features
        exact = self.clock is not None and declared.exact_places and declared.deduplicates and declared.finds
        self.need(exact, "a movable clock, exact places, known duplicates, find")
        assert self.clock is not None
        clock, disciplines = self.clock, [d for d in SORTED if d in declared.disciplines]
        calm = settings(max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
        make: Any = lambda: Machine(self.open, clock, self.lease, disciplines)  # noqa: E731 - any factory will do
        run_machine(make, settings=calm)


class Known:
    """What the model knows of one message."""

    def __init__(self, message: Message, number: int) -> None:
        self.message = message
        self.number = number
        self.state = State.WAITING
        self.attempt = 0
        self.due = INF
        self.delivery: Delivery | None = None  # whose lease counts


class Machine(RuleBasedStateMachine):
    """Two processes on one topic, and a model that says what must come of every call."""

    deliveries = Bundle("deliveries")

    def __init__(self, open: Open, clock: ManualClock, lease: float, disciplines: list[Discipline]) -> None:
        super().__init__()
        self.open, self.clock, self.lease, self.disciplines = open, clock, lease, disciplines
        self.runner = asyncio.Runner()
        self.known: dict[str, Known] = {}
        self.drivers: list[Driver] = []
        self.accepted = self.done = self.discarded = 0

    def run(self, call: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await call

        return self.runner.run(awaited())

    def teardown(self) -> None:
        for driver in self.drivers:
            self.run(driver.close())
        self.runner.close()

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.discipline = data.draw(st.sampled_from(self.disciplines))
        topic = f"t{new_id()}"
        options = {"lease": f"{self.lease:g}s", "discipline": str(self.discipline)}
        self.drivers = [self.run(self.open(topic, **options)) for _ in range(2)]

    # The model.

    def of(self, *states: State) -> list[Known]:
        return [known for known in self.known.values() if known.state in states]

    def next_in_line(self, known: Known) -> tuple[int, int]:
        by_priority = self.discipline is Discipline.PRIORITY
        number = -known.number if self.discipline is Discipline.LIFO else known.number
        return (-known.message.priority if by_priority else 0, number)

    def make_ready(self, known: Known) -> None:
        known.state, known.due, known.delivery = State.WAITING, INF, None

    def promote(self) -> None:
        for known in self.of(State.IN_WORK, State.RETRYING):
            if known.due <= self.clock.time():
                self.make_ready(known)

    # The calls.

    @rule(
        which=st.integers(0, 1),
        names=st.lists(st.sampled_from(NAMES), max_size=5),
        priority=st.integers(-1, 1),
        places=st.sampled_from([INF, 3, 0]),
    )
    def publish(self, which: int, names: list[str], priority: int, places: float) -> None:
        now = self.clock.time()
        messages = [Message(name, name.encode(), priority=priority, accepted_at=now) for name in names]
        expected = []
        for message in messages:
            room = len(self.of(State.WAITING, State.RETRYING)) < places
            expected.append(message.id in self.known or room)
            if message.id not in self.known and room:
                self.accepted += 1
                self.known[message.id] = Known(message, self.accepted)
        results = self.run(self.drivers[which].publish(messages, places))
        assert [isinstance(result, str) for result in results] == expected

    @rule(target=deliveries, which=st.integers(0, 1), limit=st.integers(1, 4))
    def receive(self, which: int, limit: int) -> Any:
        received = list(self.run(self.drivers[which].receive(limit, 0)))
        self.promote()
        expected = sorted(self.of(State.WAITING), key=self.next_in_line)[:limit]
        for known in expected:
            known.attempt += 1
        assert [(d.message, d.attempt) for d in received] == [(known.message, known.attempt) for known in expected]
        for known, delivery in zip(expected, received, strict=True):
            known.state, known.due, known.delivery = State.IN_WORK, self.clock.time() + self.lease, delivery
        return multiple(*received)

    @rule(
        which=st.integers(0, 1),
        delivery=deliveries,
        ending=st.sampled_from(Ending),
        delay=st.sampled_from([0.0, 1.0, 30.0]),
        headers=st.sampled_from([None, {"story": "told"}]),
    )
    def settle(
        self, which: int, delivery: Delivery, ending: Ending, delay: float, headers: dict[str, str] | None
    ) -> None:
        known = self.known.get(delivery.message.id)
        held = known is not None and known.delivery is delivery
        settlement = Settlement(delivery, ending, delay, headers)
        assert list(self.run(self.drivers[which].settle([settlement]))) == [held]
        if known is not None and held:
            self.end(known, settlement)

    def end(self, known: Known, settlement: Settlement) -> None:
        known.delivery, known.due = None, INF
        if settlement.headers is not None and settlement.ending in {Ending.RETRY, Ending.DEAD}:
            known.message = known.message.replace(headers=settlement.headers)
        match settlement.ending:
            case Ending.DONE:
                del self.known[known.message.id]
                self.done += 1
            case Ending.RETRY:
                known.state, known.due = State.RETRYING, self.clock.time() + settlement.delay
            case Ending.DEAD:
                known.state = State.DEAD
            case Ending.RELEASE:
                known.attempt -= 1
                self.make_ready(known)

    @rule(which=st.integers(0, 1), delivery=deliveries)
    def extend(self, which: int, delivery: Delivery) -> None:
        self.run(self.drivers[which].extend([delivery]))
        known = self.known.get(delivery.message.id)
        if known is not None and known.delivery is delivery:
            known.due = self.clock.time() + self.lease

    @rule(seconds=st.sampled_from([0.5, 1.0, 9.0, 10.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(which=st.integers(0, 1), names=st.lists(st.sampled_from(NAMES), max_size=3, unique=True), drop=st.booleans())
    def decide_on_the_dead(self, which: int, names: list[str], drop: bool) -> None:
        dead = [known for known in self.of(State.DEAD) if known.message.id in names]
        driver = self.drivers[which]
        assert self.run(driver.drop_dead(names) if drop else driver.return_dead(names)) == len(dead)
        for known in dead:
            if drop:
                del self.known[known.message.id]
                self.discarded += 1
            else:
                known.attempt = 0
                self.make_ready(known)

    @rule(which=st.integers(0, 1))
    def purge(self, which: int) -> None:
        self.promote()
        removed = self.of(State.WAITING, State.RETRYING)
        assert self.run(self.drivers[which].purge()) == len(removed)
        for known in removed:
            del self.known[known.message.id]
        self.discarded += len(removed)

    # What holds at all times.

    def seen(self, known: Known) -> State:
        return State.WAITING if known.due <= self.clock.time() else known.state

    @invariant()
    def everything_is_where_the_model_says(self) -> None:
        if not self.drivers:
            return
        states = [self.seen(known) for known in self.known.values()]
        unfinished = [k.message.accepted_at for k in self.known.values() if k.state is not State.DEAD]
        for driver in self.drivers:
            counts = self.run(driver.counts())
            assert counts == Counts(
                accepted=self.accepted,
                waiting=states.count(State.WAITING),
                in_work=states.count(State.IN_WORK),
                retrying=states.count(State.RETRYING),
                done=self.done,
                dead=states.count(State.DEAD),
                discarded=self.discarded,
                oldest_seconds=counts.oldest_seconds,
            )
            assert counts.lost == 0
            assert counts.oldest_seconds == (self.clock.time() - min(unfinished) if unfinished else 0)

    @invariant()
    def dead_letters_are_those_of_the_model(self) -> None:
        if self.drivers:
            letters = self.run(self.drivers[0].dead_letters())
            dead = sorted(self.of(State.DEAD), key=lambda known: known.message.id)
            assert [(x.message, x.attempts) for x in letters] == [(k.message, k.attempt) for k in dead]
