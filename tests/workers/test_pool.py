import asyncio
import threading

import msgspec
import pytest

from forebay.errors import Dead, Drop, Retry
from forebay.workers import story
from forebay.workers.handler import Work
from forebay.workers.policies import RetryPolicy

AT_ONCE = RetryPolicy(attempts=3, first=0, jitter=0)


async def test_every_message_is_handled_once_and_done(rig):
    handled = []

    async def handler(body: bytes) -> None:
        handled.append(body)

    bodies = [str(n).encode() for n in range(500)]
    await rig.put(*bodies)
    rig.pool(handler, workers=4)
    await rig.until(done=500)
    assert sorted(handled) == sorted(bodies)


async def test_no_more_than_n_messages_are_in_work_at_once(rig):
    now = most = 0

    async def handler(body: bytes) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    await rig.put(*[str(n).encode() for n in range(50)])
    rig.pool(handler, workers=3)
    await rig.until(done=50)
    assert most == 3


async def test_a_result_is_kept_with_its_times_and_attempts(rig):
    async def handler(body: bytes, work: Work) -> dict:
        rig.clock.advance(2)
        if work.attempt == 1:
            raise Retry(after=0)
        return {"body": body.decode()}

    await rig.put(b"x")
    rig.pool(handler, store=rig.store)
    await rig.until(done=1)
    result = await rig.store.get("id-x")
    assert msgspec.json.decode(result.value) == {"body": "x"}
    assert (result.attempts, result.done_at - result.started_at) == (2, 2)


async def test_a_failing_message_is_tried_again_and_then_a_dead_letter_with_its_story(rig):
    async def handler(body: bytes) -> None:
        raise KeyError("no such product")

    await rig.put(b"x")
    rig.pool(handler)
    await rig.until(dead=1)
    (letter,) = await rig.driver.dead_letters()
    told = story.read(letter.message.headers)
    assert (told.reason, told.origin, told.attempts) == ("KeyError: 'no such product'", rig.name, 3)
    assert rig.outcomes() == [("id-x", "dead"), ("id-x", "retry"), ("id-x", "retry")]


async def test_a_poison_message_does_not_touch_its_neighbours(rig):
    async def handler(body: dict) -> None: ...

    await rig.put(b'{"a": 1}', b"{", b'{"a": 2}')
    rig.pool(handler)
    counts = await rig.until(done=2, dead=1)
    assert counts.unfinished == 0


async def test_what_a_handler_says_decides(rig):
    async def handler(body: bytes) -> None:
        raise {b"drop": Drop(), b"dead": Dead("no"), b"later": Retry(after=60)}[body]

    await rig.put(b"drop", b"dead", b"later")
    rig.pool(handler)
    await rig.until(done=1, dead=1, retrying=1)
    assert rig.outcomes() == [("id-dead", "dead"), ("id-drop", "dropped"), ("id-later", "retry")]


async def test_a_sync_handler_works_in_threads_of_its_own(rig):
    seen = set()
    both = threading.Barrier(2, timeout=30)

    def handler(body: bytes) -> None:
        both.wait()
        seen.add(threading.current_thread().name)

    await rig.put(b"1", b"2")
    rig.pool(handler, workers=2)
    await rig.until(done=2)
    assert threading.current_thread().name not in seen


async def test_a_handler_that_takes_too_long_is_tried_again(rig):
    async def handler(body: bytes, work: Work) -> None:
        if work.attempt == 1:
            await asyncio.Event().wait()

    await rig.put(b"x")
    rig.pool(handler, timeout=0.02)
    await rig.until(done=1)
    assert rig.outcomes() == [("id-x", "done"), ("id-x", "retry")]


class Wordless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Foreign(BaseException):
    """As some libraries have it, outside the tree of Exception."""


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), asyncio.CancelledError(), BaseExceptionGroup("g", [ValueError()]), Wordless(), Foreign()],
    ids=lambda error: type(error).__name__,
)
async def test_no_exception_of_a_handler_ends_the_pool(rig, error):
    async def handler(body: bytes, work: Work) -> None:
        if work.attempt == 1:
            raise error

    await rig.put(b"1", b"2")
    rig.pool(handler, workers=1)
    await rig.until(done=2)


async def test_a_batch_handler_settles_each_item_by_itself(rig):
    sizes = []

    async def handler(bodies: list[bytes]) -> list:
        sizes.append(len(bodies))
        return [{b"dead": Dead("no"), b"later": Retry(after=60)}.get(body, body.decode()) for body in bodies]

    await rig.put(b"1", b"dead", b"2", b"later", b"3")
    rig.pool(handler, batch=500, workers=1, store=rig.store)
    await rig.until(done=3, dead=1, retrying=1)
    assert msgspec.json.decode((await rig.store.get("id-2")).value) == "2"
    assert sum(sizes) == 5


async def test_a_batch_with_an_unreadable_item_is_handled_without_it(rig):
    handled = []

    async def handler(bodies: list[int]) -> None:
        handled.extend(bodies)

    await rig.put(b"1", b"x", b"2")
    rig.pool(handler, batch=10, workers=1)
    await rig.until(done=2, dead=1)
    assert sorted(handled) == [1, 2]


@pytest.mark.parametrize("answer", [[], [1, 2, 3], 5])
async def test_a_batch_handler_that_answers_for_another_number_of_items_has_failed(rig, answer):
    async def handler(bodies: list[bytes]) -> list:
        return answer

    await rig.put(b"1")
    rig.pool(handler, batch=10)
    await rig.until(dead=1)


async def test_a_result_that_is_not_json_is_a_dead_letter(rig):
    async def handler(body: bytes) -> object:
        return object()

    await rig.put(b"x")
    rig.pool(handler, store=rig.store)
    await rig.until(dead=1)


async def test_a_retry_that_would_never_come_is_a_failure_like_any_other(rig):
    async def handler(body: bytes) -> None:
        raise Retry(after=float("nan"))

    await rig.put(b"x")
    rig.pool(handler)
    await rig.until(dead=1)
    (letter,) = await rig.driver.dead_letters()
    assert "would never come" in story.read(letter.message.headers).reason
