from __future__ import annotations

import gc
import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fired import REASONS, STARTED_AT, empty, evenly, rows
from forebay.errors import ForebayError, UsageError
from forebay.load.results.run import Run
from forebay.load.results.runfile import SECOND_BITS, Writer, read
from forebay.load.shots.writing import ShotsWriter

ABOUT = {"requirements": ["p99<200ms"], "host": "here", "seed": 7, "versions": {"forebay": "1"}}

shots = st.lists(
    st.tuples(
        st.floats(0, 8),
        st.floats(0, 20),
        st.sampled_from([200, 404, 503, -1, -2]),
        st.integers(0, 2),
    ),
    max_size=60,
)


def written(path: Path, batches: list[np.ndarray], looks: list[float] | None = None) -> Run:
    """Write a run in batches, with a look after each; return what it was."""
    kept, run = empty(), empty()
    writer = Writer(path, run, ABOUT, settled_seconds=0.0)
    for batch, now in zip(batches, looks or [0.0] * len(batches), strict=True):
        run.absorb(batch, REASONS, ["", "a", "ü"])
        kept.absorb(batch, REASONS, ["", "a", "ü"])
        writer.look(now)
    run.elapsed_seconds, run.connections = 9.5, 3
    writer.close({"busy": 0.5})
    return kept


@given(st.lists(shots, min_size=1, max_size=4), st.lists(st.floats(0, 12), min_size=4, max_size=4))
def test_what_is_read_is_what_was_written_whenever_its_seconds_were(tmp_path_factory, batches, looks) -> None:
    path = tmp_path_factory.mktemp("run") / "run"
    made = [rows(*zip(*[(p, s) for p, s, _, _ in b], strict=True), status=[x for _, _, x, _ in b],
                 tag=[t for *_, t in b]) if b else rows([]) for b in batches]  # fmt: skip
    kept = written(path, made, looks[: len(made)])
    record = read(path)
    assert record.complete
    assert record.about == ABOUT | {"busy": 0.5}
    assert (record.run.total, record.run.tags) == (kept.total, kept.tags)
    assert record.run.series.keys() == kept.series.keys()
    for i, second in kept.series.items():
        second.of_plan = second.of_plan.coarser(SECOND_BITS)
        assert record.run.series[i] == second


def test_the_head_of_a_run_is_read(tmp_path: Path) -> None:
    written(tmp_path / "run", [rows([0.5])])
    record = read(tmp_path / "run")
    run = record.run
    assert (run.url, run.profile, run.seconds) == ("http://127.0.0.1:8080/orders", "const(10)", 10.0)
    assert (run.started_at, run.elapsed_seconds, run.connections) == (STARTED_AT, 9.5, 3)
    assert record.name == "run"
    assert not run.interrupted


def test_a_second_that_is_told_twice_adds_up(tmp_path: Path) -> None:
    early, late = rows([0.1, 0.2]), rows([0.3], 30.0, status=-1)
    kept = written(tmp_path / "run", [early, late], [5.0, 5.0])
    lines = [json.loads(line) for line in (tmp_path / "run").read_text().splitlines()]
    assert [line["second"] for line in lines if "second" in line].count(0) == 2
    assert read(tmp_path / "run").run.series[0].planned == 3
    assert read(tmp_path / "run").run.total == kept.total


@pytest.mark.parametrize("kept_share", [0.3, 0.6, 0.9, 0.999])
def test_a_file_that_was_torn_is_read_as_far_as_it_goes(tmp_path: Path, kept_share: float) -> None:
    path = tmp_path / "run"
    written(path, [rows(evenly(10, 8))])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept_share)])
    record = read(path)
    assert not record.complete
    assert record.run.interrupted
    assert record.run.total.planned == sum(second.planned for second in record.run.series.values())
    assert record.run.total.planned % 10 == 0
    assert record.run.elapsed_seconds == max(record.run.series) + 1
    assert record.run.tags == {}


def test_a_file_with_nothing_but_its_head_is_a_run_of_no_shots(tmp_path: Path) -> None:
    path = tmp_path / "run"
    written(path, [rows([0.5])])
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    record = read(path)
    assert (record.run.total.planned, record.run.elapsed_seconds, record.complete) == (0, 0.0, False)


def test_a_file_of_shots_is_told_from_that_of_a_run(tmp_path: Path) -> None:
    ShotsWriter(tmp_path / "shots", "http://a", 0, 0.0).close()
    with pytest.raises(UsageError, match="is not the file of a run") as caught:
        read(tmp_path / "shots")
    assert "--phout" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"\n", b"hello\n", b"[1]\n", b"\x00\xff\n", b'{"forebay": "shots"}\n', b"7"])
def test_what_is_not_the_file_of_a_run_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run").write_bytes(content)
    with pytest.raises(UsageError, match="is not the file of a run"):
        read(tmp_path / "run")


def test_a_file_of_another_version_says_which(tmp_path: Path) -> None:
    (tmp_path / "run").write_text('{"forebay": "run", "version": 9}\n')
    with pytest.raises(UsageError, match=r"version 9.*reads 1"):
        read(tmp_path / "run")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing cannot be read: No such file"):
        read(tmp_path / "nothing")


def test_a_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[]",
        '{"second": "x"}',
        '{"second": 1}',
        '{"second": 1, "sent": 1, "refused": 0, "unknown": 0, "answered": {"x": 1}, "of_plan": {}}',
        '{"end": true}',
        '{"elapsed_seconds": 1, "interrupted": false, "connections": 1, "total": {}, "tags": {}}',
    ],
)
def test_a_line_that_is_none_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "run"
    written(path, [rows([0.5])])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], line, *lines[1:]]) + "\n")
    with pytest.raises(UsageError, match=r"line 2 of .*run is not one of a run"):
        read(path)


@pytest.mark.parametrize("head", ['{"forebay":"run","version":1}', '{"forebay":"run","version":1,"url":"","profile":"",'
                                  '"seconds":"x","started_at":0,"about":{}}'])  # fmt: skip
def test_a_head_that_lacks_something_is_refused(tmp_path: Path, head: str) -> None:
    (tmp_path / "run").write_text(head + "\n")
    with pytest.raises(UsageError, match="line 1"):
        read(tmp_path / "run")


def test_nothing_may_stand_behind_the_end(tmp_path: Path) -> None:
    path = tmp_path / "run"
    written(path, [rows([0.5])])
    content = path.read_bytes()
    path.write_bytes(content + content.splitlines()[1] + b"\n")
    with pytest.raises(UsageError, match="behind the end"):
        read(path)


def test_where_it_cannot_be_written_nothing_is_fired(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: No such file"):
        Writer(tmp_path / "no" / "run", empty(), {}, 1.0)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a disk that is full")
def test_a_full_disk_is_an_error_with_its_name() -> None:
    with pytest.raises(ForebayError, match="/dev/full cannot be written: No space left"):
        Writer(Path("/dev/full"), empty(), {}, 1.0)


def test_writing_takes_no_more_memory_the_longer_it_goes(tmp_path: Path) -> None:
    run = empty()
    writer = Writer(tmp_path / "run", run, {}, settled_seconds=2.0)
    draw = np.random.default_rng(1)

    def seconds(begin: int, end: int) -> int:
        for second in range(begin, end):
            run.absorb(rows(evenly(100, 1, second), draw.integers(1, 50, 100) / 1000), REASONS, [""])
            writer.look(second + 1)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = seconds(0, 40)
        after = seconds(40, 160)
    finally:
        tracemalloc.stop()
    writer.close({})
    assert len(run.series) == 0
    assert after - before < 400_000  # 120 seconds that were kept would be some megabytes
    assert read(tmp_path / "run").run.total.planned == 16_000


def test_a_second_of_ten_thousand_shots_takes_at_most_five_kilobytes(tmp_path: Path) -> None:
    run, draw = empty(), np.random.default_rng(1)
    writer = Writer(tmp_path / "run", run, {}, settled_seconds=0.0)
    before = (tmp_path / "run").stat().st_size
    run.absorb(
        rows(evenly(10_000, 0.9), draw.lognormal(-6, 1.0, 9_000), status=draw.choice([200, 503], 9_000)), (), [""]
    )
    writer.look(100.0)
    second = (tmp_path / "run").stat().st_size - before
    writer.close({})
    assert 1_000 < second < 5_000
