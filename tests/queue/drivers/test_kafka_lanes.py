"""What one process holds when the messages of a key, or of a partition, must be worked off one after the other."""

from __future__ import annotations

from collections import defaultdict

import hypothesis.strategies as st
import pytest
from hypothesis import given

from forebay.disciplines import Order
from forebay.message import Message
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.drivers.kafka.assignment import Lease
from forebay.queue.drivers.kafka.holdings import Holdings
from forebay.queue.drivers.kafka.marks import Marks, read_marks

MAIN, RETRY = ("orders", 0), ("orders.retry", 0)


def opened(order: Order, *parts: tuple[str, int], **options: bool) -> Holdings:
    holdings = Holdings(order, **options)
    holdings.assign(parts or [MAIN])
    for assignment in holdings.assignments():
        assignment.marks = Marks()
    holdings.open(holdings.assignments(), 0.0)
    return holdings


def bring(holdings: Holdings, part: tuple[str, int], *keys: str | None, first: int = 0, due_at: float = 0.0) -> None:
    assignment = holdings.assignment(part)
    arrived = []
    for offset, key in enumerate(keys, first):
        message = Message(f"{part[0]}-{offset}", b"", key)
        lane = holdings.lanes.of(message, part[1]) if holdings.lanes else None
        arrived.append((Delivery(message, 1, Lease(assignment, offset, 0, lane=lane)), due_at))
    holdings.bring(arrived, 0.0)


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.message.id.rpartition("-")[2] for delivery in deliveries]


def test_of_a_key_one_is_out_and_those_without_a_key_are_free():
    holdings = opened(Order.KEY)
    bring(holdings, MAIN, "a", "a", None, "b", None)
    first, *others = holdings.take(9)
    assert ids([first, *others]) == ["0", "2", "3", "4"]
    assert holdings.take(9) == []
    assert holdings.settle([Settlement(first)], 0.0) == [True]
    assert ids(holdings.take(9)) == ["1"]


def test_of_a_partition_one_is_out_whichever_topics_it_is_of():
    holdings = opened(Order.PARTITION, MAIN, RETRY)
    bring(holdings, MAIN, "a", None)
    bring(holdings, RETRY, "b")
    for expected in ("orders-0", "orders-1", "orders.retry-0"):
        [only] = holdings.take(9)
        assert only.message.id == expected
        holdings.settle([Settlement(only)], 0.0)


def test_a_retry_keeps_its_place_and_comes_with_its_story_and_the_next_attempt():
    holdings = opened(Order.KEY)
    bring(holdings, MAIN, "a", "a")
    [first] = holdings.take(9)
    assert holdings.settle([Settlement(first, Ending.RETRY, 5.0, {"why": "x"})], 10.0) == [True]
    assert holdings.settle([Settlement(first, ending) for ending in Ending], 10.0) == [False] * 4
    assert holdings.take(9) == []
    assert holdings.tallies()[MAIN].delayed == 1
    holdings.wake_due(14.9)
    assert holdings.take(9) == []
    holdings.wake_due(15.0)
    [again] = holdings.take(9)
    assert (again.message.id, again.attempt, again.message.headers) == (first.message.id, 2, {"why": "x"})
    assert holdings.tallies()[MAIN].position == 0


def test_a_delayed_message_blocks_its_key_alone():
    holdings = opened(Order.KEY)
    bring(holdings, MAIN, "a", due_at=5.0)
    bring(holdings, MAIN, "a", "b", first=1)
    assert ids(holdings.take(9)) == ["2"]
    holdings.wake_due(5.0)
    assert ids(holdings.take(9)) == ["0"]


def test_the_attempts_of_a_message_that_kept_its_place_are_known_to_the_next_owner():
    holdings = opened(Order.KEY)
    bring(holdings, MAIN, "a")
    for _ in range(2):
        [only] = holdings.take(1)
        holdings.settle([Settlement(only, Ending.RETRY)], 0.0)
    [(_, position, text)] = holdings.moved(holdings.withdraw([MAIN]), closed=True)
    after = Holdings(Order.KEY)
    after.assign([MAIN])
    after.assignment(MAIN).marks = read_marks(position, text)
    bring(after, MAIN, "a")
    after.open(after.assignments(), 0.0)
    after.wish(1)
    after.hand_out(after.begin())
    assert [one.attempt for one in after.take(1)] == [3]


def test_what_had_ended_above_the_position_does_not_come_again_under_the_next_owner():
    holdings = opened(Order.NONE)
    bring(holdings, MAIN, *"abcdef")
    taken = holdings.take(6)
    holdings.settle([Settlement(taken[n]) for n in (1, 2, 4)], 0.0)
    [(_, position, text)] = holdings.moved(holdings.withdraw([MAIN]), closed=True)
    assert (position, text) == (0, "forebay:closed:0::1+2,4+1")
    after = Holdings()
    after.assign([MAIN])
    after.assignment(MAIN).marks = read_marks(position, text)
    bring(after, MAIN, *"abcdef")
    after.open(after.assignments(), 0.0)
    assert ids(after.take(9)) == ["0", "3", "5"]
    assert after.tallies()[MAIN].finished_beyond == 3


def test_a_partition_that_leaves_frees_the_lanes_that_it_held():
    holdings = opened(Order.KEY, MAIN, RETRY)
    bring(holdings, MAIN, "a", "a")
    bring(holdings, RETRY, "a")
    [held] = holdings.take(9)
    leaving = holdings.withdraw([MAIN])
    assert holdings.take(9) == []
    holdings.end(leaving)
    assert [one.message.id for one in holdings.take(9)] == ["orders.retry-0"]
    assert holdings.settle([Settlement(held)], 0.0) == [False]


@pytest.mark.parametrize("order", Order)
def test_purge_ends_all_that_is_not_in_hand_and_the_lanes_go_on(order):
    holdings = opened(order)
    bring(holdings, MAIN, *"aaabb")
    [held] = holdings.take(1)
    assert holdings.purge() == 4
    assert holdings.settle([Settlement(held)], 0.0) == [True]
    bring(holdings, MAIN, "a", "b", first=5)
    taken = holdings.take(1)
    holdings.settle([Settlement(taken[0])], 0.0)
    assert ids([*taken, *holdings.take(1)]) == ["5", "6"]
    assert holdings.tallies()[MAIN].position == 6


class Law:
    """Plays any sequence of calls, and looks at what is out after each of them."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.holdings = opened(order)
        self.out: list[Delivery] = []
        self.came = 0
        self.ended: dict[object, list[int]] = defaultdict(list)

    def lane(self, delivery: Delivery) -> object:
        return delivery.message.key if self.order is Order.KEY else 0

    def play(self, call: str, number: int) -> None:
        if call == "bring":
            bring(self.holdings, MAIN, ["a", "b", None][number % 3], first=self.came)
            self.came += 1
        elif call == "take":
            self.out += self.holdings.take(number)
        elif self.out:
            delivery = self.out.pop(number % len(self.out))
            ending = Ending(call)
            assert self.holdings.settle([Settlement(delivery, ending)], 0.0) == [True]
            if ending in {Ending.DONE, Ending.DEAD}:
                self.ended[self.lane(delivery)].append(delivery.handle.offset)

    def look(self) -> None:
        lanes = [self.lane(delivery) for delivery in self.out if self.lane(delivery) is not None]
        assert len(lanes) == len(set(lanes))
        for lane, offsets in self.ended.items():
            assert lane is None or offsets == sorted(offsets)


@given(
    st.sampled_from([Order.KEY, Order.PARTITION]),
    st.lists(st.tuples(st.sampled_from(["bring", "bring", "take", *Ending]), st.integers(0, 5)), max_size=60),
)
def test_whatever_happens_one_of_a_lane_is_out_and_it_ends_in_order(order, calls):
    law = Law(order)
    for call, number in calls:
        law.play(call.value if isinstance(call, Ending) else call, number)
        law.look()
    while law.out or law.holdings.ready:
        law.play("take", 9)
        law.play("done", 0)
        law.look()
    assert law.holdings.tallies()[MAIN].position in (None, law.came)
