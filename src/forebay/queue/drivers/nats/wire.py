"""The connection: frames written at once and answered by number, over nats-py, which connects and reconnects.

nats-py has a future, a task or a queue for each message; here a batch has one. Nothing is buffered while the connection
is down: what cannot be written now has not happened, and what was written and not answered is unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.protocol.parser import PERMISSIONS_ERR

from forebay.errors import TooLarge, Unavailable, UsageError
from forebay.queue.drivers.nats.address import Address

log = logging.getLogger("forebay.queue.nats")

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 5.0
PING_SECONDS = 5
SETTLE_SECONDS = 2
NO_RESPONDERS = 503
LARGER = "raise max_payload in the server's configuration"


class Heard(NamedTuple):
    """A message as it came over the wire."""

    subject: bytes
    reply: bytes
    data: bytes
    headers: bytes

    @property
    def status(self) -> int:
        """The status of a message by which the server says something itself; 0: it is no such message."""
        return status_of(self.headers)


class Gone(Exception):
    """The consumer or its stream does not exist any more, or the server keeps silent about it."""


Hear = Callable[[bytes, bytes, bytes, bytes], None]
"""Takes subject, reply, data and headers of one message."""


class Frame(NamedTuple):
    """What is to be sent."""

    subject: str
    data: bytes = b""
    headers: bytes = b""

    def written(self, reply: str = "") -> bytes:
        """Return the bytes of the protocol."""
        data = self.data
        if self.headers:
            size = len(self.headers)
            command = f"HPUB {self.subject} {reply} {size} {size + len(data)}\r\n"
            return b"".join((command.encode(), self.headers, data, b"\r\n"))
        return b"".join((f"PUB {self.subject} {reply} {len(data)}\r\n".encode(), data, b"\r\n"))


def _turned_away(why: str) -> bool:
    return "uthorization" in why or "uthentication" in why


def status_of(headers: bytes | None) -> int:
    """Return the status in a header block; 0: there is none."""
    return int(headers[9:12]) if headers and headers[8:9] == b" " and headers[9:12].isdigit() else 0


class _Client(Client):
    """nats-py, which hands what comes for our ears to them, and does the rest as ever."""

    def __init__(self) -> None:
        super().__init__()
        self.ears: dict[int, Hear] = {}

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        hear = self.ears.get(sid)
        if hear is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        try:
            hear(bytes(subject), bytes(reply), data, headers or b"")
        except Exception:  # one bad message must not end the loop that reads for all
            log.exception("a message on %s could not be taken in", subject)

    async def _process_pong(self) -> None:
        """Hear a late pong too: nats-py would stop reading at one for which nobody waits any more."""
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _process_err(self, err_msg: str) -> None:
        """Connect again, where nats-py would be closed for ever: whatever the server objects to, it may pass."""
        if self.is_connected and PERMISSIONS_ERR not in f"nats: {err_msg}":
            error = NatsError(err_msg.strip("'"))
            await self._error_cb(error)
            await self._process_op_err(error)
        else:
            await super()._process_err(err_msg)


class _Asked:
    """Frames under way, and the answers that have come."""

    __slots__ = ("answers", "done", "left")

    def __init__(self, count: int, done: asyncio.Future[None]) -> None:
        self.answers: list[Heard | None] = [None] * count
        self.left = count
        self.done = done

    def end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Wire:
    """A connection to one of the servers.

    Arguments:
        address: of the servers.

    Attributes:
        on_change: called whenever the connection is lost, and when it is there again.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.on_change: Callable[[], None] = lambda: None
        self._client = _Client()
        self._numbers = itertools.count(1)
        self._asked: dict[bytes, tuple[_Asked, int]] = {}
        self._lasting: dict[int, str] = {}
        self._inbox = ""
        self._prefix = 0
        self._why = ""

    async def open(self) -> None:
        """Connect.

        Raises:
            Unavailable: no server answers. UsageError: it does not let us in.
        """
        client = self._client
        options: dict[str, Any] = {
            "servers": self.address.servers,
            "max_reconnect_attempts": 1,
            "reconnect_time_wait": 0.05,
            "connect_timeout": CONNECT_SECONDS,
            "ping_interval": PING_SECONDS,
            "name": "forebay",
            "error_cb": self._note_error,
            "disconnected_cb": self._disconnected,
            "reconnected_cb": self._reconnected,
            "closed_cb": self._disconnected,
            **self.address.login,
        }
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(**options)
        except (OSError, NatsError, TimeoutError) as error:
            await self._let_go()
            raise self._refusal(error) from None  # the client's error would show the URL with its password
        client.options |= {"max_reconnect_attempts": -1, "reconnect_time_wait": 0.25}
        self._inbox = client.new_inbox()
        self._prefix = len(self._inbox) + 1
        self.listen(f"{self._inbox}.*", self._answered, lasting=True)

    def _refusal(self, error: Exception) -> Exception:
        why = f"{self._why or error}"
        if _turned_away(why):
            return UsageError(f"{self.address.url}: the server does not let us in", "wrong user, password or creds=?")
        hint = "name who vouches for it: ?cafile=" if "certificate" in why else "is it up? nats-server -js"
        return Unavailable(f"cannot reach {self.address.url} ({why or type(error).__name__})", hint)

    @property
    def info(self) -> dict[str, Any]:
        """What the server says of itself when one connects."""
        found: dict[str, Any] = self._client._server_info
        return found

    @property
    def largest(self) -> int:
        """The bytes of the largest message, with its headers."""
        return int(self._client.max_payload)

    @property
    def connected(self) -> bool:
        """Whether something can be sent now."""
        return bool(self._client.is_connected)

    def send(self, frames: Iterable[bytes]) -> None:
        """Write frames at once.

        Raises:
            Unavailable: the connection is down; nothing was written.
        """
        if not self._client.is_connected:
            raise Unavailable(f"no connection to {self.address.url}", self._why)
        transport: Any = self._client._transport
        transport.write(b"".join(frames))

    async def ask(
        self, frames: Sequence[Frame], seconds: float = ANSWER_SECONDS, *, silent: int = 0
    ) -> list[Heard | None]:
        """Send frames and return their answers; None for each that has not come in time.

        Arguments:
            frames: in the order in which the server shall see them.
            silent: how many of the first are not answered; their answers are None.

        Raises:
            Unavailable: the connection is down; nothing was written. TooLarge: nor was it here.
        """
        if not frames:
            return []
        for frame in frames:
            if len(frame.data) + len(frame.headers) > self.largest:  # the server would end the connection
                raise TooLarge(f"{len(frame.data)} bytes and headers; NATS takes {self.largest}", LARGER)
        asked = _Asked(len(frames) - silent, asyncio.get_running_loop().create_future())
        tokens = [b"%x" % next(self._numbers) for _ in frames[silent:]]
        written = [frame.written() for frame in frames[:silent]]
        written += [
            frame.written(f"{self._inbox}.{token.decode()}")
            for token, frame in zip(tokens, frames[silent:], strict=True)
        ]
        self._asked.update((token, (asked, place)) for place, token in enumerate(tokens))
        try:
            self.send(written)
            async with asyncio.timeout(seconds):
                await asked.done
        except TimeoutError:
            pass
        finally:
            if asked.left:
                for token in tokens:
                    self._asked.pop(token, None)
        return [None] * silent + asked.answers

    def _answered(self, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        asked, place = self._asked.pop(subject[self._prefix :], (None, 0))
        if asked is not None:
            asked.answers[place] = Heard(subject, reply, data, headers)
            asked.left -= 1
            if not asked.left:
                asked.end()

    def inbox(self) -> str:
        """Return a subject that nobody else listens at."""
        return str(self._client.new_inbox())

    def listen(self, subject: str, hear: Hear, *, lasting: bool = False) -> int:
        """Hear what comes on a subject, when `lasting` over reconnections; return the number of the ear."""
        self._client._sid += 1
        ear: int = self._client._sid
        self._client.ears[ear] = hear
        if lasting:
            self._lasting[ear] = subject
        self.send([f"SUB {subject} {ear}\r\n".encode()])
        return ear

    def stop_listening(self, ear: int, seconds: float) -> None:
        """Close an ear; what is under way is still heard for so many seconds."""
        self._lasting.pop(ear, None)
        with contextlib.suppress(Unavailable):
            self.send([f"UNSUB {ear}\r\n".encode()])
        if not seconds:
            self._client.ears.pop(ear, None)
        else:
            loop = asyncio.get_running_loop()
            loop.call_later(seconds, self._client.ears.pop, ear, None)

    async def settle_down(self) -> None:
        """Wait until all that the server had sent before now has been heard."""
        if self.connected:
            with contextlib.suppress(NatsError, TimeoutError, OSError):
                await self._client.flush(timeout=SETTLE_SECONDS)

    async def close(self) -> None:
        """Let go of the broker."""
        self._lasting.clear()
        await self._let_go()
        self._forget_asked()

    async def _let_go(self) -> None:
        """Close the client; in a task of its own, for it may end as cancelled when the server has gone meanwhile."""
        closing = asyncio.get_running_loop().create_task(self._client.close())
        _, late = await asyncio.wait({closing}, timeout=CONNECT_SECONDS)
        for task in late:
            task.cancel()
        if not late and not closing.cancelled() and (error := closing.exception()) is not None:
            log.debug("%s: %s", self.address.url, error)

    async def _note_error(self, error: Exception) -> None:
        why = str(error) or type(error).__name__
        if why != self._why and self._inbox:  # until it is open, whoever opens it is told
            log.warning("%s: %s", self.address.url, why)
        if not _turned_away(self._why):  # what follows, such as a reset connection, says less
            self._why = why

    async def _disconnected(self) -> None:
        self._forget_asked()
        self.on_change()

    async def _reconnected(self) -> None:
        self._why = ""
        with contextlib.suppress(Unavailable):
            self.send(f"SUB {subject} {ear}\r\n".encode() for ear, subject in self._lasting.items())
        self.on_change()

    def _forget_asked(self) -> None:
        """Nobody will answer on a connection that is gone."""
        asked = {id(one): one for one, _ in self._asked.values()}
        self._asked.clear()
        for one in asked.values():
            one.end()
