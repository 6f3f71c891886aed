from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fired import NO_ANSWER, NO_CONNECTION, REASONS, STARTED_AT, evenly, rows
from forebay.errors import ForebayError, UsageError
from forebay.load.shots.joining import joined
from forebay.load.shots.reading import ShotsReader
from forebay.load.shots.writing import ShotsWriter, part_of

URL = "http://127.0.0.1:8080/orders"
LOST = (NO_ANSWER[0], "connection closed by the server")


def told(path: Path, batches, reasons=REASONS, tags=("",), zero: int = 0) -> None:
    writer = ShotsWriter(path, URL, zero, STARTED_AT)
    for batch in batches:
        writer(batch, reasons, tags)
    writer.close()


def all_of(path: Path) -> np.ndarray:
    return np.concatenate([block.rows for block in ShotsReader(path)] or [rows([])])


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    batches = [rows([0.1, 0.2], status=[200, -1]), rows([]), rows([0.3], first=2, tag=1)]
    told(tmp_path / "shots", batches, tags=("", "ü\n"))
    np.testing.assert_array_equal(all_of(tmp_path / "shots"), np.concatenate(batches))
    reader = ShotsReader(tmp_path / "shots")
    last = list(reader)[-1]
    assert (last.reasons, last.tags) == (list(REASONS), ["", "ü\n"])
    assert (reader.url, reader.zero, reader.started_at) == (URL, 0, STARTED_AT)


def test_reasons_and_tags_may_come_to_be_while_it_is_written(tmp_path: Path) -> None:
    writer = ShotsWriter(tmp_path / "shots", URL, 0, STARTED_AT)
    reasons, tags = [NO_ANSWER], ["a"]
    writer(rows([0.1], status=-1), reasons, tags)
    reasons.append(NO_CONNECTION)
    tags.append("b")
    writer(rows([0.2], status=-2, tag=1), reasons, tags)
    writer.close()
    blocks = list(ShotsReader(tmp_path / "shots"))
    assert blocks[-1].reasons == [NO_ANSWER, NO_CONNECTION]
    assert blocks[-1].tags == ["a", "b"]
    assert (tmp_path / "shots").read_bytes().count(b"no answer in time") == 1


def test_instants_are_told_by_the_wall_clock(tmp_path: Path) -> None:
    told(tmp_path / "shots", [rows([1.5])], zero=1_000_000_000)
    reader = ShotsReader(tmp_path / "shots")
    assert reader.unix(all_of(tmp_path / "shots")[:, 1]).tolist() == [1_795_000_000_750_000_000]


@pytest.mark.parametrize("kept", [1, 71, 72, 100, 215])
def test_a_file_that_was_torn_is_read_as_far_as_it_goes(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "shots"
    told(path, [rows([0.1]), rows([0.2, 0.3, 0.4])])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 3 * 72 + kept])
    assert len(all_of(path)) == 1 + kept // 72


@pytest.mark.parametrize("content", [b"", b"hello\n", b"{}\n", b'{"forebay":"run","version":1}\n', b"[]\n", b"x" * 100])
def test_what_is_not_a_file_of_shots_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "shots").write_bytes(content)
    with pytest.raises(UsageError, match="is not a file of shots"):
        ShotsReader(tmp_path / "shots")


@pytest.mark.parametrize(
    "line", [b'{"rows": "many"}', b"{}", b"[]", b"7", b"{", b'{"rows": 0, "reasons": [["odd", ""]]}']
)
def test_a_block_that_is_none_is_refused(tmp_path: Path, line: bytes) -> None:
    told(tmp_path / "shots", [])
    with (tmp_path / "shots").open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(UsageError, match="is not a file of shots"):
        list(ShotsReader(tmp_path / "shots"))


def test_a_head_that_lacks_something_is_refused(tmp_path: Path) -> None:
    told(tmp_path / "shots", [])
    head = json.loads((tmp_path / "shots").read_bytes())
    del head["zero"]
    (tmp_path / "shots").write_text(json.dumps(head) + "\n")
    with pytest.raises(UsageError, match="zero"):
        ShotsReader(tmp_path / "shots")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing cannot be read"):
        ShotsReader(tmp_path / "nothing")


def test_where_it_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        ShotsWriter(tmp_path / "no" / "shots", URL, 0, 0.0)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a disk that is full")
def test_a_full_disk_is_an_error_with_its_name() -> None:
    with pytest.raises(ForebayError, match="/dev/full cannot be written"):
        ShotsWriter(Path("/dev/full"), URL, 0, 0.0)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)), max_size=30),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 7),
)
def test_joined_parts_are_all_shots_in_the_order_of_their_ends(tmp_path_factory, parts, size) -> None:
    """Each part numbers reasons and tags by its own."""
    path = tmp_path_factory.mktemp("shots") / "shots"
    reasons, tags = [NO_ANSWER, NO_CONNECTION, LOST], ["a", "b", "c"]
    expected = []
    for number, part in enumerate(parts):
        own_reasons, own_tags = reasons[number % 3 :] + reasons[: number % 3], tags[number % 2 :] + tags[: number % 2]
        made = rows(np.cumsum([gap for gap, _, _ in part]), 0.0, status=[-1 - r for _, r, _ in part],
                    tag=[t for *_, t in part]) if part else rows([])  # fmt: skip
        told(part_of(path, number), [made[i : i + size] for i in range(0, len(made), size)], own_reasons, own_tags)
        expected += [(int(row[4]), own_reasons[-1 - row[5]], own_tags[row[6]]) for row in made]
    joined(path, len(parts))
    found = [
        (int(row[4]), block.reasons[-1 - row[5]], block.tags[row[6]])
        for block in ShotsReader(path)
        for row in block.rows
    ]
    assert [done for done, _, _ in found] == sorted(done for done, _, _ in expected)
    assert sorted(found) == sorted(expected)
    assert [file.name for file in path.parent.iterdir()] == ["shots"]


def test_joining_without_a_part_names_it(tmp_path: Path) -> None:
    told(part_of(tmp_path / "shots", 0), [rows([0.1])])
    with pytest.raises(UsageError, match=r"shots\.part1 cannot be read"):
        joined(tmp_path / "shots", 2)
    assert len(all_of(part_of(tmp_path / "shots", 0))) == 1


def test_joining_takes_no_more_memory_the_longer_the_files_are(tmp_path: Path) -> None:
    def peak(name: str, seconds: int) -> int:
        for part in range(2):
            told(part_of(tmp_path / name, part), (rows(evenly(2000, 1, second), 0.001) for second in range(seconds)))
        tracemalloc.start()
        try:
            joined(tmp_path / name, 2)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short, long = peak("short", 30), peak("long", 150)
    assert long < short * 1.2
    assert sum(len(block.rows) for block in ShotsReader(tmp_path / "long")) == 600_000


def test_a_row_is_seventy_two_bytes(tmp_path: Path) -> None:
    told(tmp_path / "few", [rows(evenly(10, 1))])
    told(tmp_path / "many", [rows(evenly(110, 1))])
    assert (tmp_path / "many").stat().st_size - (tmp_path / "few").stat().st_size == pytest.approx(7200, abs=3)


def test_the_head_tells_the_columns(tmp_path: Path) -> None:
    told(tmp_path / "shots", [])
    head = json.loads((tmp_path / "shots").read_bytes().splitlines()[0])
    assert head["columns"][:5] == ["index", "planned", "taken", "sent", "done"]
