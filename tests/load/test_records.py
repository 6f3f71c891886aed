"""What a run of several processes leaves on the disk: its file and every shot, which tell the same to the last one."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from forebay.load.battery import Battery
from forebay.load.firing import Firing
from forebay.load.profiles.shapes import Const
from forebay.load.reports.formats import FORMATS
from forebay.load.results.run import Run
from forebay.load.results.runfile import Record, Writer, read
from forebay.load.shot import Shot
from forebay.load.shots.forms import FORMS
from forebay.load.shots.joining import joined
from forebay.load.shots.reading import ShotsReader
from forebay.load.shots.writing import ShotsWriter, part_of
from wire import OK, hear, listening

BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


def moody(connection: socket.socket) -> None:
    """Answer well twice, badly once, and then not at all."""
    for answer in itertools.cycle([OK, BUSY, OK, b""]):
        hear(connection)
        if not answer:
            return
        connection.sendall(answer)


def ammo(index: int) -> Shot:
    return Shot(method="GET", tag=("buy", "look", "")[index % 3])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run of three processes, with its file and all of its shots."""
    path = tmp_path_factory.mktemp("run")
    with listening(moody) as server:
        zero, started_at = time.perf_counter_ns(), time.time()

        @contextlib.contextmanager
        def sink(part: int) -> Iterator[ShotsWriter]:
            with contextlib.closing(ShotsWriter(part_of(path / "shots", part), server.url, zero, started_at)) as writer:
                yield writer

        battery = Battery(Firing(server.url, ammo, 2.2, Const(200.0), connections=9), 3, sink)
        writer = Writer(path / "run", battery.run, {"processes": 3}, 0.0)
        battery.fire(lambda run: writer.look((time.perf_counter_ns() - run.zero) / 1e9))
        writer.close({"busy": battery.busy})
    joined(path / "shots", 3)
    return path


@pytest.fixture
def record(folder: Path) -> Record:
    return read(folder / "run")


@pytest.fixture
def reader(folder: Path) -> ShotsReader:
    return ShotsReader(folder / "shots")


def test_all_shots_of_the_plan_are_in_both(record: Record, reader: ShotsReader) -> None:
    indices = sorted(int(index) for block in reader for index in block.rows[:, 0])
    assert indices == list(range(440))
    assert record.run.total.planned == 440


def test_the_shots_make_the_figures_of_the_run_to_the_last_nanosecond(record: Record, reader: ShotsReader) -> None:
    counted = Run(record.run.url, record.run.profile, record.run.seconds)
    for block in reader:
        counted.absorb(*block)
    assert counted.total == record.run.total
    assert counted.tags == record.run.tags
    assert set(counted.tags) == {"buy", "look", ""}
    assert counted.total.statuses.keys() == {200, 503}
    assert counted.total.reasons.total() == counted.total.unknown > 0


def test_the_shots_stand_in_the_order_of_their_ends(reader: ShotsReader) -> None:
    ends = [int(done) for block in reader for done in block.rows[:, 4]]
    assert ends == sorted(ends)


def test_the_seconds_add_up_to_the_run(record: Record) -> None:
    seconds = record.run.series.values()
    assert sum(second.planned for second in seconds) == 440
    assert sum(second.sent for second in seconds) == record.run.sent
    assert sum(second.answered.total() for second in seconds) == record.run.answered
    assert [record.run.series[i].planned for i in (0, 1, 2)] == [200, 200, 40]


@pytest.mark.parametrize("form", FORMATS)
def test_it_can_be_told_in_every_form(record: Record, form: str) -> None:
    assert FORMATS[form].write(record)


@pytest.mark.parametrize("form", FORMS)
def test_its_shots_can_be_told_in_every_form(reader: ShotsReader, form: str) -> None:
    assert "".join(FORMS[form](reader)).count("\n") == 440


def test_the_shots_were_planned_as_long_as_the_run_by_the_wall_clock(record: Record, reader: ShotsReader) -> None:
    planned = [float(unix) / 1e9 for block in reader for unix in reader.unix(block.rows[:, 1])]
    assert max(planned) - min(planned) == pytest.approx(2.195, abs=1e-6)
    assert min(planned) == pytest.approx(record.run.started_at, abs=0.5)
