from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.message import new_id
from forebay.queue.place import Position, position_of, split_reference


@given(st.integers(0, 10_000), st.integers(0, 2**59))
def test_a_place_on_kafka_is_a_partition_and_an_offset(partition: int, offset: int) -> None:
    id = new_id()
    told, place = split_reference(f"{id}.{partition}.{offset}")
    assert (told, position_of(place)) == (id, Position(offset, partition))


@pytest.mark.parametrize(
    ("place", "position"),
    [
        ("now-17", Position(17)),
        ("later-3", Position(3)),
        ("later-2.5", Position(5, 2)),
        ("", None),
        ("17", None),
        ("back-17", None),
        ("0.-1", None),
        ("0.1.2", None),
        ("now-²", None),
        ("now-" + "9" * 5_000, None),
    ],
)
def test_a_place_says_a_number_or_nothing(place: str, position: Position | None) -> None:
    assert position_of(place) == position


def test_a_reference_without_a_place_is_an_id() -> None:
    assert split_reference("01a1fe") == ("01a1fe", "")
