"""Addresses, rows and steps of the Redis store, without a server."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.durability import Durability
from forebay.errors import Unavailable, Unknown, UsageError
from forebay.stores.batching import HEAVIEST_BATCH
from forebay.stores.redis.commands import MOST_WORDS, Commands, check_run
from forebay.stores.redis.place import DEFAULT_PREFIX, read_place
from forebay.stores.redis.rows import claim_of, document_of, numbers_among, result_of, row_of, words_of
from forebay.stores.redis.steps import in_steps
from forebay.stores.store import Claim, Result
from forebay.url import parse

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
times = st.floats(allow_nan=False)


def test_an_address_says_server_database_prefix_and_how_long_to_keep() -> None:
    place = read_place(
        parse("rediss://me:word@h:7/3?prefix=shop:{a}&keep=720h&durability=fsync&timeout=2s&cafile=a.pem")
    )
    assert (place.address.host, place.address.port, place.address.db, place.address.tls) == ("h", 7, 3, True)
    assert (place.prefix, place.keep, place.durability) == ("shop:{a}", 720 * 3600.0, Durability.FSYNC)
    assert (place.address.timeout, place.address.cafile) == (2.0, "a.pem")
    plain = read_place(parse("redis://h"))
    assert (plain.address.port, plain.address.db, plain.prefix, plain.keep) == (6379, 0, DEFAULT_PREFIX, None)


@pytest.mark.parametrize(
    "address",
    [
        "redis://h/orders",
        "redis://h/-1",
        "redis://a,b/0",
        "redis://h:0/0",
        "redis://h/0?colour=blue",
        "redis://h/0?topic=orders",
        "redis://h/0?keep=0",
        "redis://h/0?keep=inf",
        "redis://h/0?keep=soon",
        "redis://h/0?timeout=0",
        "redis://h/0?durability=replicated",
        "redis://h/0?durability=much",
        "redis://h/0?cafile=ca.pem",
        "redis://h/0?prefix=",
        "redis://h/0?prefix=a%20b",
        "redis://h/0?prefix={}",
        "redis://h/0?prefix={a}{b}",
        "redis://h/0?prefix=forebay:{orders}",
        f"redis://h/0?prefix={'x' * 101}",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_place(parse(address.replace("//", "//me:secret-word@")))
    assert "secret-word" not in f"{caught.value.what} {caught.value.hint}"


@given(value=st.binary(min_size=1), accepted=times, started=times, done=times, attempts=st.integers(0, 2**31))
def test_a_row_gives_its_result_back_to_the_byte(
    value: bytes, accepted: float, started: float, done: float, attempts: int
) -> None:
    result = Result("id", "topic", value, accepted, started, done, attempts)
    assert result_of("id", "topic", row_of(result)) == result


@given(key=names, fingerprint=names, id=names, at=times, reference=names)
def test_a_claim_comes_back_as_it_was(key: str, fingerprint: str, id: str, at: float, reference: str) -> None:
    claim = Claim(key, fingerprint, id, at, reference)
    name, rest, _, noted = words_of(claim)
    assert claim_of(name, rest, noted.encode() or None) == claim


def test_a_document_may_hold_spaces_and_a_window_what_is_no_number() -> None:
    assert document_of("k", b'12 {"a": 1 }').value == b'{"a": 1 }'
    assert list(numbers_among([b"1", b"nine", b"-2", b"", b"3.5"])) == [1, -2]


async def test_a_command_is_gathered_behind_the_number_of_its_words() -> None:
    commands = Commands()
    await commands.execute("INCRBY", "stock", -1)
    await commands.execute(b"SET", "price", 2.5)
    assert commands.words == [3, "INCRBY", "stock", -1, 3, b"SET", "price", 2.5]
    for words in (
        [],
        ["SADD", "k", *["x"] * MOST_WORDS],
        ["SET", "k", None],
        ["SET", "k", True],
        ["SET", "k", "\ud800"],
    ):
        with pytest.raises(UsageError):
            await commands.execute(*words)  # type: ignore[arg-type]
    check_run([])


async def test_a_large_call_goes_in_steps_and_keeps_its_order() -> None:
    steps: list[Sequence[int]] = []

    async def submit(items: Sequence[int]) -> Sequence[int]:
        steps.append(items)
        return [-item for item in items]

    assert await in_steps(submit, list(range(10)), lambda item: HEAVIEST_BATCH // 4) == [-n for n in range(10)]
    assert [len(step) for step in steps] == [4, 4, 2]
    assert await in_steps(submit, [], lambda item: 1) == []


@pytest.mark.parametrize(("good", "kind"), [(0, Unavailable), (1, Unknown)])
async def test_a_call_of_which_a_part_is_kept_does_not_say_that_nothing_was(good: int, kind: type[Exception]) -> None:
    steps: list[Sequence[int]] = []

    async def submit(items: Sequence[int]) -> Sequence[int]:
        steps.append(items)
        if len(steps) > good:
            raise Unavailable("gone", "is it up?")
        return items

    with pytest.raises(kind) as caught:
        await in_steps(submit, [1, 2], lambda item: HEAVIEST_BATCH)
    assert type(caught.value) is kind
