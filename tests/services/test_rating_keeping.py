"""How rates get into the window: an outage of the store costs time, a rate that cannot be kept costs itself alone."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import Dead, Unavailable, Unknown, UsageError
from forebay.services.ratings.average import average
from forebay.services.ratings.keeping import keep
from forebay.stores.window import Entry
from forebay.workers import insisting


class ListedWindow:
    """A window in a list, whose next calls go as `faults` say: "away", "unheard" (and yet put in), or well."""

    def __init__(self, size, faults=()):
        self.size = size
        self.known = set()
        self.listed = []
        self.faults = list(faults)

    async def put(self, entries):
        if any("\0" in entry.id for entry in entries):
            raise UsageError("a NUL character in a name")
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "away":
            raise Unavailable("the store is away")
        told = [self._put(entry) for entry in entries]
        if fault == "unheard":
            raise Unknown("no answer in time")
        return told

    def _put(self, entry):
        if (entry.id, entry.topic) in self.known:
            return False
        self.known.add((entry.id, entry.topic))
        self.listed.insert(0, entry.value)
        return True

    async def values(self):
        return self.listed[: self.size]


def entry(number, value=7):
    return Entry(str(number), "rates", value)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(insisting, "pauses", lambda: lambda: 0)


async def test_a_store_that_is_away_is_asked_until_it_is_back_and_each_time_is_told():
    window, told = ListedWindow(10, ["away", "unheard", "away"]), []
    assert await keep(window, [entry(1), entry(2)], told.append) == [None, None]
    assert [type(error) for error in told] == [Unavailable, Unknown, Unavailable]
    assert await window.values() == [7, 7]


@pytest.mark.parametrize(("fault", "error"), [("away", Unavailable), ("unheard", Unknown)])
async def test_where_nobody_is_to_be_told_the_caller_hears_it(fault, error):
    with pytest.raises(error):
        await keep(ListedWindow(10, [fault]), [entry(1)])


async def test_a_rate_that_no_store_can_keep_is_dead_and_its_neighbours_are_kept():
    window, told = ListedWindow(10, ["", "", "away"]), []
    kept = await keep(window, [entry(1, 1), entry("\0", 2), entry(3, 3)], told.append)
    assert (kept[0], kept[2]) == (None, None)
    assert isinstance(kept[1], Dead)
    assert str(kept[1]) == "a NUL character in a name"
    assert await window.values() == [3, 1]


async def test_whoever_stops_the_work_does_not_wait_for_the_store():
    asked = asyncio.create_task(keep(ListedWindow(10, ["away"] * 10**6), [entry(1)], lambda error: None))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


MESSAGES = st.lists(st.integers(0, 10), min_size=1, max_size=12)
DELIVERIES = st.lists(st.lists(st.integers(0, 11), min_size=1, max_size=6), max_size=20)
"""Lists of messages as workers get them: any of them any number of times, within a list too."""


@settings(max_examples=200, deadline=None)
@given(
    values=MESSAGES,
    deliveries=DELIVERIES,
    faults=st.lists(st.sampled_from(["", "away", "unheard"]), max_size=12),
    size=st.integers(1, 10),
)
async def test_the_average_is_of_the_last_n_distinct_messages_whatever_is_delivered_how_often(
    values, deliveries, faults, size
):
    window = ListedWindow(size, faults)
    for delivered in deliveries:
        entries = [entry(number, values[number]) for number in delivered if number < len(values)]
        await keep(window, entries, lambda error: None)
    order = list(dict.fromkeys(number for delivered in deliveries for number in delivered if number < len(values)))
    model = [values[number] for number in reversed(order)][:size]
    assert average(await window.values(), size) == average(model, size)
