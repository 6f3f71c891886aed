from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from forebay.events import Accepted, Answered, Event, Finished, LeaseLost, Refused, Stalled, Started
from forebay.telemetry.metrics import CONTENT_TYPE, Metrics


def scraped(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def sample(metrics: Metrics, name: str, **labels: str) -> float:
    return scraped(metrics)[name, tuple(sorted(labels.items()))]


def finished(outcome: str, work: float = 0.1, total: float = 2.0) -> Finished:
    return Finished("orders", "m1", 1, outcome, work, total)


@pytest.mark.parametrize(
    ("event", "name", "labels"),
    [
        (Answered("orders", 200, 0.01), "forebay_http_requests_total", {"intake": "orders", "code": "200"}),
        (Refused("orders", "limit"), "forebay_refused_total", {"topic": "orders", "reason": "limit"}),
        (Stalled("orders", "settle", "down"), "forebay_stalls_total", {"topic": "orders", "where": "settle"}),
        (LeaseLost("orders", "m1"), "forebay_lease_lost_total", {"topic": "orders"}),
        (finished("retry"), "forebay_retries_total", {"topic": "orders"}),
        (finished("dead"), "forebay_dead_letters_total", {"topic": "orders"}),
        (finished("released"), "forebay_released_total", {"topic": "orders"}),
        (Started("orders", "m", 1, 0.1), "forebay_deliveries_total", {"topic": "orders", "redelivered": "false"}),
        (Started("orders", "m", 2, 0.1), "forebay_deliveries_total", {"topic": "orders", "redelivered": "true"}),
    ],
)
def test_each_event_has_its_counter(event: Event, name: str, labels: dict[str, str]) -> None:
    metrics = Metrics()
    metrics(event)
    metrics(event)
    assert sample(metrics, name, **labels) == 2


def test_messages_that_were_accepted_together_count_each() -> None:
    metrics = Metrics()
    metrics(Accepted("orders", 40, 0.004))
    metrics(Accepted("orders", 2, 0.004))
    assert sample(metrics, "forebay_accepted_total", topic="orders") == 42
    assert sample(metrics, "forebay_accept_duration_seconds_count", topic="orders") == 2


def test_work_done_has_both_its_statuses_from_the_beginning() -> None:
    metrics = Metrics()
    assert sample(metrics, "work_done_total", status="done") == 0
    assert sample(metrics, "work_done_total", status="error") == 0


@pytest.mark.parametrize(
    ("event", "done", "error"),
    [
        (finished("done"), 1, 0),
        (finished("dropped"), 1, 0),
        (finished("retry"), 0, 1),
        (finished("dead"), 0, 1),
        (finished("released"), 0, 0),
        (Refused("orders", "limit"), 0, 1),
        (Refused("orders", "full"), 0, 1),
        (Refused("orders", "invalid"), 0, 0),
    ],
)
def test_work_done_counts_what_was_done_and_what_should_have_been(event: Event, done: int, error: int) -> None:
    metrics = Metrics()
    metrics(event)
    assert sample(metrics, "work_done_total", status="done") == done
    assert sample(metrics, "work_done_total", status="error") == error


@given(st.lists(st.floats(0, 10_000), max_size=50))
def test_buckets_count_all_values_up_to_their_bound(values: list[float]) -> None:
    metrics = Metrics()
    for seconds in values:
        metrics(Started("orders", "m", 1, seconds))
    if values:
        found = scraped(metrics)
        buckets = {
            dict(labels)["le"]: v for (name, labels), v in found.items() if name == "forebay_queue_wait_seconds_bucket"
        }
        assert {float(le): sum(v <= float(le) for v in values) for le in buckets} == {
            float(le): v for le, v in buckets.items()
        }
        assert sample(metrics, "forebay_queue_wait_seconds_sum", topic="orders") == pytest.approx(sum(values))
        assert "3600.0" in buckets


def test_only_finished_work_has_a_time_from_end_to_end() -> None:
    metrics = Metrics()
    metrics(finished("retry", work=1, total=2))
    metrics(finished("done", work=1, total=5))
    assert sample(metrics, "forebay_end_to_end_seconds_sum", topic="orders") == 5
    assert sample(metrics, "forebay_work_duration_seconds_count", topic="orders") == 2


def test_the_gauges_show_what_the_broker_counted_last() -> None:
    metrics = Metrics()
    for waiting in (5, 7):
        counts = SimpleNamespace(waiting=waiting, in_work=2, retrying=1, dead=3, lost=0, oldest_seconds=1.5)
        metrics.update_counts("orders", counts)
    assert sample(metrics, "forebay_queue_messages", topic="orders", state="waiting") == 7
    assert sample(metrics, "forebay_queue_messages", topic="orders", state="dead") == 3
    assert sample(metrics, "forebay_queue_oldest_age_seconds", topic="orders") == 1.5
    assert sample(metrics, "forebay_lost_messages", topic="orders") == 0


def test_gauges_that_nobody_knows_any_more_are_not_shown() -> None:
    metrics = Metrics()
    counts = SimpleNamespace(waiting=5, in_work=2, retrying=1, dead=3, lost=0, oldest_seconds=1.5)
    metrics.update_counts("orders", counts)
    assert b'forebay_queue_messages{state="waiting",topic="orders"} 5.0' in metrics.exposition()
    metrics.forget_counts()
    assert b"forebay_queue_messages{" not in metrics.exposition()


def test_labels_with_quotes_and_newlines_survive() -> None:
    metrics = Metrics()
    metrics(Refused('a"b\n\\', "limit"))
    assert sample(metrics, "forebay_refused_total", topic='a"b\n\\', reason="limit") == 1
    assert CONTENT_TYPE.startswith("text/plain")


def test_two_metrics_do_not_share_their_figures() -> None:
    one, other = Metrics(), Metrics()
    one(finished("done"))
    assert sample(other, "work_done_total", status="done") == 0
