import asyncio
import math
from types import SimpleNamespace

import pytest

from forebay.durability import Durability
from forebay.errors import ForebayError, QueueFull, Unavailable, Unknown
from forebay.events import Accepted
from forebay.message import Message
from forebay.queue.topic import MOST_GATHERED, Topic
from forebay.queue.writable import Unwritable

pytestmark = pytest.mark.usefixtures("own_time")


class Gate:
    """A driver whose publishes wait until the test lets them go."""

    durability = Durability.FSYNC
    features = SimpleNamespace(lanes=1, fill=1)

    def __init__(self):
        self.batches: list[list[str]] = []
        self.open = asyncio.Event()
        self.closed = False
        self.answer = lambda message: message.id

    async def publish(self, messages, places):
        self.batches.append([message.id for message in messages])
        await self.open.wait()
        answers = [self.answer(message) for message in messages]
        if isinstance(answers[0], BaseException) and not isinstance(answers[0], ForebayError):
            raise answers[0]
        return answers

    async def close(self):
        self.closed = True


@pytest.fixture
def gate():
    return Gate()


def message(n):
    return Message(str(n), b"")


async def begin(topic, numbers):
    tasks = [asyncio.ensure_future(topic.publish(message(n))) for n in numbers]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_what_comes_in_one_turn_of_the_loop_shares_one_write(gate):
    topic = Topic("orders", gate)
    gate.open.set()
    assert await asyncio.gather(*[topic.publish(message(n)) for n in range(5)]) == list("01234")
    assert gate.batches == [list("01234")]


async def test_what_comes_while_a_batch_is_written_goes_with_the_next(gate):
    topic = Topic("orders", gate)
    first = await begin(topic, [1])
    later = await begin(topic, [2, 3])
    assert gate.batches == [["1"]]
    gate.open.set()
    await asyncio.gather(*first, *later)
    assert gate.batches == [["1"], ["2", "3"]]


async def test_each_caller_hears_of_its_own_message(gate):
    topic = Topic("orders", gate)
    gate.answer = lambda message: QueueFull("full") if message.id == "2" else message.id
    gate.open.set()
    answers = await asyncio.gather(*[topic.publish(message(n)) for n in (1, 2, 3)], return_exceptions=True)
    assert [type(answer) for answer in answers] == [str, QueueFull, str]


async def test_without_an_answer_in_time_the_outcome_is_unknown(gate):
    topic = Topic("orders", gate, deadline=0.05)
    with pytest.raises(Unknown):
        await topic.publish(message(1))


async def test_what_was_not_even_sent_in_time_is_refused_and_never_sent(gate):
    topic = Topic("orders", gate, deadline=0.05)
    (first,) = await begin(topic, [1])
    (second,) = await begin(topic, [2])
    assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], Unknown)
    assert isinstance((await asyncio.gather(second, return_exceptions=True))[0], Unavailable)
    gate.open.set()
    await topic.publish(message(3))
    assert gate.batches == [["1"], ["3"]]


async def test_a_late_answer_of_the_broker_is_told_to_nobody_twice(gate):
    topic = Topic("orders", gate, deadline=0.05)
    heard = []
    topic.publish_soon(message(1), heard.append)
    while not heard:
        await asyncio.sleep(0.01)
    gate.open.set()
    await topic.close()
    assert [type(answer) for answer in heard] == [Unknown]


async def test_a_bug_of_a_driver_is_unknown_to_the_caller_and_leaves_the_topic_usable(gate):
    topic = Topic("orders", gate)
    gate.open.set()
    gate.answer = lambda message: ZeroDivisionError()
    with pytest.raises(Unknown):
        await topic.publish(message(1))
    gate.answer = lambda message: message.id
    assert await topic.publish(message(2)) == "2"


async def test_a_closed_topic_refuses_and_what_was_begun_is_finished(gate):
    topic = Topic("orders", gate)
    (begun,) = await begin(topic, [1])
    closing = asyncio.ensure_future(topic.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await topic.publish(message(2))
    gate.open.set()
    await closing
    assert await begun == "1"
    assert gate.closed


async def test_closing_does_not_hang_on_a_silent_broker(gate):
    topic = Topic("orders", gate, deadline=0.05)
    (begun,) = await begin(topic, [1])
    await asyncio.wait_for(topic.close(), 30)
    assert isinstance((await asyncio.gather(begun, return_exceptions=True))[0], Unknown)


async def test_what_gathers_is_bounded(gate):
    topic = Topic("orders", gate)
    heard = []
    await begin(topic, [0])
    for n in range(MOST_GATHERED + 1):
        topic.publish_soon(message(n), heard.append)
    await asyncio.sleep(0)
    assert [type(answer) for answer in heard] == [Unavailable]
    gate.open.set()
    await topic.close()


async def test_done_is_never_called_from_within_publish_soon(gate):
    topic = Topic("orders", gate)
    await topic.close()
    heard = []
    topic.publish_soon(message(1), heard.append)
    assert heard == []
    await asyncio.sleep(0)
    assert isinstance(heard[0], Unavailable)


async def test_listeners_hear_how_many_became_durable(gate):
    topic = Topic("orders", gate, places=math.inf)
    events = []
    topic.listeners = [events.append]
    gate.answer = lambda message: QueueFull("full") if message.id == "2" else message.id
    gate.open.set()
    await asyncio.gather(*[topic.publish(message(n)) for n in (1, 2, 3)], return_exceptions=True)
    assert [(e.topic, e.count) for e in events if isinstance(e, Accepted)] == [("orders", 2)]


async def test_a_publisher_that_went_away_does_no_harm(gate):
    topic = Topic("orders", gate)
    (gone,) = await begin(topic, [1])
    gone.cancel()
    gate.open.set()
    assert await topic.publish(message(2)) == "2"


async def test_a_caller_that_fails_to_hear_leaves_no_other_without_an_answer(gate, caplog):
    topic = Topic("orders", gate)
    heard = []

    def fail(answer):
        raise ValueError("a bug of the caller's")

    topic.publish_soon(message(1), fail)
    topic.publish_soon(message(2), heard.append)
    gate.open.set()
    await topic.close()
    assert heard == ["2"]
    assert "a bug of the caller's" in caplog.text


async def test_a_listener_that_fails_leaves_nobody_without_an_answer(gate):
    topic = Topic("orders", gate)
    topic.listeners.append(lambda event: 1 / 0)
    gate.open.set()
    assert await topic.publish(message(1)) == "1"
    await topic.close()


async def test_closing_before_a_silent_broker_answers_those_too_who_were_not_sent_yet(gate):
    topic = Topic("orders", gate, deadline=0.2)
    (sent,) = await begin(topic, [1])
    await asyncio.sleep(0.19)  # the sweep that would refuse it does not come any more
    (gathered,) = await begin(topic, [2])
    await topic.close()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(gathered, 30)
    with pytest.raises(Unknown):
        await sent
    gate.open.set()


async def test_a_few_gather_while_a_publish_is_under_way_and_many_are_worth_one_beside_it(gate):
    gate.features = SimpleNamespace(lanes=2, fill=3)
    topic = Topic("orders", gate)
    first = await begin(topic, [0])
    few = await begin(topic, [1, 2])
    assert gate.batches == [["0"]]
    many = await begin(topic, [3])
    assert gate.batches == [["0"], ["1", "2", "3"]]
    last = await begin(topic, [4])
    gate.open.set()
    assert await asyncio.gather(*first, *few, *many, *last) == list("01234")
    assert gate.batches[2:] == [["4"]]
    await topic.close()


@pytest.mark.parametrize(
    ("flawed", "why"),
    [
        (Message("a", b"", "caf\udce9"), "no Unicode"),
        (Message("a", b"", None, {"n\udce9": "v"}), "no Unicode"),
        (Message("a", b"", None, {"ü": "\ud800"}), "no Unicode"),
        (Message("\udce9", b""), "no Unicode"),
        (Message("a", b"", priority=2**63), "64 bits"),
        (Message("a", b"", priority=-(2**63) - 1), "64 bits"),
        (Message("a", b"", None, {"a\0b": "1"}), "NUL"),
        (Message("a", b"", not_before=math.inf), "never comes"),
        (Message("a", b"", accepted_at=math.nan), "never comes"),
    ],
)
async def test_what_no_broker_can_write_is_refused_by_itself_and_spoils_nothing_beside_it(gate, flawed, why):
    topic = Topic("orders", gate)
    gate.open.set()
    fine = Message("b", b"", "schlüssel", {"ü": "ß"}, 2**63 - 1)
    first, refused, last = await asyncio.gather(
        topic.publish(message(1)), topic.publish(flawed), topic.publish(fine), return_exceptions=True
    )
    assert (first, last) == ("1", "b")
    assert isinstance(refused, Unwritable)
    assert why in refused.what
    assert gate.batches == [["1", "b"]]
