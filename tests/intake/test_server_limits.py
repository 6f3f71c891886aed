"""What a server does with clients that are slow, too many, or send what is not HTTP."""

import asyncio
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay.intake import connection
from forebay.intake.http import Response

POST = b"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"


ABUSE = {
    "not http": (b"hello\r\n\r\n", 400),
    "http/0.9": (b"GET /\r\n\r\n", 505),
    "http/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "http/2.0": (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "http/3.7": (b"GET / HTTP/3.7\r\nHost: a\r\n\r\n", 400),
    "unknown method": (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "connect": (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "the same host twice": (b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400),
    "length and chunks": (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks and length": (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "a list of lengths": (HEAD + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    "negative length": (HEAD + b"Content-Length: -1\r\n\r\n", 400),
    "length in words": (HEAD + b"Content-Length: three\r\n\r\n", 400),
    "length beyond any integer": (HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
    "length too large": (HEAD + b"Content-Length: 262145\r\n\r\n", 413),
    "length too large, expecting": (HEAD + b"Expect: 100-continue\r\nContent-Length: 262145\r\n\r\n", 413),
    "another expectation": (HEAD + b"Expect: miracle\r\nContent-Length: 1\r\n\r\n", 417),
    "chunks too large": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"10000\r\n%b\r\n" % (b"x" * 65536) * 5, 413),
    "endless chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n" + b"x" * 300_000, 413),
    "chunk size overflow": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\nx", 400),
    "bad chunk size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "negative chunk size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
    "unknown coding": (HEAD + b"Transfer-Encoding: zip\r\n\r\n", 400),
    "chunked, then another coding": (HEAD + b"Transfer-Encoding: chunked, zip\r\n\r\n", 400),
    "space before colon": (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "folded header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400),
    "NUL in a header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    "NUL in the target": (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "bare carriage return": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
    "long target": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "endless target": (b"GET /" + b"a" * 500_000, 414),
    "long header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 17_000 + b"\r\n\r\n", 431),
    "endless header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 500_000, 431),
    "many headers": (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 101 + b"\r\n", 431),
    "many trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: a\r\n" * 101 + b"\r\n", 431),
    "endless trailer": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"a" * 4_000_000, 413),
    "endless chunk extension": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 4_000_000, 413),
}


@pytest.fixture(autouse=True)
def _reads_on_for_long(monkeypatch):
    """Give who was refused the time to read why, also where the machine stands still meanwhile."""
    monkeypatch.setattr(connection, "LINGER_SECONDS", 30.0)


@pytest.mark.parametrize("name", ABUSE)
async def test_abuse_is_answered_and_the_connection_closed(name, site, open_server):
    data, expected = ABUSE[name]
    async with open_server(site) as (server, connect):
        client = await connect()
        sending = asyncio.ensure_future(client.send(data))
        status, headers, body = await client.answer()
        assert status == expected
        assert headers["connection"] == "close"
        assert headers["content-type"] == "application/problem+json"
        assert b"Traceback" not in body
        assert server.refused[expected] == 1
        assert site.requests == []
        client.writer.close()
        await asyncio.wait([sending])
        sending.exception()


async def test_a_target_that_nobody_has_escaped_is_refused_with_that_reason(site, open_server):
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send("GET /save?q=привет HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        status, _, body = await client.answer()
        assert (status, b"must be escaped" in body) == (400, True)


async def test_a_client_that_is_still_sending_gets_to_read_why_it_was_refused(site, open_server):
    async with open_server(site, max_body=1000) as (_, connect):
        client = await connect()
        await client.send(HEAD + b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
        assert (await client.answer())[0] == 413
        assert await client.ended() == b""


SLOW = {
    "half a request line": b"POST /or",
    "half a header": b"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Le",
    "half a body": b"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{",
    "half a chunk": b"POST /orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
}


@pytest.mark.parametrize("name", SLOW)
async def test_a_slow_request_is_answered_408(name, site, open_server):
    async with open_server(site, receive_seconds=0.2) as (server, connect):
        client = await connect()
        await client.send(SLOW[name])
        status, headers, _ = await client.answer()
        assert (status, headers["connection"]) == (408, "close")
        assert server.refused[408] == 1
        assert site.requests == []


async def test_a_byte_now_and_then_does_not_move_the_deadline(site, open_server):
    async with open_server(site, receive_seconds=0.3) as (_, connect):
        client = await connect()

        async def drip():
            for byte in b"POST /orders HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 50:
                await client.send(bytes([byte]))
                await asyncio.sleep(0.02)

        dripping = asyncio.ensure_future(drip())
        assert (await client.answer())[0] == 408
        dripping.cancel()


async def test_a_slow_site_is_not_the_clients_fault(site, open_server):
    site.holds = True
    async with open_server(site, receive_seconds=0.1, idle_seconds=0.1) as (_, connect):
        client = await connect()
        await client.send(POST)
        await site.until_held(1)
        await asyncio.sleep(0.4)
        site.held[0](Response(200, b"at last"))
        assert (await client.answer())[2] == b"at last"


async def test_a_request_that_we_do_not_read_on_is_not_slow(site, open_server):
    site.holds = True
    begun, rest = (GET % 3)[:9], (GET % 3)[9:]
    async with open_server(site, receive_seconds=0.1, max_pipelined=1) as (_, connect):
        client = await connect()
        await client.send(GET % 1 + GET % 2 + begun)
        await site.until_held(1)
        await client.send(rest)
        await asyncio.sleep(0.4)
        for n in range(3):
            await site.until_held(n + 1)
            site.held[n](Response(200, str(n).encode()))
            assert (await client.answer())[::2] == (200, str(n).encode())


async def test_an_idle_connection_is_closed_without_a_word(site, open_server):
    async with open_server(site, idle_seconds=0.2) as (_, connect):
        fresh, used = await connect(), await connect()
        await used.send(POST)
        await used.answer()
        assert await fresh.ended() == b""
        assert await used.ended() == b""


async def test_too_many_connections_are_told_to_come_later(site, open_server):
    async with open_server(site, max_connections=2) as (_, connect):
        kept = [await connect(), await connect()]
        for client in kept:
            await client.send(POST)
            await client.answer()
        third = await connect()
        status, headers, _ = await third.answer()
        assert (status, headers["retry-after"]) == (503, "1")
        await kept[0].send(POST)
        assert (await kept[0].answer())[0] == 200


PIECES = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"\r\n",
    b"Upgrade: x\r\nConnection: upgrade\r\n",
    b"HTTP/1.1",
    b"\0",
]


ANYTHING = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=200)), max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(pieces=ANYTHING)
async def test_whatever_bytes_come_the_server_answers_well_or_closes_and_lives_on(site, open_server, pieces):
    async with open_server(site, receive_seconds=60) as (_, connect):
        client = await connect()
        for piece in pieces:
            client.writer.write(piece)
        client.writer.write_eof()
        said = await client.ended()
        assert not said or said.startswith(b"HTTP/1.1 ")
        assert set(re.findall(rb"^HTTP/1\.1 (\d+)", said, re.MULTILINE)) <= {
            b"100", b"200", b"400", b"413", b"417", b"431", b"501", b"505"
        }  # fmt: skip
        other = await connect()
        await other.send(POST)
        assert (await other.answer())[0] == 200
