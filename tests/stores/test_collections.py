"""What a collection must do on every store: the first document of a key stays, numbered, and no neighbour is harmed."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay.errors import ForebayError, Unavailable, Undecodable, UsageError
from forebay.stores.collection import Collection, Document
from forebay.stores.opening import open_store
from forebay.stores.store import Store

WORKER = """
import asyncio, sys
from forebay.stores.collection import Document
from forebay.stores.opening import open_store

async def main():
    store = await open_store(sys.argv[1])
    orders = await store.collection("orders")
    documents = [Document(f"k{n}", b'"%s"' % sys.argv[2].encode()) for n in range(300)]
    if sys.argv[2] == "backwards":
        documents.reverse()
    answers = await asyncio.gather(*(orders.keep(documents[n : n + 10]) for n in range(0, 300, 10)))
    standing = sorted((one.key, one.value.decode(), one.number) for answer in answers for one in answer)
    print(standing)
    await store.close()

asyncio.run(main())
"""


def documents(*keys: str, value: bytes = b'{"count": 3}') -> list[Document]:
    return [Document(key, value) for key in keys]


def stood(answer: Document | ForebayError) -> tuple[str, object, int]:
    assert isinstance(answer, Document), answer
    return answer.key, json.loads(answer.value), answer.number


async def keep(collection: Collection, *given: tuple[str, object]) -> list[tuple[str, object, int]]:
    answers = await collection.keep([Document(key, json.dumps(value).encode()) for key, value in given])
    return [stood(answer) for answer in answers]


async def keys(collection: Collection, limit: int, before: int | None = None) -> list[str]:
    return [document.key for document in await collection.newest(limit, before)]


async def test_an_empty_collection_has_nothing(store: Store) -> None:
    orders = await store.collection("orders")
    assert (await orders.count(), list(await orders.newest(10)), list(await orders.keep([]))) == (0, [], [])
    assert (await orders.get("a"), await orders.numbered(1), await orders.numbered(0)) == (None, None, None)


async def test_a_document_comes_back_by_key_and_by_number(store: Store) -> None:
    orders = await store.collection("orders")
    value = {"name": "é😀", "n": [1, 2.5, None, True], "back\\slash": "\\u0000"}
    assert await keep(orders, ("ключ 😀", value)) == [("ключ 😀", value, 1)]
    for found in (await orders.get("ключ 😀"), await orders.numbered(1), (await orders.newest(1))[0]):
        assert found is not None
        assert stood(found) == ("ключ 😀", value, 1)


async def test_documents_are_numbered_in_the_order_of_keeping(store: Store) -> None:
    orders = await store.collection("orders")
    assert await keep(orders, ("z", 1), ("a", 2), ("m", 3)) == [("z", 1, 1), ("a", 2, 2), ("m", 3, 3)]
    assert await keep(orders, ("b", 4)) == [("b", 4, 4)]
    assert await keys(orders, 10) == ["b", "m", "a", "z"]


async def test_the_first_document_of_a_key_stays(store: Store) -> None:
    orders = await store.collection("orders")
    await keep(orders, ("a", "first"))
    assert await keep(orders, ("b", 1), ("a", "second")) == [("b", 1, 2), ("a", "first", 1)]
    assert await orders.count() == 2
    found = await orders.get("a")
    assert found is not None
    assert stood(found) == ("a", "first", 1)


async def test_of_one_key_twice_in_a_call_the_first_is_kept(store: Store) -> None:
    orders = await store.collection("orders")
    given = [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 2)]
    assert await keep(orders, *given) == [("a", 1, 1), ("b", 2, 2), ("a", 1, 1), ("c", 4, 3), ("b", 2, 2)]


async def test_what_is_known_takes_no_number(store: Store) -> None:
    orders = await store.collection("orders")
    for _ in range(3):
        await keep(orders, ("a", 1), ("b", 2))
    assert await keep(orders, ("a", 1), ("c", 3)) == [("a", 1, 1), ("c", 3, 3)]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(calls=st.lists(st.lists(st.tuples(st.integers(0, 15), st.integers()), max_size=10), min_size=1, max_size=6))
async def test_a_collection_is_what_its_model_is(store: Store, calls: list[list[tuple[int, int]]]) -> None:
    orders = await store.collection(f"orders_{uuid.uuid4().hex}")  # of this example alone
    model: dict[str, tuple[str, object, int]] = {}
    for call in calls:
        given = [(f"k{key}", value) for key, value in call]
        expected = [model.setdefault(key, (key, value, len(model) + 1)) for key, value in given]
        assert await keep(orders, *given) == expected
    assert [stood(document) for document in await orders.newest(100)] == list(model.values())[::-1]
    assert await orders.count() == len(model)


async def test_pages_lead_from_the_newest_to_the_first(store: Store) -> None:
    orders = await store.collection("orders")
    await orders.keep(documents(*(f"k{n}" for n in range(1, 26))))
    page = await orders.newest(10)
    seen = [document.number for document in page]
    while page:
        page = await orders.newest(10, before=page[-1].number)
        seen += [document.number for document in page]
    assert seen == list(range(25, 0, -1))


@pytest.mark.parametrize(
    ("limit", "before", "expected"),
    [
        (0, None, []),
        (-1, None, []),
        (5, 0, []),
        (5, 1, []),
        (5, -3, []),
        (2, 3, ["b", "a"]),
        (2, 4, ["c", "b"]),
        (5, 2**63, ["c", "b", "a"]),
        (5, 2**80, ["c", "b", "a"]),
    ],
)
async def test_odd_pages_are_no_errors(store: Store, limit: int, before: int | None, expected: list[str]) -> None:
    orders = await store.collection("orders")
    await orders.keep(documents("a", "b", "c"))
    assert await keys(orders, limit, before) == expected


@pytest.mark.parametrize("number", [-1, 0, 2, 2**31, 2**63 - 1, 2**63, 2**80])
async def test_a_number_that_is_not_given_has_no_document(store: Store, number: int) -> None:
    orders = await store.collection("orders")
    await orders.keep(documents("a"))
    assert await orders.numbered(number) is None


POISON = {
    "NUL": Document("poison", b'"a\\u0000b"'),
    "half a surrogate pair": Document("poison", b'"\\ud800"'),
    "not UTF-8": Document("poison", b'"\xff"'),
    "not a number": Document("poison", b"NaN"),
    "nothing": Document("poison", b""),
    "half a document": Document("poison", b'{"a": 1'),
    "deep nesting": Document("poison", b"[" * 100_000 + b"]" * 100_000),
    "NUL in the key": Document("poi\0son", b"1"),
    "half a pair in the key": Document("\ud800", b"1"),
    "a long key": Document("é" * 501, b"1"),
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON.keys())
async def test_what_cannot_be_kept_harms_no_neighbour(store: Store, poison: Document) -> None:
    orders = await store.collection("orders")
    answers = await orders.keep([*documents("a"), poison, *documents("b")])
    assert isinstance(answers[1], Undecodable)
    assert not answers[1].retryable
    assert [stood(answers[0])[::2], stood(answers[2])[::2]] == [("a", 1), ("b", 2)]
    assert (await orders.get(poison.key), await orders.count()) == (None, 2)


async def test_the_longest_key_is_kept(store: Store) -> None:
    orders = await store.collection("orders")
    longest = "é" * 500
    assert await keep(orders, (longest, 1)) == [(longest, 1, 1)]


async def test_a_large_document_comes_back(store: Store) -> None:
    orders = await store.collection("orders")
    value = {"text": "x" * 3_000_000}
    assert await keep(orders, ("a", 1), ("large", value), ("b", 2)) == [("a", 1, 1), ("large", value, 2), ("b", 2, 3)]


async def test_many_calls_at_once_agree_on_each_key(store: Store, store_url: str) -> None:
    other = await open_store(store_url)
    handles = [await one.collection("orders") for one in (store, other)]
    calls = []
    for n in range(40):
        given = [(f"k{key}", n) for key in range(n, n + 20)]
        calls.append(keep(handles[n % 2], *(given if n % 3 else given[::-1])))
    answers = await asyncio.gather(*calls)
    standing = {one for answer in answers for one in answer}
    assert len(standing) == 59 == await handles[0].count()
    assert len({key for key, _, _ in standing}) == len({number for _, _, number in standing}) == 59
    assert {stood(document) for document in await handles[1].newest(100)} == standing
    await other.close()


async def test_several_processes_agree_on_each_key(store: Store, store_url: str) -> None:
    if store_url.startswith("memory"):
        pytest.skip("memory is of one process")
    commands = [[sys.executable, "-c", WORKER, store_url, way] for way in ("forwards", "backwards")]
    workers = [await asyncio.create_subprocess_exec(*one, stdout=asyncio.subprocess.PIPE) for one in commands]
    told = [(await worker.communicate())[0] for worker in workers]
    assert told[0] == told[1] != b""
    assert await (await store.collection("orders")).count() == 300


async def test_collections_of_two_names_have_nothing_in_common(store: Store) -> None:
    one, two = await store.collection("orders"), await store.collection("orders_2")
    await keep(one, ("a", 1))
    assert await keep(two, ("b", 2), ("a", 3)) == [("b", 2, 1), ("a", 3, 2)]
    assert (await one.count(), await one.get("b")) == (1, None)


async def test_a_cancelled_call_does_not_harm_the_others(store: Store) -> None:
    orders = await store.collection("orders")
    keeping = [asyncio.create_task(keep(orders, (f"k{n}", n))) for n in range(20)]
    await asyncio.sleep(0)
    keeping[3].cancel()
    answers = await asyncio.gather(*keeping, return_exceptions=True)
    assert not [answer for n, answer in enumerate(answers) if n != 3 and isinstance(answer, BaseException)]
    await keep(orders, ("k3", 3))
    assert await orders.count() == 20


async def test_closing_finishes_what_was_to_be_kept(store: Store, store_url: str) -> None:
    other = await open_store(store_url)
    orders = await other.collection("orders")
    keeping = [asyncio.create_task(keep(orders, (f"k{n}", n))) for n in range(20)]
    await asyncio.sleep(0)
    await other.close()
    await asyncio.gather(*keeping)
    assert await (await store.collection("orders")).count() == 20
    await store.close()
    with pytest.raises(Unavailable):
        await orders.keep(documents("late"))


async def test_documents_are_there_after_a_reopening(store_url: str) -> None:
    if store_url.startswith("memory"):
        pytest.skip("memory does not last: its durability says so")
    for one, expected in ((("a", 1), ("a", 1, 1)), (("a", 2), ("a", 1, 1)), (("b", 3), ("b", 3, 2))):
        store = await open_store(store_url)
        assert await keep(await store.collection("orders"), one) == [expected]
        await store.close()


@pytest.mark.parametrize(
    "name", ["", "Orders", "1st", "_x", "a-b", "a b", 'a"b', "a.b", "заказы", "x" * 41, "orders\n"]
)
async def test_a_name_that_is_none_is_refused_with_a_hint(store: Store, name: str) -> None:
    with pytest.raises(UsageError, match="name of a collection") as caught:
        await store.collection(name)
    assert "letters" in caught.value.hint


@pytest.mark.parametrize("name", ["inbox", "result", "claim", "store_version", "moving_window", "window_value"])
async def test_the_tables_of_the_store_are_no_collections(store: Store, name: str) -> None:
    with pytest.raises(UsageError, match=name):
        await store.collection(name)


@pytest.mark.parametrize("name", ["order", "select", "x" * 40, "a_1"])
async def test_words_of_sql_and_long_names_are_names(store: Store, name: str) -> None:
    assert await keep(await store.collection(name), ("a", 1)) == [("a", 1, 1)]
    assert await (await store.collection(name)).count() == 1
