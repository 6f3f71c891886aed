"""Kafka's pieces that need no broker: what a URL says, what a record carries, what a process holds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import Unsupported, UsageError
from forebay.message import Message
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.drivers.kafka.address import read_address
from forebay.queue.drivers.kafka.assignment import Lease
from forebay.queue.drivers.kafka.holdings import Holdings
from forebay.queue.drivers.kafka.marks import MOST, REACH, Marks, marks_from, read_marks
from forebay.queue.drivers.kafka.records import headers_of, key_of, read
from forebay.url import parse

PART = ("orders", 0)
NORMAL = "forebay:open:0:"


class Record:
    """What the client hands out."""

    def __init__(self, key, value, headers, offset=0):
        self._parts = key, value, headers, offset

    def key(self):
        return self._parts[0]

    def value(self):
        return self._parts[1]

    def headers(self):
        return self._parts[2]

    def offset(self):
        return self._parts[3]

    def partition(self):
        return 0

    def timestamp(self):
        return 1, 5_000


def held(count: int) -> tuple[Holdings, list[Delivery]]:
    holdings = Holdings()
    holdings.assign([PART])
    assignment = holdings.assignment(PART)
    assignment.marks = Marks()
    holdings.open([assignment], 0.0)
    deliveries = [Delivery(Message(str(n), b""), 1, Lease(assignment, n, 0)) for n in range(count)]
    holdings.bring([(delivery, 0.0) for delivery in deliveries], 0.0)
    return holdings, holdings.take(count)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("kafka:///orders", "names no broker"),
        ("kafka://h/orders?partition=2", "partition"),
        ("kafka://h/orders?partitions=0", "partitions"),
        ("kafka://h/orders?lease=10ms", "lease"),
        ("kafka://h/orders?security=tls", "security"),
        ("kafka://h/orders?security=sasl_ssl", "account"),
        ("kafka://h/orders?mechanism=PLAIN", "accounts"),
        ("kafka://h/orders?cafile=a.pem", "certificates"),
        ("kafka://u:secret@h/orders?mechanism=MD5", "mechanism"),
    ],
)
def test_a_wrong_url_is_refused_and_says_what_is_wrong(url, words):
    with pytest.raises(UsageError, match=words) as raised:
        read_address(parse(url))
    assert "secret" not in str(raised.value) + raised.value.hint


@pytest.mark.parametrize("discipline", ["lifo", "random", "priority"])
def test_another_discipline_is_refused_with_the_drivers_that_have_it(discipline):
    with pytest.raises(Unsupported) as raised:
        read_address(parse(f"kafka://h/orders?discipline={discipline}"))
    assert "sqlite" in raised.value.hint


def test_an_account_chooses_sasl_and_brokers_get_their_port():
    client = read_address(parse("kafka://u:p@a,b:1/orders?security=sasl_ssl&cafile=ca.pem")).client
    assert client["bootstrap.servers"] == "a:9092,b:1"
    assert client["sasl.password"] == "p"
    assert client["ssl.ca.location"] == "ca.pem"


@given(
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=20),
    st.none()
    | st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "a",
                    "forebay-id",
                    "forebay-attempt",
                    "forebay-due-at",
                    "forebay-accepted-at",
                    "forebay-priority",
                    "forebay-returns",
                ]
            ),
            st.none() | st.binary(max_size=12),
        )
    ),
)
def test_any_record_can_be_read(key, value, headers):
    came = read(Record(key, value, headers), "orders")
    assert came.message.id
    assert came.attempt >= 1
    assert came.returns >= 0
    assert math.isfinite(came.message.accepted_at)
    assert math.isfinite(came.due_at)


@given(st.builds(
    Message, id=st.text(min_size=1, max_size=20), body=st.binary(), key=st.none() | st.text(max_size=9),
    headers=st.dictionaries(st.text(max_size=9).map("x-{}".format), st.text(max_size=9)),
    priority=st.integers(-9, 9), accepted_at=st.floats(0, 1e10),
))  # fmt: skip
def test_a_message_is_the_same_on_the_other_side(message):
    record = Record(key_of(message), message.body, headers_of(message))
    came = read(record, "orders").message
    assert came == message


def test_a_released_message_is_the_next_to_be_handed_out():
    holdings, [first, second] = held(2)
    assert holdings.settle([Settlement(first, Ending.RELEASE)], 0.0) == [True]
    assert holdings.settle([Settlement(first)], 0.0) == [False]
    [again] = holdings.take(5)
    assert again.message is first.message
    assert holdings.settle([Settlement(again), Settlement(second)], 0.0) == [True, True]
    assert holdings.tallies()[PART].position == 2


def test_what_is_released_while_its_partition_leaves_is_left_to_the_next_member():
    holdings, [first, second] = held(2)
    leaving = holdings.withdraw([PART])
    assert holdings.settle([Settlement(first, Ending.RELEASE), Settlement(second)], 0.0) == [True, True]
    assert holdings.take(5) == []
    assert holdings.moved(leaving) == [(PART, 0, f"{NORMAL}:1+1")]


def test_settlements_of_an_old_assignment_do_not_touch_the_new_one():
    holdings, [old] = held(1)
    holdings.assign([PART])
    for ending in Ending:
        assert holdings.settle([Settlement(old, ending)], 0.0) == [False]
    assert holdings.tallies()[PART].position is None


def test_a_retry_is_ready_when_it_is_due_and_not_before():
    holdings, _ = held(0)
    lease = Lease(holdings.assignment(PART), 0, 0)
    holdings.bring([(Delivery(Message("a", b""), 2, lease), 10.0)], 5.0)
    holdings.wake_due(9.9)
    assert holdings.take(1) == []
    assert holdings.where(PART, 0).state == "later"
    holdings.wake_due(10.0)
    assert len(holdings.take(1)) == 1
    assert holdings.where(PART, 0).state == "in hand"


def test_a_position_is_offered_for_commit_once_until_it_moves():
    holdings, [first, second] = held(2)
    assignments = holdings.assignments()
    holdings.settle([Settlement(second)], 0.0)
    assert holdings.moved(assignments) == [(PART, 0, f"{NORMAL}:1+1")]
    assert holdings.moved(assignments) == []
    holdings.settle([Settlement(first)], 0.0)
    assert holdings.moved(assignments) == [(PART, 2, NORMAL)]


@given(
    st.integers(-1001, 10**12),
    st.none() | st.text(max_size=30) | st.from_regex(r"\Aforebay:(open|closed):\d*:[\d=,]*(:[\d+,]*)?\Z"),
)
def test_any_text_beside_a_position_can_be_read(position, text):
    marks = read_marks(position, text)
    left = marks.text(True, position)
    assert read_marks(position, left).text(True, position) == left


def test_after_a_death_what_was_in_hand_has_been_begun_once_more_and_care_is_taken():
    marks = read_marks(5, "forebay:open:0:")
    assert marks.watched
    assert [marks.begin(offset) for offset in (5, 7, 9)] == [0, 0, 0]
    marks.end(7, well=True)
    again = read_marks(5, marks.text(closed=False))
    assert [again.begin(offset) for offset in (5, 7, 9)] == [1, 0, 1]


def test_an_end_in_good_order_holds_nothing_against_what_is_in_hand():
    marks = read_marks(5, "forebay:open:0:5=2")
    assert marks.begin(5) == 2
    again = read_marks(5, marks.text(closed=True))
    assert again.watched
    assert again.begin(5) == 2


def test_what_was_given_back_has_not_begun():
    marks = Marks(100)
    marks.begin(3)
    marks.take_back(3)
    assert read_marks(0, marks.text(closed=False)).begin(3) == 0


def test_what_became_a_dead_letter_is_one_again_should_it_come_again():
    marks = read_marks(0, "forebay:open:0:3=5")
    marks.begin(3)
    marks.end(3, well=False)
    assert read_marks(0, marks.text(closed=False)).begin(3) == 6


def test_care_ends_where_nobody_who_died_can_have_been():
    marks = read_marks(5, "forebay:open:0:8=1")
    marks.pass_to(5 + REACH - 1)
    assert marks.watched
    marks.pass_to(5 + REACH)
    assert not marks.watched


def test_no_more_is_begun_with_care_than_the_broker_can_note():
    first, last = 10**18, 10**18 + MOST
    marks = Marks(last, {first: 1})
    assert [marks.begin(offset) for offset in range(first, last)] == [1, *[0] * (MOST - 1)]
    assert marks.begin(last) is None
    assert len(marks.text(closed=False)) < 4096
    marks.end(first + 1, well=True)
    assert marks.begin(last) == 0


def test_what_must_be_noted_is_handed_out_only_when_it_was_asked_for_and_noted():
    holdings = Holdings()
    holdings.assign([PART])
    assignment = holdings.assignment(PART)
    assignment.marks = read_marks(0, "forebay:open:0:1=1")
    deliveries = [Delivery(Message(str(n), b""), 1, Lease(assignment, n, 0)) for n in range(3)]
    holdings.bring([(delivery, 0.0) for delivery in deliveries], 0.0)
    holdings.open([assignment], 0.0)
    assert holdings.take(3) == holdings.begin() == []
    holdings.wish(2)
    begun = holdings.begin()
    assert holdings.take(3) == []
    holdings.hand_out(begun)
    assert [one.attempt for one in holdings.take(3)] == [1, 2]
    assert holdings.moved([assignment]) == [(PART, 0, f"forebay:open:{REACH}:0=1,1=2")]
    assert holdings.moved([assignment], closed=True) == [(PART, 0, f"forebay:closed:{REACH}:1=1")]


@given(st.integers(0, 10**12), st.sets(st.integers(1, 20_000), max_size=60))
def test_what_ended_above_a_position_is_known_to_the_next_owner(position, distances):
    ended = {position + distance for distance in distances}
    left = Marks().text(True, position, sorted(ended))
    assert read_marks(position, left).ended == ended


def test_a_note_that_speaks_of_a_topic_that_was_made_anew_hides_none_of_its_messages():
    left = Marks().text(True, 500, [501, 502])
    assert marks_from(500, 500, left).ended == {501, 502}
    assert marks_from(503, 500, left).ended == {501, 502}
    assert marks_from(0, 500, left).ended == set()


def test_of_what_ended_above_a_position_as_much_is_told_as_the_broker_keeps():
    first = 10**18
    marks = Marks(first, dict.fromkeys(range(first, first + 4 * MOST, 4), 99))
    ended = range(first + 1, first + 20_000, 2)
    left = marks.text(False, first, ended)
    assert len(left) < 4096
    told = sorted(read_marks(first, left).ended)
    assert told == list(ended)[: len(told)]
    assert len(told) > 100
