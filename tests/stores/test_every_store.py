"""What every store must do: memory, SQLite and PostgreSQL pass the same tests."""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from effects import Effects
from forebay.errors import ForebayError, Unavailable, Undecodable, UsageError
from forebay.message import new_id
from forebay.stores.opening import open_store
from forebay.stores.store import Claim, Result, Store

TOPIC = "orders"


def a_result(
    id: str | None = None, value: bytes = b'{"count": 3}', topic: str = TOPIC, done_at: float = 12.5
) -> Result:
    return Result(id or new_id(), topic, value, accepted_at=10.25, started_at=11.125, done_at=done_at, attempts=2)


def a_claim(key: str = "intake:k", id: str = "one", claimed_at: float = 100.0) -> Claim:
    return Claim(key, fingerprint="f" + id, id=id, claimed_at=claimed_at)


async def save_one(store: Store, result: Result) -> bool | ForebayError:
    return (await store.save([result]))[0]


async def test_a_result_comes_back_as_it_was_saved(store: Store) -> None:
    result = a_result(value=b'{"name": "\xc3\xa9\xf0\x9f\x98\x80", "n": [1, 2.5, null, true]}')
    assert list(await store.save([result])) == [True]
    found = await store.get(result.id)
    assert found is not None
    assert json.loads(found.value) == json.loads(result.value)
    times = (found.topic, found.accepted_at, found.started_at, found.done_at, found.attempts)
    assert times == (TOPIC, 10.25, 11.125, 12.5, 2)


async def test_json_null_is_a_result(store: Store) -> None:
    result = a_result(value=b"null")
    assert await save_one(store, result) is True
    assert await save_one(store, result) is False
    found = await store.get(result.id)
    assert found is not None
    assert found.value == b"null"


async def test_there_is_no_result_before_it_is_saved(store: Store) -> None:
    assert await store.get("nobody") is None
    assert await store.count(TOPIC) == 0


async def test_nothing_to_save_is_no_error(store: Store) -> None:
    assert list(await store.save([])) == []
    assert list(await store.claim([])) == []


async def test_the_first_result_of_an_id_stays(store: Store) -> None:
    assert await save_one(store, a_result("a", b'"first"')) is True
    assert await save_one(store, a_result("a", b'"second"')) is False
    found = await store.get("a")
    assert found is not None
    assert found.value == b'"first"'
    assert await store.count(TOPIC) == 1


async def test_a_batch_tells_new_results_from_old_ones(store: Store) -> None:
    await store.save([a_result("b")])
    assert list(await store.save([a_result("a"), a_result("b"), a_result("c")])) == [True, False, True]


async def test_of_one_id_twice_in_a_batch_the_first_is_kept(store: Store) -> None:
    twice = a_result("c")
    answers = await store.save([a_result("a", b"1"), a_result("b"), a_result("a", b"2"), twice, twice])
    assert list(answers) == [True, True, False, True, False]
    found = await store.get("a")
    assert found is not None
    assert found.value == b"1"


async def test_one_id_in_two_topics_is_two_effects(store: Store) -> None:
    assert (
        list(await store.save([a_result("a"), a_result("a", topic="ratings", value=b"5", done_at=99.0)])) == [True] * 2
    )
    assert (await store.count(TOPIC), await store.count("ratings")) == (1, 1)
    found = await store.get("a")
    assert found is not None
    assert found.topic == "ratings"


async def test_of_many_saves_at_once_of_one_id_one_is_new(store: Store) -> None:
    answers = await asyncio.gather(*(save_one(store, a_result("a")) for _ in range(50)))
    assert sorted(map(bool, answers)) == [False] * 49 + [True]


async def test_two_stores_at_one_address_keep_one_result_of_an_id(store: Store, store_url: str) -> None:
    other = await open_store(store_url)
    ids = [f"id{n}" for n in range(200)]
    # in opposite orders, as two workers that were given the same messages may save them
    first, second = await asyncio.gather(
        store.save([a_result(id) for id in ids]), other.save([a_result(id) for id in reversed(ids)])
    )
    assert sum(map(bool, [*first, *second])) == 200
    assert await other.count(TOPIC) == 200
    await other.close()


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(calls=st.lists(st.lists(st.integers(0, 12), max_size=8), max_size=6))
async def test_any_saves_keep_one_result_for_each_id(store: Store, calls: list[list[int]]) -> None:
    topic = uuid.uuid4().hex

    def name(n: int) -> str:
        return f"{topic}-{n}"

    batches = [[a_result(name(n), b"%d" % place, topic) for place, n in enumerate(call)] for call in calls]
    answers = await asyncio.gather(*map(store.save, batches))
    distinct = {n for call in calls for n in call}
    assert sum(answer is True for call in answers for answer in call) == len(distinct)
    assert await store.count(topic) == len(distinct)
    for n in distinct:
        assert await store.get(name(n)) is not None


POISON: dict[str, bytes] = {
    "a NUL character": rb'{"a": "x\u0000y"}',
    "a NUL character in a name": rb'{"\u0000": 1}',
    "a NUL character after an escaped backslash": rb'"\\\u0000"',
    "a NUL byte": b'"\0"',
    "the first half of a surrogate pair": rb'"\ud800"',
    "the second half of a surrogate pair": rb'"\udc00"',
    "half a pair and a letter": rb'"\ud800\u0041"',
    "an encoded surrogate": b'"\xed\xa0\x80"',
    "bytes that are not UTF-8": b'"\xff"',
    "not a number": b"NaN",
    "infinity": b"Infinity",
    "nothing": b"",
    "half a document": b'{"a": 1',
    "two documents": b"1 2",
    "a leading zero": b"01",
    "a trailing comma": b"[1,]",
    "a byte order mark": b"\xef\xbb\xbf1",
    "deep nesting": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("value", POISON.values(), ids=POISON.keys())
async def test_a_value_that_cannot_be_stored_harms_no_neighbour(store: Store, value: bytes) -> None:
    answers = await store.save([a_result("a"), a_result("poison", value), a_result("b")])
    assert isinstance(answers[1], Undecodable)
    assert not answers[1].retryable
    assert (answers[0], answers[2]) == (True, True)
    assert await store.get("poison") is None
    assert await store.count(TOPIC) == 2


@pytest.mark.parametrize(
    "value",
    [rb'"\\u0000"', rb'"\\\\u0000 is only text"', rb'"\ud83d\ude00"', b"1e400", b"1" * 400, b'{"a":1,"a":2}', b" [1] "],
)
async def test_odd_but_sound_values_are_stored(store: Store, value: bytes) -> None:
    result = a_result(value=value)
    assert await save_one(store, result) is True
    found = await store.get(result.id)
    assert found is not None
    assert json.loads(found.value, parse_float=str) is not None
    if b"u0000" in value:
        assert json.loads(found.value) == json.loads(value)


BAD_NAMES = ["a\0b", "\ud800", "x" * 1001]


@pytest.mark.parametrize("name", BAD_NAMES, ids=["NUL", "surrogate", "long"])
async def test_a_name_that_cannot_be_stored_is_refused_everywhere(store: Store, name: str) -> None:
    answers = await store.save([a_result(name), a_result("good"), a_result("good", topic=name)])
    assert [type(answer) for answer in answers] == [Undecodable, bool, Undecodable]
    assert await store.get(name) is None
    assert await store.count(name) == 0
    with pytest.raises(UsageError):
        await store.claim([a_claim(name)])
    with pytest.raises(UsageError):
        await store.confirm(name, "reference")
    with pytest.raises(UsageError):
        async with store.once(name, TOPIC):
            pass


async def test_the_longest_names_are_stored(store: Store) -> None:
    # letters without repetition: PostgreSQL compresses what repeats before it measures
    longest = "".join(uuid.uuid4().hex for _ in range(40))[:1000]
    result = a_result(longest, topic=longest[::-1])
    assert await save_one(store, result) is True
    assert (await store.claim([a_claim(longest)]))[0].key == longest


async def test_an_effect_is_committed_once(store: Store, effects: Effects) -> None:
    seen = []
    for n in range(3):
        async with store.once("a", TOPIC) as connection:
            seen.append(connection is not None)
            if connection is not None:
                await effects.add(connection, n)
    assert seen == [True, False, False]
    assert await effects.all() == [0]
    assert await store.count(TOPIC) == 1
    assert await store.get("a") is None


async def test_an_exception_undoes_the_effect_and_its_inbox_row(store: Store, effects: Effects) -> None:
    async def fail() -> None:
        async with store.once("a", TOPIC) as connection:
            await effects.add(connection, 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await effects.all() == []
    assert await store.count(TOPIC) == 0
    async with store.once("a", TOPIC) as connection:
        await effects.add(connection, 2)
    assert await effects.all() == [2]


async def test_two_at_once_leave_one_effect(store: Store, effects: Effects) -> None:
    async def handle(n: int) -> bool:
        async with store.once("a", TOPIC) as connection:
            await asyncio.sleep(0)
            if connection is not None:
                await effects.add(connection, n)
            return connection is not None

    assert sorted(await asyncio.gather(*map(handle, range(8)))) == [False] * 7 + [True]
    assert len(await effects.all()) == 1


async def test_two_stores_at_one_address_leave_one_effect(store: Store, store_url: str, effects: Effects) -> None:
    other = await open_store(store_url)

    async def handle(one: Store, n: int) -> None:
        async with one.once("a", TOPIC) as connection:
            if connection is not None:
                await effects.add(connection, n)

    await asyncio.gather(handle(store, 1), handle(other, 2))
    assert len(await effects.all()) == 1
    await other.close()


async def test_a_cancelled_handler_leaves_nothing_behind(store: Store, effects: Effects) -> None:
    inside = asyncio.Event()

    async def handle() -> None:
        async with store.once("a", TOPIC) as connection:
            await effects.add(connection, 1)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(handle())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await effects.all() == []
    async with store.once("a", TOPIC) as connection:
        assert connection is not None


async def test_a_timeout_of_the_handler_is_its_own(store: Store) -> None:
    with pytest.raises(TimeoutError, match="mine"):
        async with store.once("a", TOPIC):
            raise TimeoutError("mine")


async def test_a_result_joins_the_row_of_its_effect(store: Store, effects: Effects) -> None:
    async with store.once("a", TOPIC) as connection:
        await effects.add(connection, 1)
    assert await save_one(store, a_result("a", b'"done"')) is True
    assert await save_one(store, a_result("a", b'"again"')) is False
    assert await store.count(TOPIC) == 1
    found = await store.get("a")
    assert found is not None
    assert found.value == b'"done"'


async def test_a_saved_result_leaves_no_place_for_a_second_effect(store: Store) -> None:
    await store.save([a_result("a")])
    async with store.once("a", TOPIC) as connection:
        assert connection is None


async def test_the_first_claim_of_a_key_stands(store: Store) -> None:
    first, second = a_claim(id="one"), a_claim(id="two")
    assert list(await store.claim([first])) == [first]
    assert list(await store.claim([second])) == [first]


async def test_claims_of_one_key_in_one_call_and_at_once_agree(store: Store) -> None:
    calls = [[a_claim("k", id=f"{n}a"), a_claim("other", id=f"{n}b"), a_claim("k", id=f"{n}c")] for n in range(20)]
    answers = await asyncio.gather(*map(store.claim, calls))
    assert len({claim for answer in answers for claim in answer}) == 2
    assert {answer[0] for answer in answers} == {answer[2] for answer in answers}


async def test_two_stores_at_one_address_agree_on_a_claim(store: Store, store_url: str) -> None:
    other = await open_store(store_url)
    keys = [f"k{n}" for n in range(100)]
    one, two = await asyncio.gather(
        store.claim([a_claim(key, "one") for key in keys]), other.claim([a_claim(key, "two") for key in keys[::-1]])
    )
    assert list(one) == list(two)[::-1]
    await other.close()


async def test_a_confirmed_claim_bears_its_reference(store: Store) -> None:
    await store.claim([a_claim("k"), a_claim("other")])
    await asyncio.gather(store.confirm("k", "ref-1"), store.confirm("gone", "ref-2"))
    standing = await store.claim([a_claim("k", id="late"), a_claim("other")])
    assert [claim.reference for claim in standing] == ["ref-1", ""]
    assert standing[0].id == "one"


async def test_old_claims_are_forgotten(store: Store) -> None:
    await store.claim([a_claim(f"k{n}", claimed_at=float(n)) for n in range(2_500)])
    assert await store.forget(before=2_000.0) == 2_000
    assert await store.forget(before=2_000.0) == 0
    assert (await store.claim([a_claim("k1", id="new")]))[0].id == "new"
    assert (await store.claim([a_claim("k2000", id="new")]))[0].id == "one"


async def test_a_closed_store_refuses_clearly(store_url: str) -> None:
    store = await open_store(store_url)
    await store.close()
    await store.close()
    with pytest.raises(Unavailable, match="closed"):
        await store.save([a_result()])


async def test_closing_finishes_what_was_begun(store: Store, store_url: str) -> None:
    other = await open_store(store_url)
    saving = [asyncio.create_task(save_one(other, a_result())) for _ in range(20)]
    await asyncio.sleep(0)
    await other.close()
    assert await asyncio.gather(*saving) == [True] * 20
    assert await store.count(TOPIC) == 20


async def test_a_cancelled_save_does_not_harm_the_others(store: Store) -> None:
    saving = [asyncio.create_task(save_one(store, a_result(f"id{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    saving[3].cancel()
    answers = await asyncio.gather(*saving, return_exceptions=True)
    assert [answer for n, answer in enumerate(answers) if n != 3] == [True] * 19
    assert await save_one(store, a_result("after")) is True


async def test_what_is_saved_is_there_after_a_reopening(store_url: str) -> None:
    if store_url.startswith("memory"):
        pytest.skip("memory does not last: its durability says so")
    for expected in (True, False):
        store = await open_store(store_url)
        assert await save_one(store, a_result("a")) is expected
        assert (await store.claim([a_claim(id=str(expected))]))[0].id == "True"
        await store.close()


async def test_an_unknown_option_is_refused_with_the_known_ones(store_url: str) -> None:
    joint = "&" if "?" in store_url else "?"
    with pytest.raises(UsageError, match="colour"):
        await open_store(f"{store_url}{joint}colour=blue")


async def test_results_are_listed_page_by_page_in_the_order_of_their_ids(store: Store) -> None:
    await store.save([a_result(id=f"id-{n:02}") for n in (3, 1, 0, 2)] + [a_result(id="id-99", topic="ratings")])
    first = await store.results(TOPIC, 3)
    second = await store.results(TOPIC, 3, first[-1].id)
    assert [one.id for one in [*first, *second]] == ["id-00", "id-01", "id-02", "id-03"]
    assert first[0] == a_result(id="id-00")
    assert await store.results("nothing") == []
