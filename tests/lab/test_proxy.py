import asyncio
import contextlib
import signal
import sys

import pytest

from forebay.errors import UsageError
from forebay.lab.proxy import Proxy, toxic_of
from forebay.lab.servers.process import free_port
from forebay.lab.toxics import (
    Bandwidth,
    Latency,
    LimitData,
    LostReply,
    ResetPeer,
    Slicer,
    Stream,
    Timeout,
    Toxic,
)

SOON = 0.2


class Echo:
    """A server that answers each line with itself, and remembers what it has read."""

    def __init__(self):
        self.port = free_port()
        self.read = b""
        self.open = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in self.open:
            writer.close()
        await self._server.wait_closed()

    async def _answer(self, reader, writer):
        self.open.add(writer)
        with contextlib.suppress(OSError):
            while piece := await reader.read(1 << 16):
                self.read += piece
                writer.write(piece)
                await writer.drain()
        writer.close()
        self.open.discard(writer)


class Client:
    def __init__(self, port):
        self._port = port

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def ask(self, text, within=30.0):
        self.writer.write(text)
        async with asyncio.timeout(within):
            return await self.reader.readexactly(len(text))


@pytest.fixture
async def echo():
    async with Echo() as server:
        yield server


@pytest.fixture
async def proxy(echo):
    async with Proxy(echo.port) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy):
    async with Client(proxy.port) as client:
        yield client


async def until(holds):
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.005)


@pytest.fixture
async def time_passes(monkeypatch):
    """Let so many seconds pass at once: the time of the loop goes by what the test says, not by the machine."""
    loop, real = asyncio.get_running_loop(), asyncio.get_running_loop().time
    return lambda seconds: monkeypatch.setattr(loop, "time", lambda: real() + seconds)


async def seconds_of(work):
    loop = asyncio.get_running_loop()
    began = loop.time()
    await work
    return loop.time() - began


async def test_without_toxics_everything_passes_as_it_is(client):
    big = bytes(range(256)) * 4096
    assert await client.ask(b"one\n") == b"one\n"
    sending = asyncio.ensure_future(client.ask(big))
    assert await sending == big


async def test_latency_delays_each_piece_and_keeps_the_rate(proxy, client):
    with proxy.spoiled(Latency(0.1), Stream.DOWNSTREAM):
        assert await seconds_of(client.ask(b"slow\n")) >= 0.1

        async def sixty():
            for _ in range(60):
                client.writer.write(b"x")
                await asyncio.sleep(0.003)
            await client.reader.readexactly(60)

        assert await seconds_of(sixty()) < 60 * 0.1  # they are delayed beside each other
    assert await client.ask(b"again\n") == b"again\n"


async def test_jitter_keeps_the_order(proxy, client):
    with proxy.spoiled(Latency(0.02, jitter=0.02)):
        for n in range(20):
            client.writer.write(bytes([n]))
            await asyncio.sleep(0.001)
        assert await client.reader.readexactly(20) == bytes(range(20))


async def test_bandwidth_lets_so_many_bytes_a_second_through(proxy, client):
    with proxy.spoiled(Bandwidth(10_000), Stream.UPSTREAM):
        assert await seconds_of(client.ask(b"x" * 3_000)) >= 0.3


async def test_a_slicer_sends_no_message_whole(proxy, client):
    with proxy.spoiled(Slicer(4, 0.02), Stream.DOWNSTREAM):
        client.writer.write(b"abcdefghijklmnopqrstuvwxyz")
        first = await client.reader.read(100)
        assert len(first) < 26
        assert first + await client.reader.readexactly(26 - len(first)) == b"abcdefghijklmnopqrstuvwxyz"


async def test_a_black_hole_holds_everything_until_it_is_removed(proxy, client, echo):
    with proxy.spoiled(Timeout()):
        with pytest.raises(TimeoutError):
            await client.ask(b"anybody?", SOON)
        assert echo.read == b""
    assert await client.reader.readexactly(8) == b"anybody?"


async def test_a_cut_of_one_direction_lets_requests_through_and_no_replies(proxy, client, echo):
    with proxy.spoiled(Timeout(), Stream.DOWNSTREAM):
        with pytest.raises(TimeoutError):
            await client.ask(b"done?", SOON)
        await until(lambda: echo.read == b"done?")
    assert await client.reader.readexactly(5) == b"done?"


async def test_a_timeout_with_seconds_closes_the_connection(proxy, client):
    with proxy.spoiled(Timeout(0.05)):
        client.writer.write(b"x")
        assert await client.reader.read() == b""


async def test_reset_peer_breaks_off(proxy, client):
    proxy.add(ResetPeer())
    client.writer.write(b"x")
    with pytest.raises(ConnectionResetError):
        await client.reader.read()


async def test_reset_peer_lets_pass_what_comes_before_its_time(proxy, client, time_passes):
    proxy.add(ResetPeer(3600))
    assert await client.ask(b"x") == b"x"
    time_passes(3600)
    with pytest.raises(ConnectionResetError):
        await client.reader.read()


async def test_limit_data_closes_after_so_many_bytes(proxy, client):
    proxy.add(LimitData(10), Stream.DOWNSTREAM)
    client.writer.write(b"0123456789abcdef")
    assert await client.reader.read() == b"0123456789"


async def test_a_lost_reply_means_that_the_server_has_done_it_and_the_client_does_not_know(proxy, client, echo):
    lost = proxy.add(LostReply(b"PUT", hold=0.02))
    assert await client.ask(b"GET a\n") == b"GET a\n"
    client.writer.write(b"PU")
    await client.reader.readexactly(2)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await client.ask(b"T a\n")
    assert echo.read.endswith(b"PUT a\n")
    assert (lost.lost, lost.happened.is_set()) == (1, True)
    async with Client(proxy.port) as again:  # the next one passes
        assert await again.ask(b"PUT a\n") == b"PUT a\n"


async def test_who_leaves_before_there_is_a_reply_loses_none_and_another_does(proxy, echo):
    lost = LostReply(b"PUT", hold=0.02)
    with proxy.spoiled(Timeout(), Stream.DOWNSTREAM):
        proxy.add(lost)
        async with Client(proxy.port) as hasty:
            hasty.writer.write(b"PUT a\n")
            await until(lambda: echo.read.endswith(b"PUT a\n"))
        await until(lambda: not proxy.connections)
        assert lost.lost == 0
    async with Client(proxy.port) as patient:
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await patient.ask(b"PUT b\n")
    assert (lost.lost, lost.happened.is_set()) == (1, True)


async def test_all_connections_can_be_broken_off_and_new_ones_pass(proxy, client):
    assert await client.ask(b"x") == b"x"
    assert proxy.connections == 1
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await client.reader.read()
    async with Client(proxy.port) as again:
        assert await again.ask(b"y") == b"y"


async def test_a_proxy_that_is_down_takes_nobody_until_it_is_up(proxy, client):
    await client.ask(b"x")
    await proxy.down()
    with pytest.raises(ConnectionResetError):
        await client.reader.read()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)
    await proxy.up()
    async with Client(proxy.port) as again:
        assert await again.ask(b"y") == b"y"


async def test_a_server_may_be_away_and_come_back():
    echo = Echo()
    async with Proxy(echo.port) as proxy:
        async with Client(proxy.port) as early:
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await early.ask(b"x")
        async with echo, Client(proxy.port) as late:
            assert await late.ask(b"x") == b"x"


async def test_an_end_at_one_side_is_an_end_at_the_other(proxy, client, echo):
    await client.ask(b"x")
    for writer in list(echo.open):
        writer.close()
    assert await client.reader.read() == b""


@pytest.mark.parametrize(
    ("words", "kind", "streams"),
    [
        ("latency=200ms,50ms", Latency, []),
        ("downstream:timeout=0s", Timeout, [Stream.DOWNSTREAM]),
        ("upstream:bandwidth=10KiB", Bandwidth, [Stream.UPSTREAM]),
        ("slicer=10,1ms", Slicer, []),
        ("reset_peer=1s", ResetPeer, []),
        ("limit_data=1KiB", LimitData, []),
    ],
)
def test_words_name_a_toxic(words, kind, streams):
    toxic, where = toxic_of(words)
    assert isinstance(toxic, kind)
    assert isinstance(toxic, Toxic)
    assert list(where) == streams


@pytest.mark.parametrize("words", ["poison=1s", "latency", "sideways:latency=1s", "latency=soon"])
def test_words_that_name_none_are_refused(words):
    with pytest.raises(UsageError) as refused:
        toxic_of(words)
    assert "latency" in refused.value.hint


async def test_it_runs_by_hand(echo):
    port = free_port()
    command = [sys.executable, "-m", "forebay.lab.proxy", str(port), str(echo.port), "latency=50ms"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert str(port).encode() in await process.stdout.readline()
    async with Client(port) as client:
        assert await seconds_of(client.ask(b"x")) >= 0.1
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 130
