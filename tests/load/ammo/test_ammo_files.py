from __future__ import annotations

import gzip
import os
import tracemalloc
from itertools import count
from pathlib import Path

import pytest

from forebay.errors import UsageError
from forebay.load.ammo import files
from forebay.load.ammo.files import AmmoFile
from forebay.load.ammo.notation import ammo_of, only
from forebay.load.ammo.raw import instants
from forebay.load.engines.magazine import Magazine
from forebay.load.profiles.notation import parse
from forebay.load.shot import Ammo, Shot, UsedUp
from forebay.load.wire.target import Target

PATHS = 10


@pytest.fixture
def paths(tmp_path: Path) -> Path:
    path = tmp_path / "paths.txt"
    path.write_text("".join(f"/{n} {'even' if n % 2 == 0 else 'odd'}\n" for n in range(PATHS)))
    return path


@pytest.fixture(params=["held", "streamed"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "streamed":
        monkeypatch.setattr(files, "HELD_SHOTS", 3)
    return str(request.param)


def fired(ammo: Ammo, first: int = 0, step: int = 1, at_most: int = 100) -> list[int]:
    """Return the numbers of the paths that one process fires, until they are used up."""
    found = list[int]()
    for index in count(first, step):
        try:
            found.append(int(ammo(index).path[1:]))
        except UsedUp:
            break
        if len(found) == at_most:
            break
    return found


def test_a_file_goes_round_and_round(paths: Path, how: str) -> None:
    assert fired(ammo_of(str(paths)), at_most=25) == [n % PATHS for n in range(25)]


def test_passes_and_limit_end_it_for_all_processes_together(paths: Path, how: str) -> None:
    assert fired(ammo_of(str(paths), passes=2)) == [*range(PATHS), *range(PATHS)]
    assert fired(ammo_of(str(paths), limit=7)) == list(range(7))
    assert fired(ammo_of(str(paths), limit=13, passes=2)) == [n % PATHS for n in range(13)]
    of_both = [fired(ammo_of(str(paths), passes=3, limit=27), part, 2) for part in range(2)]
    assert sorted(of_both[0] + of_both[1]) == sorted(n % PATHS for n in range(27))


def test_what_is_used_up_stays_so(paths: Path, how: str) -> None:
    ammo = ammo_of(str(paths), passes=1)
    for _ in range(3):
        with pytest.raises(UsedUp):
            ammo(PATHS)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_processes_share_a_file_without_overlap(paths: Path, how: str, parts: int) -> None:
    shares = [fired(ammo_of(str(paths), limit=60), part, parts) for part in range(parts)]
    merged = [shares[index % parts][index // parts] for index in range(60)]
    assert merged == [n % PATHS for n in range(60)]


def test_an_index_is_the_same_shot_whenever_it_is_asked_for(paths: Path, how: str) -> None:
    ammo = ammo_of(str(paths))
    assert [ammo(index).path for index in (5, 2, 17, 5, 0)] == ["/5", "/2", "/7", "/5", "/0"]


def test_only_the_chosen_cases_are_fired(paths: Path, how: str) -> None:
    assert fired(ammo_of(str(paths), cases=["odd"], passes=2)) == [1, 3, 5, 7, 9] * 2
    with pytest.raises(UsageError, match="has a tag of other, third"):
        ammo_of(str(paths), cases=["third", "other"])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_reads_from_the_beginning_and_leaves_the_parent_its_place(paths: Path, how: str) -> None:
    ammo = ammo_of(str(paths))
    assert fired(ammo, at_most=4) == [0, 1, 2, 3]
    pid = os.fork()
    if not pid:
        os._exit(0 if fired(ammo, 1, 2, 8) == [1, 3, 5, 7, 9, 1, 3, 5] else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert fired(ammo, 4, 1, 9) == [4, 5, 6, 7, 8, 9, 0, 1, 2]


def test_a_small_file_is_encoded_once(paths: Path) -> None:
    magazine = Magazine(ammo_of(str(paths)), Target("http://127.0.0.1:1/").encode)
    first = [magazine.take()[1] for _ in range(PATHS)]
    assert all(magazine.take()[1] is loaded for loaded in first)


def test_one_shot_is_always_the_same() -> None:
    shot = Shot(method="GET")
    assert only(shot)(0) is only(shot)(7) is shot


def test_a_large_file_is_wrong_only_where_it_is_read(paths: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths.write_text("/0\n" * 5 + "wrong\n")
    with pytest.raises(UsageError, match="line 6"):
        ammo_of(str(paths))
    monkeypatch.setattr(files, "HELD_SHOTS", 3)
    ammo = ammo_of(str(paths))
    assert ammo(4).path == "/0"
    with pytest.raises(UsageError, match="line 6"):
        ammo(5)


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_file_takes_no_more_memory_than_a_small_one(
    tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "HELD_BYTES", 2**20)
    path = tmp_path / "orders.jsonl"
    line = b'{"product_id": "3", "note": "%s"}\n' % (b"x" * 1000)
    with gzip.open(path, "wb", 1) if packed else path.open("wb") as file:
        for _ in range(20_000):
            file.write(line)
    tracemalloc.start()
    try:
        ammo = ammo_of(str(path))
        assert all(len(ammo(index).body) > 1000 for index in range(0, 40_000, 2))
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()
    assert isinstance(ammo, AmmoFile)
    assert ammo.shots is None


def test_the_instants_of_a_stpd_file_are_a_profile(tmp_path: Path) -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    path = tmp_path / "day.stpd"
    path.write_bytes(b"".join(b"%d %d tag\n%s\n" % (len(request), ms, request) for ms in (20, 500, 500, 3000)))
    assert instants(path) == [0.02, 0.5, 0.5, 3.0]
    assert list(parse(f"trace({path})").shots(60)) == [0.02, 0.5, 0.5, 3.0]
    assert list(parse(f"trace({path}, speed=2)").shots(60)) == [0.01, 0.25, 0.25, 1.5]
    packed = tmp_path / "day.stpd.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert instants(packed) == instants(path)
    path.write_bytes(b"5 soon\nhello")
    with pytest.raises(UsageError, match="line 1"):
        parse(f"trace({path})")
