"""Hears that something has become ready, on a connection of its own: idle receivers need not ask again and again.

A bell that is missed costs time, never a message: receivers ask whenever they are called, and when something is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions
from redis.asyncio.connection import Connection

from forebay.errors import Unavailable
from forebay.queue.drivers.redis.failures import refusal
from forebay.redisserver.address import Address
from forebay.redisserver.failures import broken
from forebay.redisserver.wire import connection_to


class Bell:
    """The channel of one group; opened by the first receiver who finds nothing.

    Arguments:
        address: of the server.
        channel: its name.
    """

    def __init__(self, address: Address, channel: str) -> None:
        self._address = address
        self._channel = channel
        self._waiting: set[asyncio.Event] = set()
        self._listener: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[None] | None = None
        self._number = 0

    async def open(self, number: int) -> None:
        """Return once whatever rings is heard.

        Arguments:
            number: of the connection that asks; with another one than before the server may be another as well.

        Raises:
            Unavailable: the server cannot be reached, or does not let us listen.
        """
        while (listener := self._listener) is not None and self._number != number:
            listener.cancel()
            await asyncio.wait({listener})
        if self._listener is None:
            self._number = number
            self._opened = asyncio.get_running_loop().create_future()
            self._listener = asyncio.get_running_loop().create_task(self._listen(self._opened))
        assert self._opened is not None
        await asyncio.shield(self._opened)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """Have an event that is set whenever the bell rings, breaks or is closed."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)

    def ring(self) -> None:
        """Wake all receivers of this process."""
        for event in self._waiting:
            event.set()

    async def close(self) -> None:
        """Stop listening, and wake all receivers."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener})
        self.ring()

    async def _listen(self, opened: asyncio.Future[None]) -> None:
        connection = connection_to(self._address)
        try:
            await self._subscribe(connection)
            opened.set_result(None)
            while True:
                await connection.read_response(disconnect_on_error=False)
                self.ring()
        except exceptions.ResponseError as error:
            _fail(opened, refusal(error))
        except (OSError, TimeoutError, EOFError, exceptions.RedisError) as error:
            _fail(opened, broken(error, sent=False))
        finally:
            _fail(opened, Unavailable("the queue is closed"))
            self._listener = None
            await connection.disconnect(nowait=True)
            self.ring()  # they ask again, and open it anew

    async def _subscribe(self, connection: Connection) -> None:
        async with asyncio.timeout(self._address.timeout):
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command("SUBSCRIBE", self._channel)
            await connection.read_response(disconnect_on_error=False)


def _fail(opened: asyncio.Future[None], error: Exception) -> None:
    if not opened.done():
        opened.set_exception(error)
        opened.exception()  # perhaps nobody waits for it any more
