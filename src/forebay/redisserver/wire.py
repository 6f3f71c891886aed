"""One connection for many calls at once: written in the order of the calls, answered in that order.

A reader of its own takes the answers, so that no caller who is cancelled leaves half an answer behind, and calls that
come together go out together. A call is never repeated here: what was sent and not answered is `Unknown`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from redis import exceptions
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from forebay.errors import Unavailable
from forebay.redisserver.address import Address
from forebay.redisserver.failures import broken, no_entry

LARGEST_READ = 1 << 18
"""Bytes taken from the socket at once."""


def connection_to(address: Address) -> Connection:
    """Return a connection that is not open yet, and repeats nothing by itself."""
    return (SSLConnection if address.tls else Connection)(
        **address.settings,
        socket_timeout=None,  # the wire has its own; this one would break an idle connection
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        protocol=2,
        socket_read_size=LARGEST_READ,
    )


class Wire:
    """Calls of one kind to one server; opened by the first of them, and anew after it broke.

    Arguments:
        address: of the server.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Connection | None = None
        self._opening: asyncio.Task[Connection] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._unsent: list[tuple[list[bytes], asyncio.Future[Any]]] = []
        self._unanswered: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._breaking: asyncio.Task[None] | None = None
        self._closed = False
        self._opened = 0

    async def call(self, *words: str | bytes | float) -> Any:
        """Return the answer to a command.

        Raises:
            Unavailable: it was not sent. Unknown: it was, and nobody answered. ResponseError: the server refused it.
        """
        while (connection := self._connection) is None:
            await self._open()
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._unsent.append((connection.pack_command(*words), answer))
        self._write_soon()
        return await answer

    @property
    def current(self) -> int:
        """The number of the connection that is open; 0: none is."""
        return self._opened if self._connection is not None else 0

    async def close(self) -> None:
        """Break the connection; whoever waits for an answer hears that it is unknown."""
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait({self._opening})
        if self._connection is not None:
            await self._break(self._connection, Unavailable("it was closed"))
        tasks = {task for task in (self._reader, self._writer, self._breaking) if task is not None}
        if tasks:
            await asyncio.wait(tasks)

    async def _open(self) -> Connection:
        if self._closed:
            raise Unavailable("the connection to Redis is closed")
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._connect())
        try:
            return await asyncio.shield(self._opening)
        except asyncio.CancelledError:
            if self._closed:
                raise Unavailable("the connection to Redis is closed") from None
            raise

    async def _connect(self) -> Connection:
        connection = connection_to(self._address)
        try:
            async with asyncio.timeout(self._address.timeout):
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException as error:
            await connection.disconnect(nowait=True)
            raise no_entry(error) from error
        finally:
            self._opening = None
        self._connection = connection
        self._opened += 1
        self._reader = asyncio.get_running_loop().create_task(self._read(connection))
        return connection

    def _write_soon(self) -> None:
        if self._writer is None and self._connection is not None:
            self._writer = asyncio.get_running_loop().create_task(self._write(self._connection))

    async def _write(self, connection: Connection) -> None:
        try:
            await asyncio.sleep(0)  # let all calls of this turn of the loop come along
            while self._unsent and self._connection is connection:
                batch, self._unsent = self._unsent, []
                now = asyncio.get_running_loop().time()
                self._unanswered.extend((now, answer) for _, answer in batch)
                if self._watch is None:
                    self._look_later()
                chunks = [chunk for packed, _ in batch for chunk in packed]
                await connection.send_packed_command(chunks, check_health=False)
        except (OSError, exceptions.RedisError) as error:
            await self._break(connection, error)
        finally:
            if self._writer is asyncio.current_task():
                self._writer = None
                if self._unsent:
                    self._write_soon()

    async def _read(self, connection: Connection) -> None:
        leaving = False
        try:
            while True:
                if leaving and not self._unanswered:
                    raise ConnectionError("it leads to a replica; the master is another server now")
                try:
                    reply = await connection.read_response(disconnect_on_error=False)
                except (exceptions.ResponseError, exceptions.BusyLoadingError, exceptions.AuthenticationError) as error:
                    reply = error
                    leaving = leaving or isinstance(error, exceptions.ReadOnlyError)
                _, answer = self._unanswered.popleft()
                if answer.done():  # its caller was cancelled
                    continue
                if isinstance(reply, Exception):
                    answer.set_exception(reply)
                else:
                    answer.set_result(reply)
        except (OSError, EOFError, IndexError, exceptions.RedisError) as error:
            await self._break(connection, error)

    async def _break(self, connection: Connection, error: BaseException) -> None:
        """Let go of a connection: what was sent is unknown, what was not certainly did not happen."""
        if self._connection is connection:
            self._connection = None
            if self._watch is not None:
                self._watch.cancel()
                self._watch = None
            for _, answer in self._unanswered:
                if not answer.done():
                    answer.set_exception(broken(error, sent=True))
            for _, answer in self._unsent:
                if not answer.done():
                    answer.set_exception(broken(error, sent=False))
            self._unanswered.clear()
            self._unsent.clear()
            for task in (self._reader, self._writer):
                if task is not None and task is not asyncio.current_task():
                    task.cancel()
            self._writer = None  # one that has not begun would never say that it has ended
        await connection.disconnect(nowait=True)

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(self._address.timeout / 4, self._look)

    def _look(self) -> None:
        """Break a connection whose server keeps silent."""
        self._watch = None
        if not self._unanswered or self._connection is None:
            return
        late = asyncio.get_running_loop().time() - self._unanswered[0][0]
        if late < self._address.timeout:
            self._look_later()
            return
        silent = TimeoutError(f"no answer within {self._address.timeout:g} s")
        self._breaking = asyncio.get_running_loop().create_task(self._break(self._connection, silent))
