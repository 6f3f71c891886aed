import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.queue.drivers.kafka.watermark import Watermark

OFFSETS = st.lists(st.integers(0, 10_000), min_size=1, max_size=60, unique=True).map(sorted)


@st.composite
def histories(draw):
    """Offsets with gaps, and begins and finishes of them in any order that can happen."""
    offsets = draw(OFFSETS)
    order = draw(st.permutations(offsets))
    finished = order[: draw(st.integers(0, len(order)))]
    steps, begun, late = [], iter(offsets), list(finished)
    seen: set[int] = set()
    while late:
        if late[0] in seen and draw(st.booleans()):
            steps.append(("finish", late.pop(0)))
            continue
        offset = next(begun, None)
        if offset is None:
            steps.extend(("finish", one) for one in late)
            break
        seen.add(offset)
        steps.append(("begin", offset))
    steps.extend(("begin", offset) for offset in begun)
    return steps


def watermark_of(*begun: int) -> Watermark:
    watermark = Watermark()
    for offset in begun:
        watermark.begin(offset)
    return watermark


@given(histories())
def test_the_position_never_passes_an_unfinished_message_and_never_falls(steps):
    watermark, unfinished, highest, before = Watermark(), set(), -1, -1
    for step, offset in steps:
        if step == "begin":
            watermark.begin(offset)
            unfinished.add(offset)
            highest = offset
        else:
            assert watermark.finish(offset)
            unfinished.remove(offset)
        assert watermark.position == (min(unfinished) if unfinished else highest + 1)
        assert watermark.position >= before
        assert watermark.unfinished == len(unfinished)
        before = watermark.position


@given(OFFSETS, st.randoms())
def test_when_all_is_finished_the_position_is_after_the_highest(offsets, chance):
    watermark = watermark_of(*offsets)
    for offset in chance.sample(offsets, len(offsets)):
        watermark.finish(offset)
    assert watermark.position == offsets[-1] + 1
    assert watermark.unfinished == watermark.finished_beyond == watermark.window == 0


@given(OFFSETS, st.data())
def test_what_is_finished_after_the_assignment_has_ended_changes_nothing(offsets, data):
    watermark = watermark_of(*offsets)
    early = data.draw(st.lists(st.sampled_from(offsets), unique=True))
    for offset in early:
        watermark.finish(offset)
    position = watermark.position
    watermark.end()
    for offset in offsets:
        assert not watermark.finish(offset)
        assert not watermark.holds(offset)
    assert watermark.position == position


@given(OFFSETS, st.data())
def test_after_a_crash_everything_unfinished_comes_again(offsets, data):
    watermark = watermark_of(*offsets)
    finished = set(data.draw(st.lists(st.sampled_from(offsets), unique=True)))
    for offset in finished:
        watermark.finish(offset)
    again = {offset for offset in offsets if offset >= watermark.position}
    assert again >= set(offsets) - finished
    assert len(again) == watermark.window
    assert len(again & finished) == watermark.finished_beyond


@given(OFFSETS, st.integers(0, 20_000))
def test_a_skip_moves_the_position_only_when_nothing_is_unfinished(offsets, target):
    watermark = watermark_of(*offsets)
    watermark.skip_to(target)
    assert watermark.position == offsets[0]
    for offset in offsets:
        watermark.finish(offset)
    assert watermark.position == max(target, offsets[-1] + 1)


def test_nothing_can_be_committed_before_anything_has_come():
    assert Watermark().position is None


def test_a_message_ends_once():
    watermark = watermark_of(7)
    assert watermark.finish(7)
    assert not watermark.finish(7)
    assert not watermark.finish(8)


def test_an_offset_that_came_before_is_refused():
    watermark = watermark_of(3, 5)
    for offset in (0, 3, 4, 5):
        with pytest.raises(ValueError, match="has come before"):
            watermark.begin(offset)


def test_the_slowest_message_holds_the_position_whatever_ends_behind_it():
    watermark = watermark_of(*range(100))
    for offset in itertools.chain(range(10), range(11, 100)):
        watermark.finish(offset)
    assert watermark.position == 10
    assert watermark.finished_beyond == 89
    watermark.finish(10)
    assert watermark.position == 100


def test_what_has_ended_beyond_the_position_is_told_from_the_lowest_on():
    watermark = Watermark()
    for offset in (3, 4, 7, 8, 9):
        watermark.begin(offset)
    assert watermark.ended_beyond(9) == []
    for offset in (9, 4, 8):
        watermark.finish(offset)
    assert watermark.ended_beyond(9) == [4, 8, 9]
    assert watermark.ended_beyond(4) == [4, 8]
    watermark.finish(3)
    assert watermark.position == 7
    assert watermark.ended_beyond(9) == [8, 9]
