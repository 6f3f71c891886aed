"""One connection to RabbitMQ: the greeting, frames in and out, heartbeats, and the alarms that the broker tells of.

An own protocol over asyncio instead of a client library: libraries pay a task or a queue for every frame, and close a
channel when a waiting call is cancelled; here a cancelled call costs nothing, and a batch is one write.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, cast

import msgspec
from pamqp import commands
from pamqp import frame as pamqp_frame
from pamqp.base import Frame
from pamqp.header import ProtocolHeader

from forebay.queue.drivers.rabbitmq import frames
from forebay.queue.drivers.rabbitmq.channel import Channel, Closed
from forebay.version import __version__

_HEARTBEAT = frames.START.pack(frames.HEARTBEAT, 0, 0) + frames.END
_CAPABILITIES = {
    "authentication_failure_close": True,
    "basic.nack": True,
    "connection.blocked": True,
    "consumer_cancel_notify": True,
    "publisher_confirms": True,
}


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Where a broker is, and who we are there.

    Arguments:
        host, port: of the broker.
        user, password: of ours; the password is in no text.
        vhost: the virtual host.
        encryption: of the connection; None: none.
        heartbeat: seconds after which a silent peer is asked; after two of them without an answer it is given up.
    """

    host: str
    port: int
    user: str
    password: str
    vhost: str
    encryption: ssl.SSLContext | None
    heartbeat: int

    def __repr__(self) -> str:
        """Return the account without its password."""
        return f"{self.user}@{self.host}:{self.port}"


class Connection(asyncio.Protocol):
    """A connection from its greeting to its end; made by :func:`connect`.

    Attributes:
        closed: why it is no more; None: it is open.
        blocked: why the broker takes no messages now; empty: it takes them.
        server: what the broker says of itself.
    """

    def __init__(self, account: Account, purpose: str) -> None:
        self.closed: Closed | None = None
        self.blocked = ""
        self.server: dict[str, Any] = {}
        self.frame_max = 131_072
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._account = account
        self._purpose = purpose
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._channels: dict[int, Channel] = {}
        self._number = 0
        self._loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._heartbeat = 0.0
        self._pulse: asyncio.TimerHandle | None = None
        self._heard_at = self._wrote_at = self._loop.time()

    async def channel(self, confirming: bool = False) -> Channel:
        """Open a channel.

        Arguments:
            confirming: whether the broker is to confirm what is published over it.

        Raises:
            Closed: the connection is no more, or the broker allows no further channel.
        """
        if self.closed is not None:
            raise self.closed
        self._number = next(n for n in range(1, 65_536) if n not in self._channels)
        channel = self._channels[self._number] = Channel(self, self._number)
        opened = channel.ask(commands.Channel.Open())
        try:
            if confirming:
                await channel.ask(commands.Confirm.Select())
            await opened
        except BaseException:
            channel.close()
            raise
        return channel

    def write(self, data: bytes) -> None:
        """Send bytes; what cannot be sent any more is dropped, for its channel has failed already."""
        if self._transport is not None and self.closed is None:
            self._wrote_at = self._loop.time()
            self._transport.write(data)

    def forget(self, number: int) -> None:
        """Let a channel's number be used again."""
        self._channels.pop(number, None)

    async def close(self, seconds: float = 2.0) -> None:
        """Say good-bye and let go; a broker that does not answer is not waited for."""
        if self.closed is None:
            self._send(0, commands.Connection.Close(200, "done", 0, 0))
            await asyncio.wait([self._gone], timeout=seconds)
            self.abort("the connection was closed")

    def abort(self, why: str, code: int = 0) -> None:
        """Let go of the connection at once."""
        if self.closed is not None:
            return
        self.closed = Closed(code, why)
        self._gone.set_result(None)
        if self._pulse is not None:
            self._pulse.cancel()
        if self._transport is not None:
            self._transport.abort()
        if not self.ready.done():
            self.ready.set_exception(self.closed)
            self.ready.exception()
        for channel in list(self._channels.values()):
            if channel.closed is None:
                channel.end(self.closed)
        self._channels.clear()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the broker."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by their class
        self._transport.set_write_buffer_limits(high=1 << 20)
        self._transport.write(ProtocolHeader().marshal())

    def connection_lost(self, error: Exception | None) -> None:
        """Fail all that waits for the broker."""
        self.abort(f"the connection was lost{f': {error}' if error else ''}")

    def data_received(self, data: bytes) -> None:
        """Take frames apart and pass each to its channel."""
        self._heard_at = self._loop.time()
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        try:
            while end - at >= frames.OVERHEAD:
                kind, number, size = frames.START.unpack_from(data, at)
                after = at + size + frames.OVERHEAD
                if after > end:
                    break
                self._dispatch(kind, number, data, at, after)
                at = after
        except Exception as broken:  # whatever it is, what follows in the stream could not be trusted
            self.abort(f"the broker sent what cannot be read: {broken!r}")
            return
        self._rest = data[at:]

    def _dispatch(self, kind: int, number: int, data: bytes, at: int, after: int) -> None:
        if data[at : at + 4] == b"AMQP":
            raise ValueError("the broker speaks another version of AMQP")
        if data[after - 1] != 0xCE:
            raise ValueError("a frame without an end")
        if kind == frames.HEARTBEAT:
            return
        if number:
            if (channel := self._channels.get(number)) is not None:
                channel.hear(kind, data[at + 7 : after - 1], data[at:after] if kind == frames.METHOD else b"")
        else:
            self._hear(pamqp_frame.unmarshal(data[at:after])[2])

    def _hear(self, said: object) -> None:
        """Answer what concerns the whole connection."""
        match said:
            case commands.Connection.Start():
                self._introduce(said)
            case commands.Connection.Tune():
                self._tune(said)
            case commands.Connection.OpenOk():
                self.ready.set_result(None)
            case commands.Connection.Blocked():
                self.blocked = str(said.reason or "an alarm")
            case commands.Connection.Unblocked():
                self.blocked = ""
            case commands.Connection.Close():
                self._send(0, commands.Connection.CloseOk())
                self.abort(said.reply_text, said.reply_code or 0)
            case commands.Connection.CloseOk():
                self.abort("the connection was closed")

    def _introduce(self, start: commands.Connection.Start) -> None:
        self.server = dict(start.server_properties or {})
        ours: dict[str, Any] = {
            "product": "forebay",
            "version": __version__,
            "connection_name": self._purpose,
            "capabilities": _CAPABILITIES,
        }
        response = f"\0{self._account.user}\0{self._account.password}"
        self._send(0, commands.Connection.StartOk(ours, "PLAIN", response, "en_US"))

    def _tune(self, tune: commands.Connection.Tune) -> None:
        self.frame_max = min(tune.frame_max or self.frame_max, self.frame_max)
        ours, theirs = self._account.heartbeat, tune.heartbeat or 0
        self._heartbeat = min(ours, theirs) if theirs else ours
        self._send(0, commands.Connection.TuneOk(tune.channel_max, self.frame_max, int(self._heartbeat)))
        self._send(0, commands.Connection.Open(self._account.vhost))
        self._pulse = self._loop.call_later(self._heartbeat / 2, self._beat)

    def _send(self, number: int, frame: Frame) -> None:
        self.write(pamqp_frame.marshal(frame, number))

    def _beat(self) -> None:
        """Show that we live, and give up a peer that has been silent for two heartbeats."""
        now = self._loop.time()
        if now - self._heard_at > 2 * self._heartbeat + 1:
            self.abort("the broker is silent")
            return
        if now - self._wrote_at > self._heartbeat / 3:
            self.write(_HEARTBEAT)
        self._pulse = self._loop.call_later(self._heartbeat / 2, self._beat)


async def connect(account: Account, purpose: str, seconds: float) -> Connection:
    """Open a connection.

    Arguments:
        account: where, and as whom.
        purpose: shown by the broker's own tools.
        seconds: until the broker must have answered.

    Raises:
        Closed: the broker refuses. OSError: it cannot be reached. TimeoutError: it does not answer.
    """
    loop = asyncio.get_running_loop()
    connection = Connection(account, purpose)
    try:
        async with asyncio.timeout(seconds):
            await loop.create_connection(lambda: connection, account.host, account.port, ssl=account.encryption)
            await connection.ready
    except BaseException:
        connection.abort("it could not be opened")
        raise
    return connection
