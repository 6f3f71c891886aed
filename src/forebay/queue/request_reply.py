"""Requests over a topic, and their answers.

    async with open_asker("redis://localhost/prices") as asker:
        answer = await asker.ask({"product": 33}, timeout=2)

A request is an ordinary message that says in its headers where its answer goes and which group shall give it. NATS
carries answers itself; elsewhere they go over a topic of their own, ``prices-replies``, which every asker hears whole
(group=each) and takes its own from. Whoever works the topic off with a pool answers with what the handler returns.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, cast

import msgspec

from forebay.errors import Failed, ForebayError, Unknown, UsageError
from forebay.message import Message, new_id, payload_of
from forebay.queue.driver import Driver, Replying, Settlement
from forebay.queue.opening import beside, open_driver, queue_url
from forebay.queue.options import EACH, asked_of
from forebay.queue.subscription import Subscription
from forebay.queue.topic import Topic
from forebay.url import URL

REPLY_TO = "forebay-reply-to"
"""Where the answer goes."""
REPLY_FROM = "forebay-reply-from"
"""The group that answers."""
CORRELATION = "forebay-correlation"
"""In an answer: the id of its request."""
ERROR = "forebay-error"
"""In an answer: why the request was given up."""

ANSWERS_AT_ONCE = 500
SWEEP_SECONDS = 10.0


class Answer(msgspec.Struct, frozen=True):
    """What is said to a request: the body, or the error for which it was given up."""

    request: Message
    body: bytes
    error: str = ""

    @property
    def message(self) -> Message:
        """The message that carries it."""
        headers = {CORRELATION: self.request.id, **({ERROR: self.error} if self.error else {})}
        return Message(new_id(), self.body, None, headers, 0, time.time())


class Asker:
    """Puts requests into a topic, any number at once, and hands each its answer; open by :func:`open_asker`.

    Arguments:
        topic: where requests are put.
        group: which answers.
    """

    def __init__(self, topic: Topic, group: str) -> None:
        self._topic = topic
        self._group = group
        self._address = ""
        self._open: dict[str, asyncio.Future[Message]] = {}

    async def ask(
        self, body: Any, *, timeout: float = 5.0, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Message:
        """Put a request, and return the message that answers it.

        Arguments:
            body: bytes as they are, text as UTF-8, anything else as JSON.
            timeout: seconds until it is not waited for any more; it may be worked off nevertheless.
            key, headers: as of any message.

        Raises:
            Unknown: no answer in time. Failed: those who worked it off gave it up.
            UsageError: JSON cannot say it. Unavailable: the request was not accepted.
        """
        where = {**(headers or {}), REPLY_TO: self._address, REPLY_FROM: self._group}
        request = Message(new_id(), payload_of(body), key, where, accepted_at=time.time())
        heard: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._open[request.id] = heard
        try:
            async with asyncio.timeout(timeout):
                await self._topic.publish(request)
                answer = await heard
        except TimeoutError as error:
            raise Unknown(
                f"no answer from {self._topic.name} within {timeout:g} s",
                "is anybody working it off? The request stays in the queue, and may be worked off yet",
            ) from error
        finally:
            del self._open[request.id]
        if ERROR in answer.headers:
            raise Failed(f"{self._topic.name} gave the request up: {answer.headers[ERROR]}", "see its dead letters")
        return answer

    def hear(self, answer: Message) -> None:
        """Hand an answer to the one who waits for it; one that comes too late, or again, goes nowhere."""
        heard = self._open.get(answer.headers.get(CORRELATION, ""))
        if heard is not None and not heard.done():
            heard.set_result(answer)

    async def listen(self, driver: Driver, replies: URL, stack: AsyncExitStack) -> None:
        """Begin to hear: by the driver's own means, or over a topic of answers."""
        if driver.features.native_replies:
            self._address = await cast(Replying, driver).listen(self.hear)
            return
        asked = asked_of(replies)
        subscription = Subscription(asked.work_on(asked.topic), await open_driver(replies), lease=asked.lease)
        subscription.wished_by_each = ANSWERS_AT_ONCE
        self._address = asked.topic
        stack.push_async_callback(subscription.close)
        subscription.start()
        hearing = asyncio.create_task(self._hear_all(subscription))
        stack.push_async_callback(_cancelled, hearing)

    def close(self) -> None:
        """Tell all who still wait that nobody listens any more."""
        for heard in self._open.values():
            if not heard.done():
                heard.set_exception(Unknown(f"the asker of {self._topic.name} was closed before the answer came"))

    async def _hear_all(self, subscription: Subscription) -> None:
        while delivery := subscription.take_now() or await subscription.take():
            self.hear(delivery.message)
            subscription.settle(Settlement(delivery))


@asynccontextmanager
async def open_asker(url: str | URL, topic: str = "") -> AsyncIterator[Asker]:
    """Open a topic for requests, inside an ``async with``.

    Arguments:
        url: as in ``nats://localhost:4222/prices``; a group in it says whose workers shall answer.
        topic: its name where the URL has none.

    Raises:
        UsageError: the URL is wrong. Unavailable: the broker cannot be reached.
    """
    full = queue_url(url, topic)
    asked = asked_of(full)
    async with AsyncExitStack() as stack:
        driver = await open_driver(full)
        requests = Topic(asked.topic, driver)
        stack.push_async_callback(requests.close)
        asker = Asker(requests, asked.group)
        await asker.listen(driver, replies_url(full, group=EACH), stack)
        stack.callback(asker.close)
        yield asker


class Replier:
    """Sends answers for those who work a topic off.

    Arguments:
        url: of the topic, as `queue_url` returns it.
        driver: open on the topic; carries the answers where its broker does that itself.
    """

    def __init__(self, url: URL, driver: Driver) -> None:
        self._group = asked_of(url).group
        self._driver = driver
        self._replies_url = replies_url(url)
        self._replies: Driver | None = None  # opened with the first answer: most topics are never asked
        self._sweep_at = 0.0
        self._sweeping: asyncio.Task[None] | None = None

    def is_asked(self, message: Message) -> bool:
        """Return whether the message wants an answer from this group."""
        headers = message.headers
        return bool(headers) and REPLY_TO in headers and headers.get(REPLY_FROM) == self._group

    async def send(self, answers: Sequence[Answer]) -> Sequence[ForebayError | None]:
        """Send answers; return for each the error that befell it, or None."""
        try:
            if self._driver.features.native_replies:
                return [await self._reply(answer) for answer in answers]
            return await self._publish(answers)
        except ForebayError as error:
            return [error] * len(answers)

    async def close(self) -> None:
        """Let go of the topic of answers."""
        if self._replies is not None:
            if self._sweeping is not None:
                await asyncio.wait({self._sweeping})
            await self._sweep(self._replies)
            await self._replies.close()

    async def _reply(self, answer: Answer) -> ForebayError | None:
        try:
            await cast(Replying, self._driver).reply(answer.request.headers[REPLY_TO], answer.message)
        except ForebayError as error:
            return error
        return None

    async def _publish(self, answers: Sequence[Answer]) -> Sequence[ForebayError | None]:
        topic = self._replies_url.options["topic"]
        sent: list[ForebayError | None] = [
            None if (asked := answer.request.headers[REPLY_TO]) == topic else _elsewhere(asked, topic)
            for answer in answers
        ]
        good = [n for n, error in enumerate(sent) if error is None]
        if good:
            if self._replies is None:
                self._replies = await open_driver(self._replies_url)
            told = await self._replies.publish([answers[n].message for n in good], float("inf"))
            for n, heard in zip(good, told, strict=True):
                sent[n] = heard if isinstance(heard, ForebayError) else None
            self._sweep_soon(self._replies)
        return sent

    def _sweep_soon(self, replies: Driver) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._sweep_at:
            self._sweep_at = loop.time() + SWEEP_SECONDS
            self._sweeping = loop.create_task(self._sweep(replies))

    async def _sweep(self, replies: Driver) -> None:
        """Empty the group that every topic has of its own: nobody reads answers there, and they would pile up."""
        with suppress(ForebayError, TimeoutError):
            async with asyncio.timeout(SWEEP_SECONDS / 2):
                await replies.purge()


def replies_url(url: URL, **options: str) -> URL:
    """Return the address of the topic of answers beside a topic."""
    return beside(url, f"{url.options['topic']}-replies", **options)


def _elsewhere(asked: str, topic: str) -> ForebayError:
    return UsageError(f"an answer was asked for at {asked!r}; this topic answers at {topic}")


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
