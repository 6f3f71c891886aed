"""How orders get into the store and into memory: each once, and none of its neighbours suffers."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import Dead, Undecodable, UsageError
from forebay.services.orderstore.keeping import Keeper, says_the_same
from forebay.services.orderstore.memory import Memory
from forebay.services.orderstore.reading import reader
from forebay.stores.collection import Document
from orderstore_orders import DictCollection, an_order

read = reader(20_000)


class Desk:
    """A keeper with all that it touches."""

    def __init__(self):
        self.collection, self.memory = DictCollection(), Memory(100, 10**9)
        self.troubles, self.told = [], 0
        self.keeper = Keeper(self.collection, self.memory, self.troubles.append, self.tell)

    def tell(self):
        self.told += 1

    async def keep(self, *bodies):
        return await self.keeper.keep([read(body) for body in bodies])


async def test_an_order_is_in_the_store_and_in_memory_as_it_came():
    desk = Desk()
    assert await desk.keep(an_order("a"), an_order("b")) == [None, None]
    assert desk.collection.documents["b"] == Document("b", an_order("b"), 2)
    assert desk.memory.by_uid["b"].answer.body == desk.memory.by_number[2].answer.body == an_order("b")
    assert desk.told == 1


async def test_it_is_not_in_memory_before_it_is_in_the_store():
    desk, go = Desk(), asyncio.Event()
    keep = desk.collection.keep

    async def slow(documents):
        await go.wait()
        return await keep(documents)

    desk.collection.keep = slow
    keeping = asyncio.ensure_future(desk.keep(an_order("a")))
    await asyncio.sleep(0.01)
    assert len(desk.memory) == 0
    go.set()
    await keeping
    assert len(desk.memory) == 1


async def test_an_order_that_comes_again_has_no_effect():
    desk = Desk()
    await desk.keep(an_order("a"))
    again = an_order("a").replace(b", ", b",\n  ")
    assert await desk.keep(again, again) == [None, None]
    assert desk.memory.by_uid["a"].answer.body == an_order("a")
    assert len(desk.collection.documents) == len(desk.memory) == 1


async def test_a_known_uid_with_other_content_is_dead_and_changes_nothing():
    desk = Desk()
    await desk.keep(an_order("a"))
    ends = await desk.keep(an_order("b"), an_order("a", locale="ru"), an_order("c"))
    assert ends[0] is ends[2] is None
    assert isinstance(ends[1], Dead)
    assert str(ends[1]) == "the order 'a' is known with other content, as number 1"
    assert desk.memory.by_uid["a"].answer.body == desk.collection.documents["a"].value == an_order("a")
    assert sorted(desk.memory.by_uid) == ["a", "b", "c"]


async def test_of_two_contents_in_one_batch_the_first_stays():
    desk = Desk()
    first, second, third = await desk.keep(an_order("a"), an_order("a", locale="ru"), an_order("a"))
    assert first is third is None
    assert isinstance(second, Dead)


async def test_what_the_store_refuses_is_said_of_that_one_only():
    desk = Desk()
    keep = desk.collection.keep

    async def picky(documents):
        return [Undecodable("no") if one.key == "b" else (await keep([one]))[0] for one in documents]

    desk.collection.keep = picky
    ends = await desk.keep(an_order("a"), an_order("b"), an_order("c"))
    assert [type(end) for end in ends] == [type(None), Undecodable, type(None)]
    assert sorted(desk.memory.by_uid) == ["a", "c"]


async def test_a_store_that_is_down_is_asked_until_it_is_back():
    desk = Desk()
    desk.collection.down = 3
    assert await desk.keep(an_order("a")) == [None]
    assert [str(error) for error in desk.troubles] == ["the store is down"] * 3
    assert desk.collection.calls == ["keep"] * 4


async def test_an_error_that_no_patience_helps_is_raised():
    desk = Desk()

    async def broken(documents):
        raise UsageError("there is no such collection")

    desk.collection.keep = broken
    with pytest.raises(UsageError):
        await desk.keep(an_order("a"))


# What counts as the same content


SAME = {
    "blanks": (b'{"a": [1, 2]}', b'{ "a":[1,2] }'),
    "order of keys": (b'{"a": 1, "b": 2}', b'{"b": 2, "a": 1}'),
    "escapes": (rb'"\u0041\/"', b'"A/"'),
    "exponents": (b"1e2", b"100"),
    "large exponents": (b"1e300", b"1" + b"0" * 300),
    "noughts behind": (b"1.50", b"1.5"),
    "a minus before nothing": (b"-0", b"0"),
}
OTHER = {
    "true is no 1": (b"true", b"1"),
    "false is no 0": (b'{"a": false}', b'{"a": 0}'),
    "a text is no number": (b'"1"', b"1"),
    "null is no missing key": (b'{"a": null}', b"{}"),
    "one more": (b"[1]", b"[1, 1]"),
    "another order of things": (b"[1, 2]", b"[2, 1]"),
    "digits that floats lose": (b"12345678901234567890.1", b"12345678901234567890.2"),
    "whole numbers that floats lose": (b"9007199254740993", b"9007199254740992"),
    "case": (b'{"a": 1}', b'{"A": 1}'),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_a_database_may_change_is_no_difference(one, other):
    assert says_the_same(one, other)
    assert says_the_same(other, one)


@pytest.mark.parametrize(("one", "other"), OTHER.values(), ids=OTHER)
def test_everything_else_is_one(one, other):
    assert not says_the_same(one, other)
    assert not says_the_same(other, one)


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | numbers | st.text(max_size=3)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner))


@given(values, values)
def test_it_agrees_with_a_form_that_tells_all_kinds_apart(one, other):
    assert says_the_same(json.dumps(one).encode(), json.dumps(other).encode()) == (_form(one) == _form(other))
    assert says_the_same(json.dumps(one, indent=1).encode(), json.dumps(one, ensure_ascii=False).encode())


def _form(value):
    match value:
        case dict():
            return ("object", frozenset((key, _form(one)) for key, one in value.items()))
        case list():
            return ("array", tuple(map(_form, value)))
        case bool() | None | str():
            return (type(value), value)
    return ("number", Decimal(repr(value)))
