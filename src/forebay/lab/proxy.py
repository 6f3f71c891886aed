"""A TCP proxy that spoils what runs through it: ``async with Proxy(6379) as proxy: proxy.add(Latency(0.2))``.

Toxics come and go while connections stand (what there is: :mod:`forebay.lab.toxics`). The server behind it may end and
come back; a client that connects meanwhile is broken off, as by a closed port. By hand:

    python -m forebay.lab.proxy 7000 6379 latency=200ms,50ms slicer=10 downstream:timeout=0s
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Self

from forebay.errors import UsageError
from forebay.lab.servers.process import free_port
from forebay.lab.toxics import Bandwidth, Latency, LimitData, ResetPeer, Slicer, Stream, Timeout, Toxic
from forebay.quantity import duration, size

PIECE = 64 * 1024
PIECES_READ_AHEAD = 64


class Proxy:
    """A listening port on the loopback interface that leads to another one, through the toxics it was given.

    Arguments:
        upstream: port of the server.
        host: of the server.
        port: to listen on; None: a free one.
    """

    def __init__(self, upstream: int, host: str = "127.0.0.1", port: int | None = None) -> None:
        self.upstream = upstream
        self.host = host
        self.port = port or free_port()
        self._toxics: list[tuple[Toxic, frozenset[Stream]]] = []
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        """How many connections run through it now."""
        return len(self._connections)

    def add(self, toxic: Toxic, *streams: Stream) -> Toxic:
        """Spoil these streams, or both, with a toxic from now on; the one added first is met first."""
        self._toxics.append((toxic, frozenset(streams or Stream)))
        return toxic

    def remove(self, toxic: Toxic) -> None:
        """Take a toxic away; what it held back goes on."""
        self._toxics = [(other, streams) for other, streams in self._toxics if other is not toxic]
        toxic.gone.set()

    @contextlib.contextmanager
    def spoiled(self, toxic: Toxic, *streams: Stream) -> Iterator[Toxic]:
        """Have a toxic for the length of a block."""
        yield self.add(toxic, *streams)
        self.remove(toxic)

    def toxics(self, stream: Stream) -> Sequence[Toxic]:
        """Return the toxics of one direction, in the order in which they are met."""
        return [toxic for toxic, streams in self._toxics if stream in streams]

    def reset(self) -> None:
        """Break every connection off (RST); new ones are taken."""
        for connection in list(self._connections):
            connection.end(abruptly=True)

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self) -> None:
        """Listen."""
        self._listening = await asyncio.start_server(self._take, "127.0.0.1", self.port)

    async def down(self) -> None:
        """Close the port and break every connection off: nothing is there until `up`."""
        if self._listening is not None:
            self._listening.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._listening is not None:
            await self._listening.wait_closed()
            self._listening = None

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda task: _abort(writer) if task.cancelled() else None)  # it may not have begun

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(self.host, self.upstream)
        except BaseException as error:
            _abort(writer)
            if isinstance(error, OSError):
                return  # the server is away
            raise
        connection = _Connection(self, (reader, writer), there)
        self._connections.add(connection)
        try:
            await connection.carry()
        finally:
            self._connections.discard(connection)
            for toxic, _ in self._toxics:
                toxic.ended(connection.number)


_numbers = itertools.count(1)
_End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Connection:
    """A client, the server, and the two streams between them."""

    def __init__(self, proxy: Proxy, client: _End, server: _End) -> None:
        self.number = next(_numbers)
        self.over = asyncio.Event()
        self._abruptly = True  # unless somebody says otherwise: it was cancelled
        self._writers = (client[1], server[1])
        self._passages = (
            _Passage(self, proxy, Stream.UPSTREAM, client[0], server[1]),
            _Passage(self, proxy, Stream.DOWNSTREAM, server[0], client[1]),
        )

    async def carry(self) -> None:
        """Carry both streams until one of them ends."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(work) for p in self._passages for work in (p.read_on(), p.write_on())]
        try:
            await self.over.wait()
        finally:
            for task in tasks:
                task.cancel()
            for writer in self._writers:  # before anything is awaited: we may be cancelled here as well
                _abort(writer) if self._abruptly else writer.close()
            await asyncio.wait(tasks)

    def end(self, *, abruptly: bool) -> None:
        """End it: with an RST, or in order."""
        if not self.over.is_set():
            self._abruptly = abruptly
            self.over.set()


class _Passage:
    """One direction of a connection: read ahead, spoiled piece by piece, written on."""

    def __init__(
        self,
        connection: _Connection,
        proxy: Proxy,
        stream: Stream,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.stream = stream
        self.arrived = 0.0
        self._connection = connection
        self._proxy = proxy
        self._reader = reader
        self._writer = writer
        self._pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(PIECES_READ_AHEAD)

    @property
    def connection(self) -> int:
        return self._connection.number

    def reset(self) -> None:
        self._connection.end(abruptly=True)

    def close(self) -> None:
        self._connection.end(abruptly=False)

    async def read_on(self) -> None:
        """Note when each piece came; an empty one is the end."""
        loop = asyncio.get_running_loop()
        try:
            while piece := await self._reader.read(PIECE):
                await self._pieces.put((loop.time(), piece))
            await self._pieces.put((loop.time(), b""))
        except OSError:
            self.reset()

    async def write_on(self) -> None:
        """Pass on what the toxics leave."""
        try:
            while True:
                self.arrived, piece = await self._pieces.get()
                if not piece:
                    return self.close()
                async for part in _spoiled(piece, self, self._proxy.toxics(self.stream)):
                    self._writer.write(part)
                    await self._writer.drain()
        except OSError:
            self.reset()


async def _spoiled(piece: bytes, passage: _Passage, toxics: Sequence[Toxic]) -> AsyncIterator[bytes]:
    if not toxics:
        yield piece
        return
    async for part in toxics[0].spoil(piece, passage):
        async for rest in _spoiled(part, passage, toxics[1:]):
            yield rest


def _abort(writer: asyncio.StreamWriter) -> None:
    """Close a socket so that its peer gets an RST: what was under way is thrown away."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def toxic_of(words: str) -> tuple[Toxic, Sequence[Stream]]:
    """Return the toxic that words such as ``downstream:latency=200ms,50ms`` mean, and its streams (none: both).

    Raises:
        UsageError: there is no such toxic or stream, or a figure cannot be read.
    """
    left, _, figures = words.partition("=")
    where, _, name = left.rpartition(":")
    kinds: Mapping[str, Callable[[list[str]], Toxic]] = {
        "latency": lambda texts: Latency(*map(duration, texts)),
        "bandwidth": lambda texts: Bandwidth(*map(size, texts)),
        "slicer": lambda texts: Slicer(size(texts[0]), *map(duration, texts[1:])),
        "timeout": lambda texts: Timeout(*map(duration, texts)),
        "reset_peer": lambda texts: ResetPeer(*map(duration, texts)),
        "limit_data": lambda texts: LimitData(*map(size, texts)),
    }
    try:
        return kinds[name](figures.split(",")), [Stream(where)] if where else []
    except (KeyError, ValueError, TypeError, IndexError, UsageError) as error:
        known = ", ".join(kinds)
        raise UsageError(f"{words!r} is no toxic", f"known: {known}; as in downstream:latency=200ms,50ms") from error


async def _serve(port: int, upstream: int, toxics: Sequence[str]) -> None:
    async with Proxy(upstream, port=port) as proxy:
        for words in toxics:
            toxic, streams = toxic_of(words)
            proxy.add(toxic, *streams)
        print(f"127.0.0.1:{port} leads to 127.0.0.1:{upstream} {' '.join(toxics)}", flush=True)
        await asyncio.get_running_loop().create_future()


def main(arguments: Sequence[str]) -> int:
    """Run a proxy until it is interrupted; return the exit code."""
    try:
        port, upstream = map(int, arguments[:2])
    except ValueError:
        print("usage: python -m forebay.lab.proxy PORT UPSTREAM-PORT [TOXIC ...]", file=sys.stderr)
        return 2
    try:
        asyncio.run(_serve(port, upstream, arguments[2:]))
    except UsageError as error:
        print(f"{error.what}\n{error.hint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
