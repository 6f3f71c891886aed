from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from forebay.clock import ManualClock
from forebay.events import Accepted, Answered, Finished, Refused
from forebay.telemetry.ring import Ring


def finished(outcome: str, attempt: int = 1, work: float = 0.1, total: float = 2.0) -> Finished:
    return Finished("orders", "m1", attempt, outcome, work, total)


def queued(waiting: int, in_work: int = 0, retrying: int = 0) -> SimpleNamespace:
    return SimpleNamespace(waiting=waiting, in_work=in_work, retrying=retrying)


def test_events_count_into_the_second_in_which_they_come() -> None:
    clock = ManualClock()
    ring = Ring(clock=clock)
    ring(Accepted("orders", 3, 0.01))
    clock.advance(2.5)
    ring(Accepted("orders", 1, 0.01))
    ring(Refused("orders", "full"))
    for outcome in ("done", "dropped", "dead", "retry", "released"):
        ring(finished(outcome))
    snapshot = ring.snapshot()
    assert [second.accepted for second in snapshot.recent] == [3, 0, 1]
    assert [second.second for second in snapshot.recent] == [0, 1, 2]
    last = snapshot.recent[-1]
    assert (last.done, last.dead, last.retried, last.refused) == (2, 1, 1, 1)
    assert (snapshot.total.accepted, snapshot.total.done) == (4, 2)


def test_a_gauge_stays_until_somebody_looks_again_and_the_peak_is_kept() -> None:
    clock = ManualClock()
    ring = Ring(clock=clock)
    ring.look(queued(5, 2, 1))
    clock.advance(3)
    ring.look(queued(1))
    snapshot = ring.snapshot()
    assert [second.backlog for second in snapshot.recent] == [8, 8, 8, 1]
    assert (snapshot.peak_backlog, snapshot.peak_second) == (8, 0)
    assert snapshot.total.waiting == 1


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 9)), max_size=40), st.integers(1, 20))
def test_the_ring_never_holds_more_than_its_size_and_the_sums_forget_nothing(
    steps: list[tuple[float, int]], size: int
) -> None:
    clock = ManualClock()
    ring = Ring(size, clock=clock)
    for seconds, count in steps:
        clock.advance(seconds)
        ring(Accepted("orders", count, 0.01))
    snapshot = ring.snapshot(1000)
    numbers = [second.second for second in snapshot.recent]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) <= size
    assert snapshot.total.accepted == sum(count for _, count in steps)


def test_the_longest_wait_is_the_time_before_the_work_of_what_was_not_retried() -> None:
    ring = Ring(clock=ManualClock())
    ring(finished("done", work=0.5, total=3))
    ring(finished("done", attempt=2, work=0.5, total=90))
    ring(finished("retry", work=0.5, total=70))
    assert ring.snapshot().longest_wait_seconds == 2.5


def test_a_snapshot_does_not_change_any_more() -> None:
    ring = Ring(clock=ManualClock())
    ring(Answered("orders", 200, 0.1))
    before = ring.snapshot()
    ring(Accepted("orders", 1, 0.01))
    assert before.recent[-1].accepted == before.total.accepted == 0
