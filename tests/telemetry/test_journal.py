from __future__ import annotations

import asyncio
import csv
import logging
from io import FileIO
from pathlib import Path

import pytest

from forebay.clock import ManualClock
from forebay.errors import UsageError
from forebay.events import Accepted, Answered, Event, Finished, LeaseLost, Refused, Started
from forebay.running import run, settings_of
from forebay.services.orders import orders
from forebay.telemetry.journal import COLUMNS, Journal


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def told(path: Path, *events: Event, works: bool = True) -> list[dict[str, str]]:
    """Tell the journal one event a second, from second 101 on."""
    clock = ManualClock(100.0)
    with Journal(str(path), works=works, clock=clock) as journal:
        for event in events:
            clock.advance(1.0)
            journal(event)
    return rows(path)


def test_a_message_is_one_row_with_instants_that_follow_from_what_was_heard(tmp_path: Path) -> None:
    [row] = told(
        tmp_path / "j",
        Accepted("orders", 1, 0.01),
        Started("orders", "m", 1, 0.75),
        Answered("orders", 200, 0.1),
        Finished("orders", "m", 1, "done", 0.5, 1.25),
    )
    assert row == {
        "topic": "orders",
        "id": "m",
        "accepted": "101.250000",
        "started": "102.000000",
        "ended": "102.500000",
        "attempt": "1",
        "worker": "",
        "outcome": "done",
    }


def test_a_journal_that_hears_late_of_a_message_tells_its_instants_all_the_same(tmp_path: Path) -> None:
    [row] = told(
        tmp_path / "j",
        Accepted("orders", 1, 0.01),
        Started("orders", "m", 1, 0.75, accepted_at=90.0),
        Finished("orders", "m", 1, "done", 0.5, 1.25),
    )
    assert (row["accepted"], row["started"], row["ended"]) == ("90.000000", "90.750000", "91.250000")


def test_a_refusal_for_want_of_a_place_is_an_arrival_and_a_wrong_request_is_none(tmp_path: Path) -> None:
    [row] = told(tmp_path / "j", Refused("orders", "full"), Refused("orders", "invalid"), LeaseLost("orders", "m"))
    assert (row["accepted"], row["started"], row["outcome"]) == ("101.000000", "", "refused")


def test_each_attempt_is_a_row(tmp_path: Path) -> None:
    found = told(
        tmp_path / "j",
        Accepted("orders", 1, 0.01),
        Started("orders", "m", 1, 1.0),
        Finished("orders", "m", 1, "retry", 1.0, 2.0),
        Started("orders", "m", 2, 3.0),
        Finished("orders", "m", 2, "dead", 1.0, 4.0),
    )
    assert [(row["attempt"], row["started"], row["outcome"]) for row in found] == [
        ("1", "102.000000", "retry"),
        ("2", "104.000000", "dead"),
    ]
    assert {row["accepted"] for row in found} == {"101.000000"}


def test_what_was_accepted_and_has_not_ended_is_written_at_the_close(tmp_path: Path) -> None:
    found = told(
        tmp_path / "j",
        Accepted("orders", 3, 0.01),
        Started("orders", "m", 1, 1.0),
        Started("orders", "n", 1, 2.0),
        Finished("orders", "n", 1, "done", 1.0, 3.0),
    )
    assert [(row["id"], row["started"], row["outcome"]) for row in found] == [
        ("n", "103.000000", "done"),
        ("m", "102.000000", "unfinished"),
        ("", "", "unfinished"),
    ]


def test_one_that_begins_before_its_commit_is_told_is_not_counted_twice(tmp_path: Path) -> None:
    found = told(
        tmp_path / "j",
        Started("orders", "m", 1, 0.0),
        Accepted("orders", 1, 0.01),
        Finished("orders", "m", 1, "done", 1.0, 2.0),
    )
    assert [row["outcome"] for row in found] == ["done"]


def test_a_process_that_only_takes_in_writes_arrivals(tmp_path: Path) -> None:
    found = told(tmp_path / "j", Accepted("orders", 2, 0.01), works=False)
    assert [(row["accepted"], row["outcome"]) for row in found] == [("101.000000", "accepted")] * 2


def test_rows_follow_those_of_the_run_before_and_a_torn_last_row_goes(tmp_path: Path) -> None:
    path = tmp_path / "j"
    told(path, Refused("orders", "full"))
    with path.open("a") as file:
        file.write("orders,,12")
    told(path, Refused("orders", "limit"))
    assert path.read_text().splitlines() == [
        ",".join(COLUMNS),
        "orders,,101.000000,,,,,refused",
        "orders,,101.000000,,,,,refused",
    ]


def test_a_file_of_something_else_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "letters.txt"
    path.write_text("Dear Sir,\n")
    with pytest.raises(UsageError, match="is not a journal"):
        Journal(str(path))
    assert path.read_text() == "Dear Sir,\n"


def test_a_file_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        Journal(str(tmp_path / "nowhere" / "j"))


def test_a_full_disk_ends_the_journal_with_one_line_and_nothing_else(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forebay.telemetry.journal.FLUSH_SECONDS", 0.01)
    monkeypatch.setattr("forebay.telemetry.journal._opened", lambda path: FileIO(path, "w"))
    with caplog.at_level(logging.ERROR), Journal("/dev/full") as journal:
        for _ in range(3):
            journal(Refused("orders", "full"))
            journal._ending.wait(0.03)
    assert [record.message for record in caplog.records] == [
        "the journal /dev/full ends here, the service goes on: No space left on device"
    ]


async def test_a_service_writes_what_it_did(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    settings = settings_of({"queue": "memory://journal", "workers": 2, "journal": str(path)})
    body = {"product_id": 1, "count": 1, "username": "a"}
    async with run(orders("5ms"), settings) as running:
        await asyncio.gather(*(running.publish("orders", body) for _ in range(20)))
        await running.drained(10)
    found = rows(path)
    assert [row["outcome"] for row in found] == ["done"] * 20
    assert {row["worker"] for row in found} == {"0", "1"}
    for row in found:
        assert float(row["accepted"]) <= float(row["started"]) <= float(row["ended"]) - 0.005


async def test_work_inside_the_request_is_written_too(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    with Journal(str(path)) as journal:
        journal(Started("orders", "m", 1, 0.0))
        journal(Accepted("orders", 1, 0.0))
        journal(Finished("orders", "m", 1, "done", 0.0, 0.0))
    assert [(row["outcome"], row["worker"]) for row in rows(path)] == [("done", "0")]
