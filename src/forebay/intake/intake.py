"""The intake: a request becomes a message, and is answered once the message is durable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any, Protocol
from zlib import crc32

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.durability import Durability
from forebay.errors import (
    Conflict,
    ForebayError,
    Outcome,
    QueueFull,
    TooLarge,
    Unavailable,
    Undecodable,
    Unknown,
    UsageError,
)
from forebay.events import Answered, Listener, Refused
from forebay.intake.admission import Limiter
from forebay.intake.answers import Answers, Overload, retry_after
from forebay.intake.by_get import is_ahead, refusal_ahead, unkept
from forebay.intake.decoding import Decode, decoder, fingerprint
from forebay.intake.http import Request, Respond, Response, problem
from forebay.intake.idempotency import Keys, read_key
from forebay.intake.routes import Routes
from forebay.intake.status import Status
from forebay.message import Message, new_id
from forebay.queue.topic import Topic
from forebay.queue.writable import Unwritable
from forebay.stores.store import Store

__all__ = ["Answers", "Direct", "Intake", "Overload"]

log = logging.getLogger("forebay.intake")

RETRY_SECONDS = 1.0

Done = Callable[[str | BaseException], None]


class Direct(Protocol):
    """What does the work inside the request, where there are no waiting places (A/B/n/0)."""

    topic: str

    @property
    def has_room(self) -> bool:
        """Whether one of the n workers is free."""
        ...

    async def work(self, message: Message, body: Any) -> None:
        """Work off a message; raises what went wrong."""
        ...


class _NoRoom(Exception):
    """A system with losses refuses; `seconds` until it may have capacity."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class _AboveRate(Exception):
    """The rate is exceeded; `seconds` until a request will be admitted."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class _Client:
    """Who waits for the answer to a request, and in which words he wants it."""

    __slots__ = ("answers", "respond")

    def __init__(self, answers: Answers, respond: Respond) -> None:
        self.answers = answers
        self.respond = respond

    def replayed(self) -> _Client:
        """Return a client who is told that his answer is that of an earlier request."""
        respond = self.respond
        return _Client(self.answers, lambda said: respond(said.with_headers((b"idempotency-replayed", b"true"))))


class Intake:
    """Takes requests in at one path.

    Arguments:
        path: as in ``/orders``; the status of a message is told below it.
        body: the type that a request's body must have, any that msgspec decodes; `bytes`: anything.
        into: the topic where messages wait, or what works them off at once; several: each message goes to one of them,
            which its id decides, so that it is the same one when it is published again.
        answers: what clients hear.
        store: remembers idempotency keys and knows results; None: keys are refused.
        limiter: admits by rate; None: all.
        overload: what a request hears that a `Direct` has no capacity for.
        key: from a decoded body to the key of its message; None: messages have none.
        read: from a request to the body of its message; None: the request's body.
        parameters: what `read` looks for by name.
        decode: from that body to a value, raising `Undecodable`; None: as `body` says.
        methods: which requests are taken.
        results: whether the store keeps what comes of a message; False: the status of what is done is not known.
        listeners: hear of every answer and refusal; while the list is empty, no event is made.
        clock: stamps the messages.
    """

    def __init__(
        self,
        path: str,
        body: Any,
        into: Topic | Direct | Sequence[Topic | Direct],
        *,
        answers: Answers | None = None,
        store: Store | None = None,
        limiter: Limiter | None = None,
        overload: Overload | str = Overload.KAPUT,
        key: Callable[[Any], str | None] | None = None,
        read: Callable[[Request], bytes] | None = None,
        parameters: Sequence[str] = (),
        decode: Decode | None = None,
        methods: Sequence[str] = ("POST",),
        results: bool = True,
        listeners: list[Listener] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.path = path
        self.body = body
        self.answers = answers or Answers()
        self.overload = Overload(overload)
        self.listeners = listeners if listeners is not None else []
        self.methods = tuple(methods)
        self._targets: list[Any] = list(into) if isinstance(into, Sequence) else [into]
        self._only = self._targets[0] if len(self._targets) == 1 else None
        self.is_direct = hasattr(self._targets[0], "work")
        self.topic: str = ",".join(target.topic if self.is_direct else target.name for target in self._targets)
        self._limiter = limiter
        self._key = key
        self.read = read
        self.parameters = tuple(parameters)
        self.is_typed = body is not bytes and read is None and decode is None
        self._clock = clock
        self._decode = decode or decoder(body)
        self._keys = Keys(store, self.topic, clock) if store else None
        self._status = Status(store if results else None, self._place)
        self._put: Callable[[Message, Any, Done], None] = self._work if self.is_direct else self._publish
        self._tasks: set[asyncio.Task[None]] = set()
        self._durability = (b"forebay-durability", self._reached(store).value.encode())
        self._below = path.rstrip("/").encode() + b"/"

    def mount(self, routes: Routes) -> None:
        """Add the path of this intake and the status of its messages to a site."""
        for method in self.methods:
            routes.add(method, self.path, self._handle_get if method == "GET" else self.handle)
        if "GET" in self.methods:  # or it would answer HEAD as well, which must put nothing anywhere
            routes.refuse("HEAD", self.path)
        routes.add("GET", self.path.rstrip("/") + "/{id}", self.status)

    def handle(self, request: Request, respond: Respond) -> None:
        """Take a request in; `respond` is called once its message is durable, or was refused."""
        client = _Client(self.answers.to(request), self._observed(respond) if self.listeners else respond)
        try:
            body = self.read(request) if self.read else request.body
            value = self._decode(body)
        except Undecodable as error:
            self._refuse(client, "invalid", client.answers.invalid(error.what))
            return
        if b"idempotency-key" in request.headers:
            self._handle_keyed(request, body, value, client)
        elif self._limiter and (wait := self._limiter.admit(self._clock.monotonic())):
            self._refuse_above_rate(client, wait)
        else:
            self._put(self._message(new_id(), body, value), value, partial(self._answer, client))

    def _handle_get(self, request: Request, respond: Respond) -> None:
        if is_ahead(request):
            client = _Client(self.answers, self._observed(respond) if self.listeners else respond)
            self._refuse(client, "prefetch", refusal_ahead())
        else:
            self.handle(request, lambda response: respond(unkept(response)))

    async def status(self, request: Request) -> Response:
        """Return where the message named by the last segment of the path is."""
        try:
            return await self._status.answer(request)
        except (Unavailable, Unknown):
            return retry_after(problem(503, "the queue or the store cannot be reached"), RETRY_SECONDS)

    # Into the queue, or to work at once

    def _reached(self, store: Store | None) -> Durability:
        """Return what an accepted request survives: as a message, or where it is worked off at once as a result."""
        if not self.is_direct:
            durability: Durability = self._targets[0].durability
            return durability
        return store.durability if store else Durability.MEMORY

    def _message(self, id: str, body: bytes, value: Any) -> Message:
        key = self._key(value) if self._key else None
        if not (key is None or isinstance(key, str)):  # to the client it is a 500; whoever wrote key= reads this
            raise TypeError(f"key= gave {key!r}, and the key of a message is text or None")
        return Message(id, body, key, {}, 0, self._clock.time())

    def _target(self, id: str) -> Any:
        return self._only if self._only is not None else self._targets[crc32(id.encode()) % len(self._targets)]

    def _place(self, id: str) -> tuple[Any, str]:
        target = self._target(id)
        return (None, target.topic) if self.is_direct else (target, target.work_name)

    def _publish(self, message: Message, value: Any, done: Done) -> None:
        self._target(message.id).publish_soon(message, done)

    def _work(self, message: Message, value: Any, done: Done) -> None:
        into: Direct = self._target(message.id)
        if into.has_room:
            self._start(self._work_off(into, message, value, done))
        else:
            done(_NoRoom(RETRY_SECONDS))

    async def _work_off(self, into: Direct, message: Message, value: Any, done: Done) -> None:
        if not into.has_room:  # taken by those that began between the check and this task
            done(_NoRoom(RETRY_SECONDS))
            return
        heard: str | BaseException = Unknown("the work was interrupted")
        try:
            await into.work(message, value)
            heard = message.id
        except (Exception, Outcome) as error:
            heard = error
        finally:
            done(heard)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Requests that carry a key

    def _handle_keyed(self, request: Request, body: bytes, value: Any, client: _Client) -> None:
        try:
            key = read_key(request.header("idempotency-key") or "")
            if self._keys is None:
                raise UsageError("no Idempotency-Key is remembered here")
        except UsageError as error:
            self._refuse(client, "invalid", client.answers.bad_key(error.what))
            return
        self._start(self._accept_once(self._keys, key, body, value, client))

    async def _accept_once(self, keys: Keys, key: str, body: bytes, value: Any, client: _Client) -> None:
        async def publish(id: str) -> str:
            if self._limiter and (wait := self._limiter.admit(self._clock.monotonic())):
                raise _NoRoom(wait) if self.is_direct else _AboveRate(wait)
            heard: asyncio.Future[str | BaseException] = asyncio.get_running_loop().create_future()
            self._put(self._message(id, body, value), value, heard.set_result)
            answer = await heard
            if isinstance(answer, BaseException):
                raise answer
            return answer

        answer: str | BaseException = Unknown("the request was interrupted")
        replayed = False
        try:
            answer, replayed = await keys.accept(key, fingerprint(value), publish)
        except (Exception, Outcome) as error:
            answer = error
        finally:
            self._answer(client.replayed() if replayed else client, answer)

    # Back to the client

    def _answer(self, client: _Client, heard: str | BaseException) -> None:
        if isinstance(heard, str):
            said = client.answers.done(heard) if self.is_direct else client.answers.accepted(heard)
            reference = heard.encode()
            headers = ((b"forebay-id", reference), self._durability, (b"location", self._below + reference))
            client.respond(Response(said.status, said.body, said.headers + headers))
        elif isinstance(heard, _AboveRate | _NoRoom):
            self._refuse_above_rate(client, heard.seconds)
        else:
            self._refuse(client, *self._refusal(client.answers, heard))

    def _refusal(self, answers: Answers, error: BaseException) -> tuple[str, Response]:
        match error:
            case QueueFull():
                return "full", retry_after(answers.full(), RETRY_SECONDS)
            case TooLarge():
                return "invalid", answers.too_large(error.what)
            case Unwritable():
                return "invalid", answers.invalid(error.what)
            case Unavailable():
                return "unavailable", retry_after(answers.unavailable(), RETRY_SECONDS)
            case Conflict():
                return "conflict", answers.conflict()
            case Unknown():
                return "unknown", retry_after(answers.unknown(), RETRY_SECONDS)
        if self.is_direct and not isinstance(error, ForebayError):
            log.error("the work on a request to %s failed: %r", self.path, error)
            return "failed", answers.failed()
        log.error("a request to %s ended in an unknown state: %r", self.path, error)
        return "unknown", retry_after(answers.unknown(), RETRY_SECONDS)

    def _refuse_above_rate(self, client: _Client, wait: float) -> None:
        answers = client.answers
        if not self.is_direct:
            response = retry_after(answers.limited(), wait)
        elif self.overload is Overload.KAPUT:
            response = answers.overload(self.overload)
        else:
            response = retry_after(answers.overload(self.overload), wait)
        self._refuse(client, "limit", response)

    def _refuse(self, client: _Client, reason: str, response: Response) -> None:
        for listener in self.listeners:
            listener(Refused(self.topic, reason))
        client.respond(response)

    def _observed(self, respond: Respond) -> Respond:
        began = perf_counter()

        def answer(response: Response) -> None:
            event = Answered(self.path, response.status, perf_counter() - began)
            for listener in self.listeners:
                listener(event)
            respond(response)

        return answer
