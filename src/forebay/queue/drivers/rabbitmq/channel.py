"""One channel of a connection: questions and answers in order, consumers, and confirmed publishing in batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, Protocol

from pamqp import commands
from pamqp import frame as pamqp_frame
from pamqp.base import Frame

from forebay.queue.drivers.rabbitmq import frames
from forebay.queue.drivers.rabbitmq.frames import Arrival, Properties
from forebay.queue.headers import ID

_CLOSE, _CLOSE_OK = b"\x00\x14\x00\x28", b"\x00\x14\x00\x29"

Hear = Callable[[Arrival], None]
"""Called with each delivery of a consumer, from within the loop; it must not fail."""


class Closed(Exception):
    """The channel or its connection is no more.

    Arguments:
        code: the broker's; 0: the connection was lost.
        text: the broker's.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code})" if code else text)
        self.code = code
        self.text = text


class Way(Protocol):
    """The connection, as a channel sees it."""

    frame_max: int

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def forget(self, number: int) -> None:
        """Let go of a channel."""
        ...


class Confirms:
    """What became of the messages of one batch; `done` is set when all were answered, or fails with the channel.

    Arguments:
        count: of messages.

    Attributes:
        answers: for each message True when it was confirmed, False when it was refused, None: not answered yet.
        returned: places in the batch of those that no queue took.
    """

    def __init__(self, count: int) -> None:
        self.answers: list[bool | None] = [None] * count
        self.returned: set[int] = set()
        self.missing = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answer(self, place: int, confirmed: bool) -> None:
        """Note what became of one message."""
        self.answers[place] = confirmed
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: Closed) -> None:
        """The channel is no more."""
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # nobody may be waiting any longer


class Channel:
    """A channel that is open until `closed` says why it is not; made by the connection.

    Attributes:
        stray: hears what comes for a consumer that has just been cancelled; None: it goes back.

    Arguments:
        way: the connection.
        number: of the channel.
    """

    def __init__(self, way: Way, number: int) -> None:
        self.closed: Closed | None = None
        self.number = number
        self.stray: Hear | None = None
        self._way = way
        self._asked: deque[asyncio.Future[Frame]] = deque()
        self._consumers: dict[str, tuple[Hear, Callable[[], None]]] = {}
        self._method = b""
        self._properties = Properties({})
        self._pieces: list[bytes] = []
        self._missing_bytes = 0
        self._published = 0
        self._unconfirmed: dict[int, tuple[Confirms, int, tuple[bytes, str]]] = {}

    def ask(self, question: Frame) -> asyncio.Future[Frame]:
        """Send a question; its answer comes in the order of asking, and is dropped when nobody waits any longer.

        Raises:
            Closed: by the future.
        """
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        if self.closed is not None:
            answer.set_exception(self.closed)
            answer.exception()  # not everybody waits for the answer
            return answer
        self._asked.append(answer)
        self._way.write(pamqp_frame.marshal(question, self.number))
        return answer

    def consume(
        self, queue: str, tag: str, prefetch: int, hear: Hear, ended: Callable[[], None], **options: Any
    ) -> asyncio.Future[Frame]:
        """Have a queue deliver as many messages as `prefetch` allows to be unsettled; return the answer to come.

        `ended` is called when the channel is no more, or the broker ended the consumer.
        """
        self._consumers[tag] = hear, ended
        self.ask(commands.Basic.Qos(prefetch_count=prefetch))
        return self.ask(commands.Basic.Consume(queue=queue, consumer_tag=tag, **options))

    def begin(self, queue: str, tag: str, prefetch: int, hear: Hear, ended: Callable[[], None]) -> None:
        """Do as `consume` does, for a consumer that may be cancelled at once: without an answer.

        RabbitMQ puts its answer behind what it has read already; were that the end of the same consumer, it would close
        the channel (541), and take back all that is in hand.
        """
        self._consumers[tag] = hear, ended
        self.ask(commands.Basic.Qos(prefetch_count=prefetch))
        if self.closed is None:
            question = commands.Basic.Consume(queue=queue, consumer_tag=tag, nowait=True)
            self._way.write(pamqp_frame.marshal(question, self.number))

    def cancel(self, tag: str) -> asyncio.Future[Frame]:
        """End a consumer; what was on its way is heard before the answer comes."""
        answer = self.ask(commands.Basic.Cancel(consumer_tag=tag))
        answer.add_done_callback(lambda _: self._consumers.pop(tag, None))
        return answer

    def ack(self, tags: Sequence[int]) -> None:
        """Say that deliveries are over, each by its own tag, in one write."""
        if self.closed is None and tags:
            self._way.write(b"".join([frames.ack_frame(self.number, tag) for tag in tags]))

    def requeue(self, tags: Sequence[int]) -> None:
        """Give deliveries back to the place that they had in their queue."""
        if self.closed is None and tags:
            self._way.write(b"".join([frames.requeue_frame(self.number, tag) for tag in tags]))

    def publish(self, methods: Sequence[bytes], contents: Sequence[tuple[str, bytes, bytes]]) -> Confirms:
        """Send messages in one write; the channel must be in confirm mode.

        Arguments:
            methods: where each goes: payloads of :func:`~forebay.queue.drivers.rabbitmq.frames.publish_method`.
            contents: id, payload of the header frame, and body of each.
        """
        confirms = Confirms(len(methods))
        if self.closed is not None or not methods:
            confirms.fail(self.closed or Closed(0, "nothing to publish"))
            return confirms
        parts = []
        for place, (method, (id, header, body)) in enumerate(zip(methods, contents, strict=True)):
            self._published += 1
            self._unconfirmed[self._published] = confirms, place, (frames.route_published(method), id)
            parts.append(frames.message_frames(self.number, method, header, body, self._way.frame_max))
        self._way.write(b"".join(parts))
        return confirms

    def close(self) -> None:
        """Close the channel; what is unsettled goes back to its queues."""
        if self.closed is None:
            self._way.write(pamqp_frame.marshal(commands.Channel.Close(200, "done", 0, 0), self.number))
            self.end(Closed(0, "the channel was closed"), acknowledged=False)

    def end(self, error: Closed, acknowledged: bool = True) -> None:
        """Fail all that waits for an answer over this channel; its number is free once the broker knows of it."""
        self.closed = error
        if acknowledged:
            self._way.forget(self.number)
        for answer in self._asked:
            if not answer.done():
                answer.set_exception(error)
                answer.exception()
        for confirms, _, _ in self._unconfirmed.values():
            confirms.fail(error)
        self._asked.clear()
        self._unconfirmed.clear()
        consumers, self._consumers = self._consumers, {}
        for _, ended in consumers.values():
            ended()

    def hear(self, kind: int, payload: bytes, whole: bytes) -> None:
        """Take in one frame that came for this channel.

        Arguments:
            kind: of the frame.
            payload: of the frame.
            whole: the frame with its beginning and end, as pamqp wants it.
        """
        if self.closed is not None:
            if kind == frames.METHOD:
                self._hear_last(payload[:4])
        elif kind == frames.BODY:
            self._pieces.append(payload)
            self._missing_bytes -= len(payload)
            if self._missing_bytes <= 0:
                self._complete()
        elif kind == frames.HEADER:
            self._missing_bytes, self._properties = frames.read_header(payload)
            if not self._missing_bytes:
                self._complete()
        else:
            self._hear_method(int.from_bytes(payload[:4], "big"), payload, whole)

    def _hear_last(self, method: bytes) -> None:
        """After our close: its answer, before which the broker's own close may come, and wants an answer as well."""
        if method == _CLOSE:
            self._way.write(pamqp_frame.marshal(commands.Channel.CloseOk(), self.number))
        elif method == _CLOSE_OK:
            self._way.forget(self.number)

    def _hear_method(self, what: int, payload: bytes, whole: bytes) -> None:
        if what in {frames.DELIVER, frames.RETURN}:
            self._method, self._pieces = payload, []
        elif what in {frames.ACK, frames.NACK}:
            tag, flags = frames.tagged(payload)
            self._confirm(tag, what == frames.ACK, bool(flags & 1))
        else:
            self._answered(pamqp_frame.unmarshal(whole)[2])  # type: ignore[arg-type]  # a method frame holds a Frame

    def _answered(self, answer: Frame) -> None:
        if isinstance(answer, commands.Channel.Close):
            self._way.write(pamqp_frame.marshal(commands.Channel.CloseOk(), self.number))
            self.end(Closed(answer.reply_code or 0, answer.reply_text))
        elif isinstance(answer, commands.Basic.Cancel):  # the queue was deleted, or its leader is gone
            if (consumer := self._consumers.pop(answer.consumer_tag or "", None)) is not None:
                consumer[1]()
        elif self._asked and not (waiting := self._asked.popleft()).done():
            waiting.set_result(answer)

    def _complete(self) -> None:
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        if int.from_bytes(self._method[:4], "big") == frames.RETURN:
            id = self._properties.id or str(self._properties.headers.get(ID, ""))
            self._returned((frames.route_returned(self._method), id))
            return
        tag, redelivered = frames.read_delivery(self._method)
        consumer = self._consumers.get(frames.consumer_of(self._method))
        if consumer is not None:
            consumer[0](Arrival(tag, redelivered, self._properties, body))
        elif self.stray is not None:
            self.stray(Arrival(tag, redelivered, self._properties, body))
        else:
            self.requeue([tag])

    def _returned(self, returned: tuple[bytes, str]) -> None:
        for confirms, place, waiting in self._unconfirmed.values():  # the oldest first: those come back first
            if waiting == returned and place not in confirms.returned:
                confirms.returned.add(place)
                return

    def _confirm(self, tag: int, confirmed: bool, multiple: bool) -> None:
        tags = list(takewhile(lambda waiting: waiting <= tag, self._unconfirmed)) if multiple else [tag]
        for each in tags:
            if (found := self._unconfirmed.pop(each, None)) is not None:
                found[0].answer(found[1], confirmed)
