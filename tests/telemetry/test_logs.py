from __future__ import annotations

import io
import json

import pytest

from forebay.clock import ManualClock
from forebay.events import Accepted, Answered, Event, Finished, LeaseLost, Refused, Stalled, Started
from forebay.telemetry.logs import QUIET_SECONDS, LogLines


def lines(*events: Event) -> list[dict[str, object]]:
    out = io.StringIO()
    logs = LogLines(out, service="orders", clock=ManualClock(0.5))
    for event in events:
        logs(event)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_what_went_well_is_not_logged() -> None:
    quiet = [
        Answered("orders", 200, 0.1),
        Accepted("orders", 3, 0.1),
        Refused("orders", "invalid"),
        Started("orders", "m", 1, 0.1),
        *(Finished("orders", "m", 1, outcome, 0.1, 0.2) for outcome in ("done", "dropped", "released")),
    ]
    assert lines(*quiet) == []


def test_a_dead_letter_is_one_line_with_its_whole_reason() -> None:
    [line] = lines(Finished("orders", "m1", 3, "dead", 0.1, 7.5, 'no "33"\nin stock'))
    assert line == {
        "ts": "1970-01-01T00:00:00.500+00:00",
        "level": "error",
        "event": "dead",
        "service": "orders",
        "version": line["version"],
        "topic": "orders",
        "message_id": "m1",
        "attempt": 3,
        "reason": 'no "33"\nin stock',
        "work_ms": 100.0,
        "age_ms": 7500.0,
    }


@pytest.mark.parametrize(
    ("event", "level", "name"),
    [
        (Finished("orders", "m1", 1, "retry", 0.1, 0.2, "busy"), "warning", "retry"),
        (LeaseLost("orders", "m1"), "warning", "lease lost"),
        (Stalled("orders", "receive", "connection refused"), "error", "stalled"),
    ],
)
def test_what_needs_attention_has_a_line(event: Event, level: str, name: str) -> None:
    [line] = lines(event)
    assert (line["level"], line["event"], line["topic"]) == (level, name, "orders")


def test_an_outage_in_which_all_workers_stall_is_one_line_a_second_for_each_step() -> None:
    out, clock = io.StringIO(), ManualClock(0.5)
    logs = LogLines(out, clock=clock)
    for _ in range(3):
        for _ in range(50):
            logs(Stalled("orders", "save", "down"))
            logs(Stalled("orders", "receive", "down"))
            logs(Stalled("ratings", "save", "down"))
        clock.advance(QUIET_SECONDS)
    assert len(out.getvalue().splitlines()) == 3 * 3


def test_a_log_that_cannot_be_written_does_not_stop_the_work() -> None:
    out = io.StringIO()
    out.close()
    LogLines(out)(LeaseLost("orders", "m1"))
