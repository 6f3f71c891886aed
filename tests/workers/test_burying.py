import asyncio

import pytest

from forebay.errors import Unavailable
from forebay.message import Message
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.stores.opening import open_store
from forebay.stores.store import Result
from forebay.workers.burying import Burial, Burials


class Rig:
    def __init__(self, store):
        self.ended, self.troubles = [], []
        self.burials = Burials("orders", store, self.end, self.troubles.append)

    def end(self, settlement, burial):
        self.ended.append((settlement.delivery.message.id, settlement.ending, settlement.headers))

    def bury(self, id):
        settlement = Settlement(Delivery(Message(id, b""), 5, None), Ending.DEAD, 0.0, {"forebay-reason": "no"})
        self.burials.add(Burial(settlement, "no", 1.0, 2.0))


@pytest.fixture
async def store():
    store = await open_store("memory://burying")
    yield store
    await store.close()


async def test_without_a_store_what_was_given_up_is_dead_at_once():
    rig = Rig(None)
    rig.bury("a")
    assert rig.ended == [("a", Ending.DEAD, {"forebay-reason": "no"})]


async def test_what_has_a_result_is_done_and_what_has_none_is_dead(store):
    await store.save([Result("kept", "orders", b"1", 0.0, 0.0, 0.0), Result("other", "payments", b"1", 0.0, 0.0, 0.0)])
    rig = Rig(store)
    for id in ("kept", "other", "new"):
        rig.bury(id)
    assert await rig.burials.drain(30) == 0
    story = {"forebay-reason": "no"}
    assert rig.ended == [("kept", Ending.DONE, None), ("other", Ending.DEAD, story), ("new", Ending.DEAD, story)]


async def test_while_the_store_is_down_nothing_is_dead():
    class Down:
        up = False

        async def get(self, id):
            if not self.up:
                raise Unavailable("the store is down")

    store = Down()
    rig = Rig(store)
    rig.bury("a")
    async with asyncio.timeout(30):
        while not rig.troubles:
            await asyncio.sleep(0.002)
    assert (rig.ended, rig.burials.unsettled) == ([], 1)
    store.up = True
    assert await rig.burials.drain(30) == 0
    assert [ending for _, ending, _ in rig.ended] == [Ending.DEAD]
