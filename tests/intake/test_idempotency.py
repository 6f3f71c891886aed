import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import Conflict, Unavailable, Unknown, UsageError
from forebay.intake.idempotency import Keys, read_key
from forebay.stores.opening import open_store


@pytest.fixture
async def store(tmp_path):
    store = await open_store(f"sqlite:///{tmp_path}/results.db")
    yield store
    await store.close()


class Queue:
    """Counts what is published; fails as often as it is told to."""

    def __init__(self, *errors):
        self.ids = []
        self.errors = list(errors)
        self.gate = None

    async def publish(self, id):
        if self.gate:
            await self.gate.wait()
        self.ids.append(id)
        if self.errors:
            raise self.errors.pop(0)
        return f"{id}.7"


async def test_the_same_key_and_body_is_published_once_and_hears_the_same(store):
    keys, queue = Keys(store, "orders"), Queue()
    first = await keys.accept("k", "print", queue.publish)
    assert first == (f"{queue.ids[0]}.7", False)
    assert await keys.accept("k", "print", queue.publish) == (first[0], True)
    assert len(queue.ids) == 1


async def test_another_body_is_a_conflict(store):
    keys, queue = Keys(store, "orders"), Queue()
    await keys.accept("k", "print", queue.publish)
    with pytest.raises(Conflict):
        await keys.accept("k", "other", queue.publish)


async def test_two_intakes_do_not_share_a_key(store):
    queue = Queue()
    await Keys(store, "orders").accept("k", "print", queue.publish)
    assert (await Keys(store, "ratings").accept("k", "other", queue.publish))[1] is False


async def test_it_holds_across_a_restart(tmp_path):
    queue, heard = Queue(), []
    for _ in range(2):
        store = await open_store(f"sqlite:///{tmp_path}/again.db")
        heard.append(await Keys(store, "orders").accept("k", "print", queue.publish))
        await store.close()
    assert heard == [(f"{queue.ids[0]}.7", False), (f"{queue.ids[0]}.7", True)]


@pytest.mark.parametrize("error", [Unknown("no answer"), Unavailable("full")])
async def test_what_was_not_confirmed_is_published_again_under_the_same_id(store, error):
    keys, queue = Keys(store, "orders"), Queue(error)
    with pytest.raises(type(error)):
        await keys.accept("k", "print", queue.publish)
    assert (await keys.accept("k", "print", queue.publish))[1] is False
    assert queue.ids[0] == queue.ids[1]


async def test_concurrent_requests_with_one_key_wait_for_the_first(store):
    keys, queue = Keys(store, "orders"), Queue()
    queue.gate = asyncio.Event()
    asking = [asyncio.ensure_future(keys.accept("k", "print", queue.publish)) for _ in range(20)]
    other = asyncio.ensure_future(keys.accept("k", "other", queue.publish))
    await asyncio.sleep(0)
    queue.gate.set()
    heard = await asyncio.gather(*asking)
    assert sorted(replayed for _, replayed in heard) == [False] + [True] * 19
    assert len(queue.ids) == len({reference for reference, _ in heard}) == 1
    with pytest.raises(Conflict):
        await other


async def test_when_the_first_fails_the_next_one_tries(store):
    keys, queue = Keys(store, "orders"), Queue(Unknown("no answer"))
    heard = await asyncio.gather(*[keys.accept("k", "p", queue.publish) for _ in range(3)], return_exceptions=True)
    assert sorted(str(answer[1]) if isinstance(answer, tuple) else "error" for answer in heard) == [
        "False", "True", "error"
    ]  # fmt: skip
    assert len(set(queue.ids)) == 1


async def test_a_store_that_cannot_confirm_does_not_turn_an_acceptance_into_a_refusal(store):
    class Forgetful:
        claim = store.claim

        async def confirm(self, key, reference):
            raise Unavailable("gone")

    queue = Queue()
    assert (await Keys(Forgetful(), "orders").accept("k", "print", queue.publish))[0] == f"{queue.ids[0]}.7"


class Silent:
    """A store that never answers one of its methods."""

    def __init__(self, store, method):
        self.claim, self.confirm = store.claim, store.confirm
        setattr(self, method, self.wait)

    async def wait(self, *arguments):
        await asyncio.Event().wait()


async def test_a_store_that_keeps_silent_holds_nobody_up():
    store, queue = await open_store("memory://silent"), Queue()  # which waits for no disk
    with pytest.raises(Unavailable):
        await Keys(Silent(store, "claim"), "orders", deadline=0.05).accept("k", "print", queue.publish)
    assert queue.ids == []
    heard = await Keys(Silent(store, "confirm"), "orders", deadline=0.05).accept("k", "print", queue.publish)
    assert heard == (f"{queue.ids[0]}.7", False)
    await store.close()


@pytest.mark.parametrize(
    ("header", "key"),
    [("abc-1", "abc-1"), ('"abc 1"', "abc 1"), (r'"a\"b\\c"', r'a"b\c'), ("8e03978e-40d5-43dd", "8e03978e-40d5-43dd")],
)
def test_a_key_is_read_quoted_or_bare(header, key):
    assert read_key(header) == key


@pytest.mark.parametrize(
    "header", ["", '""', "a" * 256, "a b", '"a', 'a"', "a, a", '"a", "a"', '"a";b', "ключ", "a\0", '"\t"']
)
def test_what_is_no_key_is_refused(header):
    with pytest.raises(UsageError):
        read_key(header)


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=255))
def test_any_printable_text_can_be_quoted(key):
    quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert read_key(quoted) == key
