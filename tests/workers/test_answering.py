"""Answers before settlements: batches, outages, answers that can never be sent."""

from __future__ import annotations

import asyncio

import pytest

from forebay.errors import TooLarge, Unavailable
from forebay.message import Message
from forebay.queue.driver import Delivery, Ending, Settlement
from forebay.queue.request_reply import REPLY_TO
from forebay.workers import answering
from forebay.workers.answering import Answering, kept_value

pytestmark = pytest.mark.usefixtures("own_time")


class Replier:
    """Sends what it is given, or fails as the test says."""

    def __init__(self):
        self.sent: list[tuple[str, bytes, str]] = []
        self.errors: dict[str, list[Exception]] = {}
        self.calls: list[int] = []
        self.closed = False

    def is_asked(self, message):
        return REPLY_TO in message.headers

    async def send(self, answers):
        self.calls.append(len(answers))
        told = []
        for answer in answers:
            errors = self.errors.get(answer.request.id)
            told.append(errors.pop(0) if errors else None)
            if told[-1] is None:
                self.sent.append((answer.request.id, answer.body, answer.error))
        return told

    async def close(self):
        self.closed = True


class Rig:
    def __init__(self, replier):
        self.replier = replier
        self.settled = []
        self.troubles = []
        self.answering = Answering(replier, self.settle, self.troubles.append)

    def settle(self, settlement):
        self.settled.append((settlement.delivery.message.id, settlement.ending.value))

    def delivery(self, id, asks=True):
        return Settlement(Delivery(Message(id, b"", headers={REPLY_TO: "replies"} if asks else {}), 1, None))


@pytest.fixture
def rig(monkeypatch):
    monkeypatch.setattr("forebay.queue.batching.FIRST_PAUSE", 0.0)
    return Rig(Replier())


async def test_who_did_not_ask_is_settled_at_once(rig):
    rig.answering.end(rig.delivery("a", asks=False), 1)
    rig.answering.end_failed(Settlement(rig.delivery("b", asks=False).delivery, Ending.DEAD), "broken")
    assert rig.settled == [("a", "done"), ("b", "dead")]
    assert rig.replier.calls == []


async def test_without_a_replier_nobody_is_answered():
    rig = Rig(None)
    rig.answering.end(rig.delivery("a"), 1)
    assert rig.settled == [("a", "done")]
    assert await rig.answering.drain(1) == 0


async def test_answers_of_one_turn_go_out_together_and_are_settled_after_it(rig):
    for n in range(3):
        rig.answering.end(rig.delivery(f"m{n}"), n)
    rig.answering.end_failed(Settlement(rig.delivery("dead").delivery, Ending.DEAD), "broken")
    assert rig.settled == []
    assert await rig.answering.drain(30) == 0
    assert rig.replier.calls == [4]
    assert rig.replier.sent == [("m0", b"0", ""), ("m1", b"1", ""), ("m2", b"2", ""), ("dead", b"", "broken")]
    assert rig.settled == [("m0", "done"), ("m1", "done"), ("m2", "done"), ("dead", "dead")]
    assert rig.replier.closed


async def test_only_what_could_not_be_sent_is_sent_again(rig):
    rig.replier.errors = {"m1": [Unavailable("down"), Unavailable("still down")]}
    for n in range(3):
        rig.answering.end(rig.delivery(f"m{n}"), n)
    assert await rig.answering.drain(30) == 0
    assert rig.replier.calls == [3, 1, 1]
    assert [id for id, _, _ in rig.replier.sent] == ["m0", "m2", "m1"]
    assert [id for id, _ in rig.settled] == ["m0", "m2", "m1"]
    assert [str(trouble) for trouble in rig.troubles] == ["down", "still down"]


async def test_an_answer_that_is_too_large_is_told_to_be_so(rig):
    rig.replier.errors = {"m0": [TooLarge("1 MiB at most")]}
    rig.answering.end(rig.delivery("m0"), 0)
    rig.answering.end(rig.delivery("m1"), 1)
    assert await rig.answering.drain(30) == 0
    assert rig.replier.sent == [("m1", b"1", ""), ("m0", b"", "its answer is too large: 1 MiB at most")]
    assert [id for id, _ in rig.settled] == ["m1", "m0"]


async def test_an_answer_that_can_never_be_sent_does_not_keep_its_message_from_its_end(rig):
    rig.replier.errors = {"m0": [TooLarge("1 MiB at most"), TooLarge("1 MiB at most")]}
    rig.answering.end(rig.delivery("m0"), 0)
    assert await rig.answering.drain(30) == 0
    assert (rig.settled, rig.replier.sent) == ([("m0", "done")], [])
    assert [str(trouble) for trouble in rig.troubles] == ["1 MiB at most"]


async def test_a_reason_is_told_in_text_that_every_broker_can_carry(rig):
    rig.answering.end_failed(rig.delivery("m0"), "no file caf\udce9\nat all")
    assert await rig.answering.drain(30) == 0
    assert rig.replier.sent == [("m0", b"", "no file caf  at all")]


async def test_an_answer_that_nobody_waits_for_any_more_is_given_up(rig, monkeypatch):
    monkeypatch.setattr(answering, "INSIST_SECONDS", 0.0)
    rig.replier.errors = {"m0": [Unavailable("down")] * 100}
    rig.answering.end(rig.delivery("m0"), 0)
    assert await rig.answering.drain(30) == 0
    assert rig.settled == [("m0", "done")]


async def test_what_json_cannot_say_is_answered_with_an_error(rig):
    rig.answering.end(rig.delivery("m0"), object())
    await rig.answering.drain(30)
    ((_, body, error),) = rig.replier.sent
    assert (body, rig.settled) == (b"", [("m0", "done")])
    assert "its answer cannot be told" in error


async def test_what_is_unsent_in_the_end_is_counted(rig):
    stuck = asyncio.Event()
    rig.replier.send = lambda answers: stuck.wait()
    rig.answering.end(rig.delivery("m0"), 0)
    assert await rig.answering.drain(0.01) == 1
    assert rig.settled == []


@pytest.mark.parametrize(
    ("kept", "returned", "told"),
    [
        (b'{"n":1}', None, b'{"n":1}'),
        (b'"text"', None, "text"),
        (b'"/w=="', b"other", b"\xff"),
        (b'"not base64"', b"other", "not base64"),
        (b"null", None, b"null"),
    ],
)
def test_what_the_store_kept_is_told_as_it_was_returned(kept, returned, told):
    assert kept_value(kept, returned) == told
