import asyncio

import pytest

from forebay.errors import TooLarge, Unavailable
from forebay.workers.handler import Work
from forebay.workers.insisting import insist

pytestmark = pytest.mark.usefixtures("own_time")

TIMEOUT = 0.05


class Store:
    """Fails so often, then answers."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.asked = 0

    async def ask(self):
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return "kept"


class SlowStore(Store):
    async def ask(self):
        await asyncio.sleep(2 * TIMEOUT)
        return await super().ask()


async def test_it_asks_until_there_is_an_answer_and_tells_of_each_failure():
    store, told = Store(Unavailable("down"), Unavailable("still down")), []
    assert await insist(store.ask, told.append) == "kept"
    assert ([str(error) for error in told], store.asked) == (["down", "still down"], 3)


async def test_what_asking_again_cannot_help_is_raised():
    store, told = Store(TooLarge("no such thing")), []
    with pytest.raises(TooLarge):
        await insist(store.ask, told.append)
    assert (told, store.asked) == ([], 1)


async def test_the_time_that_it_takes_is_not_the_handlers(rig):
    """A store that is down for longer than a handler may take costs no attempt, however slowly it says so."""
    attempts, store = [], SlowStore(Unavailable("down"))

    async def handler(body: bytes, work: Work) -> None:
        attempts.append(work.attempt)
        await insist(store.ask, lambda error: None)

    await rig.put(b"x")
    rig.pool(handler, timeout=TIMEOUT)
    await rig.until(done=1)
    assert attempts == [1]


async def test_that_of_a_batch_neither(rig):
    attempts, store = [], SlowStore(Unavailable("down"))

    async def handler(bodies: list[bytes], works: list[Work]) -> None:
        attempts.extend(work.attempt for work in works)
        await insist(store.ask, lambda error: None)

    await rig.put(b"x", b"y")
    rig.pool(handler, timeout=TIMEOUT, batch=2)
    await rig.until(done=2)
    assert attempts == [1, 1]
