"""Any sequence of calls, at any times, against a model of a few lines of state: the laws of retries and leases."""

# ruff: noqa: D102 - the rules are named after the calls of a driver

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from forebay.clock import ManualClock
from forebay.disciplines import Discipline, Order
from forebay.message import Message, new_id
from forebay.queue.conformance.harness import INF, Harness
from forebay.queue.driver import Counts, Delivery, Driver, Ending, Settlement, State

T = TypeVar("T")
Open = Callable[..., Awaitable[Driver]]

NAMES = [f"m{n}" for n in range(12)]
KEYS = [None, "a", "a", "b", "b", None]
End = tuple[Ending, float, dict[str, str] | None]
ENDS = st.tuples(st.sampled_from(Ending), st.sampled_from([0.0, 1.0, 30.0]), st.sampled_from([None, {"story": "told"}]))
SORTED = [Discipline.FIFO, Discipline.LIFO, Discipline.PRIORITY]


class Modelled(Harness):
    """The whole driver against the model; for drivers with a movable clock, exact places and known duplicates."""

    search = settings(max_examples=30, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck))

    def test_it_does_what_the_model_does(self) -> None:
        declared = self.features
        exact = self.clock is not None and declared.exact_places and declared.deduplicates and declared.finds
        self.need(exact, "a movable clock, exact places, known duplicates, find")
        assert self.clock is not None
        clock = self.clock
        laws = [(d, Order.NONE) for d in SORTED if d in declared.disciplines]
        laws += [(Discipline.FIFO, order) for order in sorted(declared.orders - {Order.NONE})]
        make: Any = lambda: Machine(self.open, clock, self.lease, laws)  # noqa: E731 - any factory will do
        run_machine(make, settings=self.search)


class Known:
    """What the model knows of one message in one group."""

    def __init__(self, message: Message, number: int, now: float) -> None:
        self.message = message
        self.number = number
        self.attempt = 0
        self.delivery: Delivery | None = None  # whose lease counts
        self.state, self.due = State.WAITING, INF
        if message.not_before > now:
            self.state, self.due = State.RETRYING, message.not_before

    def make_ready(self) -> None:
        self.state, self.due, self.delivery = State.WAITING, INF, None


class Group:
    """What the model knows of one group."""

    def __init__(self, discipline: Discipline, order: Order, clock: ManualClock) -> None:
        self.discipline, self.order, self.clock = discipline, order, clock
        self.known: dict[str, Known] = {}
        self.accepted = self.done = self.discarded = 0

    def of(self, *states: State) -> list[Known]:
        return [known for known in self.known.values() if known.state in states]

    def accept(self, message: Message) -> None:
        self.accepted += 1
        self.known[message.id] = Known(message, self.accepted, self.clock.time())

    def discard(self, removed: list[Known]) -> None:
        for known in removed:
            del self.known[known.message.id]
        self.discarded += len(removed)

    def promote(self) -> None:
        for known in self.of(State.IN_WORK, State.RETRYING):
            if known.due <= self.clock.time():
                known.make_ready()

    def taken(self, limit: int, lease: float) -> list[Known]:
        """Let go the messages whose turn it is, one after the other."""
        self.promote()
        taken: list[Known] = []
        while len(taken) < limit and (ready := [k for k in self.of(State.WAITING) if self.may_go(k)]):
            known = min(ready, key=self.turn)
            known.attempt += 1
            known.state, known.due = State.IN_WORK, self.clock.time() + lease
            taken.append(known)
        return taken

    def turn(self, known: Known) -> tuple[int, int]:
        by_priority = self.discipline is Discipline.PRIORITY
        number = -known.number if self.discipline is Discipline.LIFO else known.number
        return (-known.message.priority if by_priority else 0, number)

    def may_go(self, known: Known) -> bool:
        """Whether all that it must wait for has come to its end."""
        key = known.message.key
        if self.order is Order.NONE or (self.order is Order.KEY and key is None):
            return True
        rivals = [
            k
            for k in self.of(State.WAITING, State.RETRYING, State.IN_WORK)
            if k is not known and (self.order is Order.PARTITION or k.message.key == key)
        ]
        return not any(rival.state is State.IN_WORK or rival.number < known.number for rival in rivals)

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
                known.make_ready()

    def counts(self) -> Counts:
        now = self.clock.time()
        states = [State.WAITING if known.due <= now else known.state for known in self.known.values()]
        unfinished = [k.message.accepted_at for k in self.known.values() if k.state is not State.DEAD]
        return Counts(
            accepted=self.accepted,
            waiting=states.count(State.WAITING),
            in_work=states.count(State.IN_WORK),
            retrying=states.count(State.RETRYING),
            done=self.done,
            dead=states.count(State.DEAD),
            discarded=self.discarded,
            oldest_seconds=now - min(unfinished) if unfinished else 0.0,
        )


class Machine(RuleBasedStateMachine):
    """Two processes in each of two groups of one topic, and a model that says what must come of every call."""

    deliveries = Bundle("deliveries")

    def __init__(self, open: Open, clock: ManualClock, lease: float, laws: list[tuple[Discipline, Order]]) -> None:
        super().__init__()
        self.open, self.clock, self.lease, self.laws = open, clock, lease, laws
        self.runner = asyncio.Runner()
        self.groups: list[Group] = []
        self.drivers: list[Driver] = []  # those of the first group, then those of the second

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
        discipline, self.order = data.draw(st.sampled_from(self.laws))
        topic = f"t{new_id()}"
        options = {"lease": f"{self.lease:g}s", "discipline": str(discipline), "order": str(self.order)}
        for group in (topic, topic, "audit", "audit"):
            self.drivers.append(self.run(self.open(topic, group=group, **options)))
        self.groups = [Group(discipline, self.order, self.clock) for _ in range(2)]
        for key, name in zip(KEYS, NAMES, strict=False):
            self.publish(0, [name], 0, key, 0.0, INF)  # an empty queue proves little

    # The calls.

    @rule(
        which=st.integers(0, 3),
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=5),
        priority=st.integers(-1, 1),
        key=st.sampled_from(KEYS),
        delay=st.sampled_from([0.0, 0.0, 5.0]),
        places=st.sampled_from([INF, INF, INF, 3, 0]),
    )
    def publish(
        self, which: int, names: list[str], priority: int, key: str | None, delay: float, places: float
    ) -> None:
        first, second = self.groups
        now = self.clock.time()
        if any(known.due <= now for group in self.groups for known in group.of(State.IN_WORK)):
            places = INF  # whether a lease that has ended takes a place before anybody looks, nobody says
        due = now + delay if delay and not key and self.order is not Order.PARTITION else 0.0
        messages = [
            Message(name, name.encode(), key, priority=priority, accepted_at=now, not_before=due)
            for name in names
            if (name in first.known)
            == (name in second.known)  # what one group has ended and another has not: nobody says
        ]
        expected = []
        for message in messages:
            is_there = message.id in first.known
            room = all(len(group.of(State.WAITING, State.RETRYING)) < places for group in self.groups)
            expected.append(is_there or room)
            for group in self.groups if room and not is_there else ():
                group.accept(message)
        results = self.run(self.drivers[which].publish(messages, places))
        assert [isinstance(result, str) for result in results] == expected

    @rule(target=deliveries, which=st.integers(0, 3), limit=st.integers(1, 4))
    def receive(self, which: int, limit: int) -> Any:
        return multiple(*((which // 2, delivery) for delivery in self.received(which, limit)))

    @precondition(lambda self: any(known.state is not State.DEAD for known in self.groups[0].known.values()))
    @rule(which=st.integers(0, 3), ends=st.lists(ENDS, min_size=1, max_size=4))
    def work_off(self, which: int, ends: list[End]) -> None:
        for delivery, end in zip(self.received(which, len(ends)), ends, strict=False):
            self.settled(which, delivery, end)

    @rule(which=st.integers(0, 1), delivered=deliveries, end=ENDS)
    def settle(self, which: int, delivered: tuple[int, Delivery], end: End) -> None:
        number, delivery = delivered
        self.settled(2 * number + which, delivery, end)

    @rule(which=st.integers(0, 1), delivered=deliveries)
    def extend(self, which: int, delivered: tuple[int, Delivery]) -> None:
        number, delivery = delivered
        self.run(self.drivers[2 * number + which].extend([delivery]))
        known = self.groups[number].known.get(delivery.message.id)
        if known is not None and known.delivery is delivery:
            known.due = self.clock.time() + self.lease

    @rule(seconds=st.sampled_from([0.5, 1.0, 9.0, 10.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: any(group.of(State.DEAD) for group in self.groups))
    @rule(which=st.integers(0, 3), names=st.lists(st.sampled_from(NAMES), max_size=3, unique=True), drop=st.booleans())
    def decide_on_the_dead(self, which: int, names: list[str], drop: bool) -> None:
        group, driver = self.groups[which // 2], self.drivers[which]
        drop = drop or self.order is not Order.NONE  # where a returned one stands among those after it, nobody says
        dead = [known for known in group.of(State.DEAD) if known.message.id in names]
        assert self.run(driver.drop_dead(names) if drop else driver.return_dead(names)) == len(dead)
        if drop:
            group.discard(dead)
        for known in dead:
            known.attempt = 0
            known.make_ready()

    @precondition(lambda self: any(group.of(State.DEAD, State.RETRYING) for group in self.groups))
    @rule(which=st.integers(0, 3))
    def purge(self, which: int) -> None:
        group = self.groups[which // 2]
        group.promote()
        removed = group.of(State.WAITING, State.RETRYING)
        assert self.run(self.drivers[which].purge()) == len(removed)
        group.discard(removed)

    # Their parts.

    def received(self, which: int, limit: int) -> list[Delivery]:
        received = list(self.run(self.drivers[which].receive(limit, 0)))
        expected = self.groups[which // 2].taken(limit, self.lease)
        assert [(d.message, d.attempt) for d in received] == [(known.message, known.attempt) for known in expected]
        for known, delivery in zip(expected, received, strict=True):
            known.delivery = delivery
        return received

    def settled(self, which: int, delivery: Delivery, end: End) -> None:
        group = self.groups[which // 2]
        known = group.known.get(delivery.message.id)
        held = known is not None and known.delivery is delivery
        settlement = Settlement(delivery, *end)
        assert list(self.run(self.drivers[which].settle([settlement]))) == [held]
        if known is not None and held:
            group.end(known, settlement)

    # What holds at all times.

    @invariant()
    def everything_is_where_the_model_says(self) -> None:
        for group, driver in zip(self.groups, self.drivers[1:3], strict=False):  # one of each
            counts = self.run(driver.counts())
            assert counts == group.counts()
            assert counts.lost == 0

    @invariant()
    def dead_letters_are_those_of_the_model(self) -> None:
        for group, driver in zip(self.groups, self.drivers[::2], strict=False):
            letters = self.run(driver.dead_letters())
            dead = sorted(group.of(State.DEAD), key=lambda known: known.message.id)
            assert [(x.message, x.attempts) for x in letters] == [(k.message, k.attempt) for k in dead]
