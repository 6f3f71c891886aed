"""A connection that is made anew, on demand, when it was lost; and what its failures mean to whoever called.

Nothing runs in the background: every call that needs the broker finds the connection open or opens it, so a worker
cannot be alive and idle beside a broker that has come back.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from pamqp import commands
from pamqp.base import Frame

from forebay.errors import ForebayError, Missing, Unavailable, Unknown, UsageError
from forebay.queue.drivers.rabbitmq.channel import Channel, Closed
from forebay.queue.drivers.rabbitmq.connection import Account, Connection, connect

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""Until a question to the broker must have been answered."""

NOT_FOUND, PRECONDITION, LOCKED = 404, 406, 405
_REFUSED = {403, 530}


class Link:
    """A connection, and its channels by name.

    Arguments:
        account: where the broker is, and who we are there.
        purpose: shown by the broker's own tools.
    """

    def __init__(self, account: Account, purpose: str) -> None:
        self._account = account
        self._purpose = purpose
        self._connection: Connection | None = None
        self._channels: dict[str, Channel] = {}
        self._lock = asyncio.Lock()
        self._closed = False

    @property
    def blocked(self) -> str:
        """Why the broker takes no messages now; empty: it does, or it cannot be asked."""
        return self._connection.blocked if self._connection is not None else ""

    @property
    def frame_max(self) -> int:
        """Bytes of a frame; larger ones the broker does not take."""
        return self._connection.frame_max if self._connection is not None else 131_072

    @property
    def version(self) -> str:
        """The version of the broker, as it said at the last greeting."""
        return str(self._connection.server.get("version", "")) if self._connection is not None else ""

    def open_channel(self, name: str) -> Channel | None:
        """Return the channel of this name if it is open."""
        channel = self._channels.get(name)
        return channel if channel is not None and channel.closed is None else None

    async def channel(self, name: str, confirming: bool = False) -> Channel:
        """Return the open channel of this name; it and the connection are made where they are not there.

        Raises:
            Unavailable: the broker cannot be reached. UsageError: it refuses us.
        """
        if (channel := self.open_channel(name)) is not None:
            return channel
        async with self._lock:
            if (channel := self.open_channel(name)) is None:
                channel = self._channels[name] = await self._new_channel(confirming)
            return channel

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Channel]:
        """Have a channel of one's own for questions that the broker may answer by closing it."""
        async with self._lock:
            channel = await self._new_channel(False)
        try:
            yield channel
        finally:
            channel.close()

    async def caught_up(self) -> None:
        """Return when all has been heard that the broker had sent over the channels of this connection.

        Raises:
            Unavailable: the broker does not answer, or a channel is no more.
        """
        standing = [channel for channel in self._channels.values() if channel.closed is None]
        for answer in [channel.ask(commands.Channel.Flow(active=True)) for channel in standing]:
            await answered(answer)

    async def _new_channel(self, confirming: bool) -> Channel:
        if self._closed:
            raise Unavailable("the connection was closed")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if self._connection is None or self._connection.closed is not None:
                    self._connection = await connect(self._account, self._purpose, CONNECT_SECONDS)
                if self._closed:  # meanwhile
                    self.kill()
                return await self._connection.channel(confirming)
        except Closed as error:
            raise self._refusal(error) from error
        except TimeoutError as error:
            raise Unavailable(f"RabbitMQ at {self._account!r} does not answer") from error
        except ssl.SSLCertVerificationError as error:
            raise UsageError(
                f"the certificate of RabbitMQ at {self._account!r} is not trusted: {error.verify_message}",
                "name those to trust: ?cafile=ca.pem",
            ) from error
        except OSError as error:
            raise Unavailable(f"RabbitMQ at {self._account!r} cannot be reached: {error}", "is it running?") from error

    def _refusal(self, error: Closed) -> ForebayError:
        if error.code in _REFUSED:
            return UsageError(
                f"RabbitMQ refuses {self._account!r}: {error.text}", "check the user, the password and the virtual host"
            )
        return Unavailable(f"RabbitMQ at {self._account!r}: {error}")

    def kill(self) -> None:
        """Let go of the connection at once, as a process that dies does."""
        self._closed = True
        if self._connection is not None:
            self._connection.abort("killed")

    async def close(self) -> None:
        """Let go of the broker in good order."""
        self._closed = True
        if self._connection is not None:
            await self._connection.close()


async def answered(answer: Awaitable[Frame], seconds: float = ANSWER_SECONDS) -> Frame:
    """Wait for the answer to a question that changes nothing, or that can be asked twice.

    Raises:
        Unavailable: it did not come. Missing: there is no such queue or exchange.
        UsageError: it is there, and is another than was asked for, or we may not touch it.
    """
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError as error:
        raise Unavailable("RabbitMQ does not answer") from error
    except Closed as error:
        raise failure(error) from error


def count_of(answer: Frame) -> int:
    """Return how many messages an answer speaks of."""
    return int(getattr(answer, "message_count", None) or 0)


def failure(error: Closed) -> ForebayError:
    """Return what the end of a channel means to whoever asked a question over it."""
    if error.code == NOT_FOUND:
        return Missing(f"RabbitMQ: {error.text}")
    if error.code in {PRECONDITION, LOCKED, *_REFUSED}:
        return UsageError(f"RabbitMQ: {error.text}")
    return Unavailable(f"RabbitMQ: {error}")


def unknown(error: Closed) -> Unknown:
    """Return what the end of a channel means to whoever published over it."""
    return Unknown(f"RabbitMQ may or may not have taken it: {error}")
