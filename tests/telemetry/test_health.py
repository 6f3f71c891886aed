import pytest

from forebay.clock import ManualClock
from forebay.events import Accepted, Answered, Finished, Refused, Stalled
from forebay.telemetry.health import FRESH, Health

DONE = Finished("orders", "x", 1, "done", 0.1, 0.2)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def health(clock):
    return Health(clock)


def test_without_news_all_is_well(health):
    assert health.troubles() == {}


def test_a_program_that_stops_is_not_ready_whatever_else_is(health):
    health.stopping = True
    assert list(health.troubles()) == ["service"]


@pytest.mark.parametrize("reason", ["unavailable", "unknown"])
def test_a_publish_that_failed_counts_until_one_goes_well(health, reason):
    health(Refused("orders", reason))
    assert reason in health.troubles()["publish"]
    health(Accepted("orders", 1, 0.001))
    assert health.troubles() == {}


@pytest.mark.parametrize("reason", ["invalid", "full", "limit", "conflict"])
def test_a_refusal_that_is_the_clients_or_the_loads_doing_is_no_trouble(health, reason):
    health(Refused("orders", reason))
    assert health.troubles() == {}


@pytest.mark.parametrize("where", ["receive", "settle", "save", "extend", "acknowledge"])
def test_a_stall_is_told_with_its_reason_and_forgotten_when_nothing_more_is_heard(health, clock, where):
    health(Stalled("orders", where, "the broker is down"))
    assert health.troubles() == {where: "the broker is down"}
    clock.advance(FRESH - 1)
    assert where in health.troubles()
    clock.advance(2)
    assert health.troubles() == {}


@pytest.mark.parametrize("where", ["receive", "save"])
def test_work_that_is_done_shows_that_messages_come_and_results_are_kept(health, where):
    health(Stalled("orders", where, "down"))
    health(DONE)
    assert health.troubles() == {}


def test_one_topic_that_works_does_not_hide_another_that_does_not(health):
    health(Stalled("ratings", "receive", "down"))
    health(Refused("ratings", "unavailable"))
    health(DONE)
    health(Accepted("orders", 1, 0.001))
    assert set(health.troubles()) == {"receive", "publish"}


def test_answers_alone_say_nothing(health):
    health(Stalled("orders", "receive", "down"))
    health(Answered("/orders", 200, 0.001))
    assert "receive" in health.troubles()
