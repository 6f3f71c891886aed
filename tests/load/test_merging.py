from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fired import REASONS, empty, evenly, fired, record, rows
from forebay.errors import UsageError
from forebay.load.results.merging import merged
from forebay.load.results.run import Run
from forebay.load.results.runfile import SECOND_BITS, Record, Writer, read
from forebay.load.results.verdict import verdict

TAGS = ["", "a", "b"]


def filed(path: Path, run: Run, batch: np.ndarray) -> Record:
    """Return the record of a run of one machine."""
    run.absorb(batch, REASONS, TAGS)
    run.elapsed_seconds, run.connections = 10.0, 2
    writer = Writer(path, run, {"host": path.name, "cores": 2, "processes": 1, "requirements": ["p99<1s"]}, 1.0)
    writer.close({"busy": 0.25})
    return read(path)


def some(seed: int, count: int = 300) -> np.ndarray:
    draw = np.random.default_rng(seed)
    statuses = draw.choice([200, 503, -1, -2], count, p=[0.9, 0.05, 0.03, 0.02])
    return rows(
        np.sort(draw.random(count)) * 10,
        draw.lognormal(-4, 1, count),
        status=statuses,
        tag=draw.integers(3, size=count),
    )


def test_the_files_of_several_machines_make_exactly_what_one_would_have_counted(tmp_path: Path) -> None:
    parts = [some(1), some(2), some(3)]
    whole = merged([filed(tmp_path / str(i), empty(), part) for i, part in enumerate(parts)]).run
    one = empty()
    one.absorb(np.concatenate(parts), REASONS, TAGS)
    assert whole.total == one.total
    assert whole.tags == one.tags
    for second in one.series.values():
        second.of_plan = second.of_plan.coarser(SECOND_BITS)
    assert whole.series == one.series


def test_the_order_of_the_files_changes_nothing(tmp_path: Path) -> None:
    records = [filed(tmp_path / str(i), empty(), some(i)) for i in range(3)]
    forth, back = merged(records).run, merged(records[::-1]).run
    assert (forth.total, forth.tags, forth.series) == (back.total, back.tags, back.series)


def test_a_machine_that_began_later_is_laid_beside_the_others_by_its_clock() -> None:
    first, later = fired(rows([0.5, 1.5])), fired(rows([0.5, 1.5]))
    later.started_at += 2.1
    whole = merged([record(first), record(later)]).run
    assert sorted(whole.series) == [0, 1, 2, 3]
    assert (whole.started_at, whole.elapsed_seconds, whole.seconds) == pytest.approx((first.started_at, 12.1, 12.1))


def test_what_is_known_of_the_parts_is_told_of_the_whole(tmp_path: Path) -> None:
    records = [filed(tmp_path / name, empty(), some(1)) for name in ("ape", "bee")]
    about = merged(records).about
    assert (about["merged"], about["host"], about["cores"], about["processes"]) == (2, "ape + bee", 4, 2)
    assert (about["busy"], about["requirements"]) == (0.25, ["p99<1s"])
    assert merged(records).run.profile == "2 x const(10)"
    assert merged(records).run.connections == 4


def test_parts_of_which_each_fired_all_its_whole_shots_are_whole_together() -> None:
    parts = [record(fired(rows(evenly(10, 1))), expected=10.9) for _ in range(3)]
    assert verdict(merged(parts)).validity.cautions == ()
    short = [*parts, record(fired(rows([0.5])), expected=20.0)]
    (caution,) = verdict(merged(short)).validity.cautions
    assert caution.startswith("31 of the 50 shots of the plan were fired")


def test_two_runs_of_one_machine_share_its_cores() -> None:
    records = [record(fired(rows([0.5])), host="ape", cores=2, command="fire load.yaml") for _ in range(2)]
    about = merged(records).about
    assert (about["cores"], about["host"], about["command"]) == (2, "ape", "fire load.yaml")


def test_a_part_that_was_killed_makes_the_whole_one_that_was(tmp_path: Path) -> None:
    whole_part, torn = (filed(tmp_path / name, empty(), some(i)) for i, name in enumerate(("a", "b")))
    path = tmp_path / "b"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    made = merged([whole_part, read(path)])
    assert not made.complete
    assert made.run.interrupted
    assert made.run.total.planned == 600
    assert made.run.total.response == coarse_sum(whole_part, torn)


def coarse_sum(*records: Record) -> object:
    made = records[0].run.total.response.coarser(SECOND_BITS)
    for one in records[1:]:
        made.merge(one.run.total.response.coarser(SECOND_BITS))
    return made


def test_runs_that_were_not_fired_together_are_no_parts_of_one() -> None:
    first, later = fired(rows(evenly(1, 3))), fired(rows(evenly(1, 3)))
    later.started_at += 60
    with pytest.raises(UsageError, match="not fired at the same time"):
        merged([record(first), record(later)])


def test_one_run_has_nothing_to_be_merged_with() -> None:
    with pytest.raises(UsageError, match="two runs or more"):
        merged([record(fired(rows([0.5])))])
