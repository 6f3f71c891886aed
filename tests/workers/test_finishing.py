import asyncio

import pytest

from forebay.errors import Undecodable, Unknown
from forebay.events import Finished, Stalled
from forebay.message import Message
from forebay.queue.driver import Delivery, Ending
from forebay.workers.answering import Answering
from forebay.workers.finishing import MOST_UNSAVED, Finisher, Handled

pytestmark = pytest.mark.usefixtures("own_time")


class Store:
    """Keeps results when the test lets it, and answers as it is told."""

    def __init__(self):
        self.saved: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failures = []
        self.refused = set()

    async def save(self, results):
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop()
        self.saved.append([result.id for result in results])
        return [Undecodable("no store keeps this") if result.id in self.refused else True for result in results]


class Rig:
    def __init__(self, store):
        self.store, self.settled, self.failed, self.events, self.troubles = store, [], [], [], []
        self.finisher = Finisher(
            "orders", store, Answering(None, self.settled.append, self.troubles.append), self.fail, [self.events.append]
        )

    def fail(self, delivery, error, began):
        self.failed.append((delivery.message.id, type(error).__name__))

    def finish(self, id, value=None, **more):
        delivery = Delivery(Message(id, b"", accepted_at=1.0), 1, None)
        self.finisher.finish(Handled(delivery, value, 2.0, 3.0, **more))

    @property
    def done(self):
        assert all(settlement.ending is Ending.DONE for settlement in self.settled)
        return [settlement.delivery.message.id for settlement in self.settled]


@pytest.fixture
def rig():
    return Rig(Store())


async def test_without_a_store_handled_means_done():
    rig = Rig(None)
    rig.finish("a", object())
    assert rig.done == ["a"]
    assert rig.events == [Finished("orders", "a", 1, "done", 1.0, 2.0)]


async def test_nothing_is_settled_before_its_result_is_kept(rig):
    rig.store.gate.clear()
    rig.finish("a")
    await asyncio.sleep(0.01)
    assert (rig.done, rig.finisher.unsaved, rig.events) == ([], 1, [])
    rig.store.gate.set()
    assert await rig.finisher.drain(30) == 0
    assert rig.done == ["a"]


async def test_results_that_come_while_some_are_kept_share_the_next_commit(rig):
    rig.store.gate.clear()
    rig.finish("a")
    await asyncio.sleep(0.01)
    rig.finish("b")
    rig.finish("c")
    rig.store.gate.set()
    await rig.finisher.drain(30)
    assert rig.store.saved == [["a"], ["b", "c"]]


async def test_a_store_that_cannot_say_is_asked_again_and_each_is_settled_once(rig):
    rig.store.failures = [Unknown("no answer"), Unknown("no answer")]
    rig.finish("a")
    rig.finish("b")
    assert await rig.finisher.drain(30) == 0
    assert rig.done == ["a", "b"]
    assert [event.where for event in rig.events if isinstance(event, Stalled)] == ["save", "save"]


async def test_a_result_that_no_store_keeps_fails_alone(rig):
    rig.store.refused = {"b"}
    for id in "abc":
        rig.finish(id)
    await rig.finisher.drain(30)
    assert (rig.done, rig.failed) == (["a", "c"], [("b", "Undecodable")])


@pytest.mark.parametrize("value", [object(), {1j}, {("a",): 1}])
async def test_a_result_that_is_not_json_fails_at_once(rig, value):
    rig.finish("a", value)
    assert rig.failed == [("a", "Dead")]
    assert rig.finisher.unsaved == 0


async def test_a_result_that_holds_itself_fails_too(rig):
    endless = []
    endless.append(endless)
    rig.finish("a", endless)
    assert rig.failed == [("a", "Dead")]


async def test_what_is_dropped_is_told_as_dropped(rig):
    rig.finish("a", dropped=True)
    await rig.finisher.drain(30)
    assert [event.outcome for event in rig.events] == ["dropped"]


async def test_too_much_that_is_unsaved_makes_workers_wait(rig):
    rig.store.gate.clear()
    for n in range(MOST_UNSAVED):
        assert not rig.finisher.is_full
        rig.finish(str(n))
    assert rig.finisher.is_full
    waiting = asyncio.ensure_future(rig.finisher.wait_for_room())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    rig.store.gate.set()
    await asyncio.wait_for(waiting, 30)
    assert await rig.finisher.drain(30) == 0
    assert len(rig.done) == MOST_UNSAVED


async def test_a_drain_that_gives_up_says_how_many_are_unsaved_and_settles_none_of_them(rig):
    rig.store.gate.clear()
    rig.finish("a")
    rig.finish("b")
    assert await rig.finisher.drain(0.02) == 2
    assert rig.done == []
