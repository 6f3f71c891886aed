from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from fired import REASONS, STARTED_AT, rows
from forebay.load.shot import Kind
from forebay.load.shots.forms import FORMS, json_lines, phout, vegeta_csv
from forebay.load.shots.reading import ShotsReader
from forebay.load.shots.writing import ShotsWriter

URL = "http://127.0.0.1:8080/orders"
RESET = (Kind.UNKNOWN, "connection lost: Connection reset by peer")
CROWDED = (Kind.REFUSED, "no connection was free in time")


def reader(path: Path, batch, reasons=REASONS, tags=("",)) -> ShotsReader:
    writer = ShotsWriter(path / "shots", URL, 0, STARTED_AT)
    writer(batch, reasons, tags)
    writer.close()
    return ShotsReader(path / "shots")


def phout_rows(*arguments, **options) -> list[list[str]]:
    return [line.rstrip("\n").split("\t") for line in phout(reader(*arguments, **options))]


def test_a_line_of_phout_has_twelve_columns_in_microseconds(tmp_path: Path) -> None:
    (row,) = phout_rows(tmp_path, rows([0.5], 0.010, late=0.001, wait=0.002), tags=("buy",))
    assert row == ["1795000000.750", "buy", "13000", "3000", "0", "10000", "0", "10000", "100", "300", "0", "200"]


def test_phout_puts_the_number_of_a_shot_behind_its_tag_where_that_is_asked_for(tmp_path: Path) -> None:
    source = reader(tmp_path, rows([0.1, 0.2, 0.3]), tags=("buy",))
    assert [line.split("\t")[1] for line in phout(source, ids=True)] == ["buy#0", "buy#1", "buy#2"]


def test_the_columns_of_phout_add_up_to_the_response_time(tmp_path: Path) -> None:
    batch = rows([0.1, 0.2, 0.3], [0.0123456, 0.1, 0.5], wait=0.0000019, status=[200, -1, -2])
    for row in phout_rows(tmp_path, batch):
        whole, connect, send, latency, receive = map(int, row[2:7])
        assert whole == connect + send + latency + receive


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (200, ["0", "200"]),
        (503, ["0", "503"]),
        (-1, ["110", "0"]),
        (-2, ["111", "0"]),
        (-3, ["104", "0"]),
        (-4, ["777", "0"]),
    ],
)
def test_phout_tells_statuses_and_the_numbers_of_errors(tmp_path: Path, status: int, codes: list[str]) -> None:
    (row,) = phout_rows(tmp_path, rows([0.1], status=status), (*REASONS, RESET, CROWDED))
    assert row[-2:] == codes


def test_an_error_without_a_number_is_unknown_to_phout(tmp_path: Path) -> None:
    (row,) = phout_rows(tmp_path, rows([0.1], status=-1), [(Kind.UNKNOWN, "not HTTP")])
    assert row[-2:] == ["999", "0"]


def test_of_a_shot_that_was_never_sent_all_of_the_time_was_waiting(tmp_path: Path) -> None:
    (row,) = phout_rows(tmp_path, rows([0.1], 2.0, status=-2))
    assert row[2:8] == ["2000000", "2000000", "0", "0", "0", "0"]


@pytest.mark.parametrize(("tag", "shown"), [("", "__EMPTY__"), ("a\tb\n", "a b "), ("ü", "ü")])
def test_a_tag_never_breaks_a_line_of_phout(tmp_path: Path, tag: str, shown: str) -> None:
    (row,) = phout_rows(tmp_path, rows([0.1]), tags=(tag,))
    assert row[1] == shown


def test_phout_is_read_as_yandex_tank_reads_it(tmp_path: Path) -> None:
    """Its reader takes tab-separated columns of these types, and files a shot under the second of its end."""
    types = [float, str, *[int] * 10]
    batch = rows([0.5, 1.5, 2.0], [0.3, 0.8, 0.01], status=[200, 503, -1], tag=[0, 1, 0])
    ends = []
    for row in phout_rows(tmp_path, batch, tags=("a", "b")):
        values = [kind(value) for kind, value in zip(types, row, strict=True)]
        ends.append(int(values[0] + values[2] / 1e6))
    assert ends == [1795000001, 1795000002, 1795000002]


def test_a_line_of_vegetas_csv_has_twelve_columns_in_nanoseconds(tmp_path: Path) -> None:
    text = "".join(vegeta_csv(reader(tmp_path, rows([0.5], 0.01, late=0.001, first=7), tags=("buy, now",))))
    (row,) = csv.reader(text.splitlines())
    assert row == ["1795000000750000000", "200", "11000000", "100", "300", "", "", "buy, now", "7", "", URL, ""]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(302, "302", ""), (503, "503", "503 Service Unavailable"), (599, "599", "599"), (-1, "0", "no answer in time")],
)
def test_vegetas_csv_tells_errors_in_words(tmp_path: Path, status: int, code: str, error: str) -> None:
    (row,) = csv.reader("".join(vegeta_csv(reader(tmp_path, rows([0.1], status=status)))).splitlines())
    assert (row[1], row[5]) == (code, error)


def test_a_line_of_json_tells_all_of_a_shot(tmp_path: Path) -> None:
    batch = rows([0.5, 0.6], 0.01, late=0.001, wait=0.002, status=[200, -2], tag=1)
    answered, refused = map(json.loads, json_lines(reader(tmp_path, batch, tags=("", "buy"))))
    assert answered == {
        "index": 0,
        "tag": "buy",
        "planned": pytest.approx(STARTED_AT + 0.5),
        "kind": "answered",
        "status": 200,
        "reason": "",
        "response_seconds": 0.013,
        "service_seconds": 0.01,
        "lag_seconds": 0.003,
        "late_seconds": 0.001,
        "bytes_out": 100,
        "bytes_in": 300,
    }
    assert (refused["kind"], refused["status"], refused["reason"]) == ("refused", 0, REASONS[1][1])
    assert (refused["service_seconds"], refused["lag_seconds"]) == (None, None)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_a_line_for_every_shot(tmp_path: Path, form: str) -> None:
    text = "".join(FORMS[form](reader(tmp_path, rows([0.1] * 50))))
    assert text.count("\n") == 50
