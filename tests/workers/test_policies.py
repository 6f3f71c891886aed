import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import Dead, Retry, Undecodable
from forebay.message import Message
from forebay.queue.driver import Delivery, Ending
from forebay.workers import story
from forebay.workers.policies import RetryPolicy, exhausted, judge

POLICY = RetryPolicy(attempts=3, first=1, factor=2, longest=10, jitter=0)


def delivery(attempt=1, headers=None):
    return Delivery(Message("1", b"body", headers=headers or {"own": "kept"}), attempt, None)


def test_pauses_grow_up_to_the_longest():
    assert [POLICY.pause(attempt) for attempt in (1, 2, 3, 4, 5, 60)] == [1, 2, 4, 8, 10, 10]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_jitter_only_lengthens_a_pause_and_by_no_more_than_its_share(attempt, chance):
    policy = RetryPolicy(first=0.5, factor=3, longest=60, jitter=0.2)
    bare = RetryPolicy(first=0.5, factor=3, longest=60, jitter=0).pause(attempt)
    assert bare <= policy.pause(attempt, lambda: chance) <= bare * 1.2 + 1e-9


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"first": -1.0}, {"factor": 0.5}, {"jitter": -0.1}])
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="retry policy"):
        RetryPolicy(**wrong)


def test_an_error_is_a_retry_until_the_attempts_are_used_up():
    endings = [judge(delivery(n), KeyError("x"), POLICY, "orders", 5.0).ending for n in (1, 2, 3)]
    assert endings == [Ending.RETRY, Ending.RETRY, Ending.DEAD]


@pytest.mark.parametrize("error", [Dead("no such product"), Undecodable("not JSON")])
def test_what_cannot_get_better_is_dead_at_once(error):
    assert judge(delivery(), error, POLICY, "orders", 5.0).ending is Ending.DEAD


def test_a_handler_may_say_when_to_try_again_but_not_for_ever():
    assert judge(delivery(1), Retry(after=7), POLICY, "orders", 5.0).delay == 7
    assert judge(delivery(3), Retry(after=7), POLICY, "orders", 5.0).ending is Ending.DEAD


def test_a_failure_is_told_in_the_headers_and_the_first_one_is_remembered():
    first = judge(delivery(1), ValueError("broken"), POLICY, "orders", 5.0)
    second = judge(delivery(3, first.headers), KeyError("gone"), POLICY, "orders", 9.0)
    assert story.read(second.headers) == story.Story("KeyError: 'gone'", "orders", 3, 5.0, 9.0)
    assert second.headers["own"] == "kept"


def test_a_message_whose_worker_died_each_time_is_buried_before_it_kills_another():
    assert exhausted(delivery(3), POLICY, "orders", 5.0) is None
    settlement = exhausted(delivery(4), POLICY, "orders", 5.0)
    assert settlement.ending is Ending.DEAD
    assert "died" in settlement.headers[story.REASON]
    assert settlement.headers[story.ATTEMPTS] == "3"


@given(st.text())
def test_any_reason_becomes_one_line_that_every_broker_can_carry(reason):
    headers = story.tell(Message("1", b""), reason=reason, origin="orders", attempts=1, now=1.0)
    told = headers[story.REASON]
    assert told.isprintable()
    assert told.encode().decode() == told
    assert len(told) <= story.LONGEST_REASON


def test_headers_without_a_story_tell_none():
    assert story.read({}) is None
    assert (
        story.read({**story.tell(Message("1", b""), reason="x", origin="y", attempts=1, now=1), story.ATTEMPTS: "x"})
        is None
    )
