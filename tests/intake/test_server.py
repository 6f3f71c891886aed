import asyncio
import socket
import struct
from email.utils import parsedate_to_datetime
from functools import partial

import pytest

from forebay.intake.http import Response
from forebay.intake.server import serve

POST = b"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"


GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


async def test_a_connection_is_kept_for_the_next_request(site, open_server):
    async with open_server(site) as (server, connect):
        client = await connect()
        for _ in range(3):
            await client.send(POST)
            status, headers, body = await client.answer()
            assert (status, body) == (200, b"{}")
            assert "connection" not in headers
        assert server.connections == 1


async def test_an_answer_tells_date_type_and_length(site, open_server):
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(POST)
        _, headers, _ = await client.answer()
        assert parsedate_to_datetime(headers["date"]).year >= 2024
        assert headers["content-type"] == "application/json"
        assert headers["content-length"] == "2"


async def test_pipelined_requests_are_answered_in_their_order_whatever_the_order_of_the_answers(site, open_server):
    site.holds = True
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(b"".join(GET % n for n in range(5)))
        await until(lambda: len(site.held) == 5)
        for n in (3, 1, 4, 0, 2):
            site.held[n](Response(200, str(n).encode()))
        assert [(await client.answer())[2] for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


async def test_reading_pauses_while_too_many_requests_are_in_hand_and_none_is_forgotten(site, open_server):
    site.holds = True
    count = 1000
    async with open_server(site, max_pipelined=4) as (_, connect):
        client = await connect()
        sending = asyncio.ensure_future(client.send(b"".join(GET % n for n in range(count))))
        await until(lambda: site.held)
        for n in range(count):
            await until(partial(lambda n: len(site.held) > n, n))
            assert len(site.held) <= n + 4
            site.held[n](Response(200, str(n).encode()))
            assert (await client.answer())[2] == str(n).encode()
        await sending


async def test_a_body_may_come_in_chunks_and_in_pieces(site, open_server):
    async with open_server(site) as (_, connect):
        client = await connect()
        message = (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3;x=y\r\nabc\r\n4\r\ndefg\r\n0\r\nTrailer: 1\r\n\r\n"
        )
        for n in range(len(message)):
            await client.send(message[n : n + 1])
            if n % 20 == 0:
                await asyncio.sleep(0)
        assert (await client.answer())[2] == b"abcdefg"


async def test_continue_is_said_before_the_body_is_sent(site, open_server):
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"ok")
        assert (await client.answer())[2] == b"ok"


async def test_continue_does_not_overtake_an_earlier_answer(site, open_server):
    site.holds = True
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(GET % 1 + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        await until(lambda: site.held)
        site.held[0](Response(200, b"first"))
        assert (await client.answer())[2] == b"first"
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_head_is_told_the_length_and_sent_no_body(site, open_server):
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(b"HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n" + GET % 7)
        _, headers, _ = await client.answer(bodiless=True)
        assert headers["content-length"] == "4"
        assert (await client.answer())[2] == b"/7"


async def test_connection_close_is_obeyed_and_said(site, open_server):
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        _, headers, _ = await client.answer()
        assert headers["connection"] == "close"
        assert await client.ended() == b""


async def test_http_1_0_is_closed_unless_it_asks_otherwise(site, open_server):
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(b"GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        _, headers, _ = await client.answer()
        assert headers["connection"] == "keep-alive"
        await client.send(b"GET /old HTTP/1.0\r\n\r\n")
        _, headers, body = await client.answer()
        assert (headers["connection"], body) == ("close", b"/old")
        assert await client.ended() == b""


async def test_a_half_closed_client_still_gets_its_answer(site, open_server):
    site.holds = True
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(POST)
        client.writer.write_eof()
        await until(lambda: site.held)
        await asyncio.sleep(0.02)
        site.held[0](Response(200, b"late"))
        assert (await client.answer())[2] == b"late"
        assert await client.ended() == b""


async def test_an_upgrade_is_ignored_and_the_connection_goes_on(site, open_server):
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n" + GET % 5)
        assert (await client.answer())[2] == b"/a"
        assert (await client.answer())[2] == b"/5"


UPGRADE = b"Connection: upgrade\r\nUpgrade: h2c\r\n"


async def test_a_body_behind_a_declined_upgrade_is_a_body_and_never_a_request(site, open_server):
    body = GET % 6
    async with open_server(site) as (_, connect):
        client = await connect()
        head = b"POST /a HTTP/1.1\r\nHost: a\r\n" + UPGRADE
        await client.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert (await client.answer())[2] == body
        await client.send(head + b"Transfer-Encoding: chunked\r\n\r\n3\r\nab")
        await client.send(b"c\r\n0\r\n\r\n" + GET % 7)
        assert (await client.answer())[2] == b"abc"
        assert (await client.answer())[2] == b"/7"
        assert len(site.requests) == 3


async def test_after_the_last_request_nothing_is_regarded_upgrade_or_not(site, open_server):
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: h2c\r\n\r\n" + GET % 6)
        assert (await client.answer())[2] == b"/a"
        assert await client.ended() == b""
        assert len(site.requests) == 1


async def test_many_upgrades_at_once_are_all_declined(site, open_server):
    async with open_server(site, max_pipelined=1000) as (_, connect):
        client = await connect()
        await client.send((b"GET / HTTP/1.1\r\nHost:\r\n" + UPGRADE + b"\r\n") * 600)
        for _ in range(600):
            assert (await client.answer())[0] == 200


async def test_paths_are_decoded_and_absolute_targets_understood(site, open_server):
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(b"GET http://a/b%20c?d=%20 HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.answer()
        assert (site.requests[0].path, site.requests[0].query) == ("/b c", "d=%20")


async def test_an_error_waits_for_the_answers_before_it(site, open_server):
    site.holds = True
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(GET % 1 + b"rubbish\r\n\r\n")
        await until(lambda: site.held)
        site.held[0](Response(200, b"good"))
        assert (await client.answer())[2] == b"good"
        assert (await client.answer())[0] == 400


async def test_a_client_that_does_not_read_is_paused_then_cut_off(open_server):
    class Large:
        answered = 0

        def handle(self, request, respond):
            self.answered += 1
            respond(Response(200, b"x" * 1_000_000))

    site = Large()
    async with open_server(site, send_seconds=0.3) as (server, connect):
        client = await connect()
        client.writer.write(b"".join(GET % n for n in range(5000)))
        await until(lambda: site.answered and server.connections == 0)
        assert site.answered < 5000


async def test_a_client_that_goes_away_before_its_answer_harms_nobody(site, open_server):
    site.holds = True
    async with open_server(site) as (server, connect):
        client = await connect()
        await client.send(POST + POST)
        await until(lambda: len(site.held) == 2)
        connection = client.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
        client.writer.transport.abort()
        await until(lambda: server.connections == 0)
        site.held[0](Response(200, b"late"))
        site.held[1](Response(200, b"late"))
        site.holds = False
        other = await connect()
        await other.send(POST)
        assert (await other.answer())[0] == 200


async def test_a_second_answer_to_one_request_is_ignored(site, open_server):
    site.holds = True
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(GET % 1)
        await until(lambda: site.held)
        site.held[0](Response(200, b"first"))
        site.held[0](Response(200, b"second"))
        await client.send(GET % 2)
        await until(lambda: len(site.held) == 2)
        site.held[1](Response(200, b"third"))
        assert [(await client.answer())[2] for _ in range(2)] == [b"first", b"third"]


async def test_text_with_a_line_break_never_becomes_a_header(site, open_server):
    site.holds = True
    async with open_server(site) as (_, connect):
        client = await connect()
        await client.send(GET % 1)
        await until(lambda: site.held)
        site.held[0](Response(200, b"", ((b"location", b"/a\r\nset-cookie: b"),)))
        status, headers, _ = await client.answer()
        assert status == 500
        assert "set-cookie" not in headers


async def test_a_site_that_raises_becomes_a_500_without_details(open_server, caplog):
    class Broken:
        def handle(self, request, respond):
            raise RuntimeError("secret")

    async with open_server(Broken()) as (_, connect):
        client = await connect()
        await client.send(POST)
        status, _, body = await client.answer()
        assert status == 500
        assert b"secret" not in body
    assert "secret" in caplog.text


async def test_a_stop_answers_what_is_in_hand_and_closes_what_is_idle(site, open_server):
    site.holds = True
    async with open_server(site) as (server, connect):
        idle, busy, receiving = await connect(), await connect(), await connect()
        await busy.send(POST)
        await receiving.send(POST[:-1])
        await until(lambda: site.held)
        await until(lambda: server.connections == 3)
        stopping = asyncio.ensure_future(server.close(30))
        assert await idle.ended() == b""
        with pytest.raises(OSError):
            await connect()
        await receiving.send(POST[-1:])
        await until(lambda: len(site.held) == 2)
        for respond in site.held:
            respond(Response(200, b"in time"))
        for client in (busy, receiving):
            _, headers, body = await client.answer()
            assert (headers["connection"], body) == ("close", b"in time")
        await stopping


async def test_a_stop_does_not_wait_beyond_its_budget(site, open_server):
    site.holds = True
    async with open_server(site) as (server, connect):
        client = await connect()
        await client.send(POST)
        await until(lambda: site.held)
        await server.close(0.1)
        assert await client.ended() == b""
        assert server.connections == 0


async def test_two_servers_share_a_port_when_they_are_told_to(site):
    first = await serve(site, port=0, reuse_port=True)
    second = await serve(site, port=first.port, reuse_port=True)
    with pytest.raises(OSError):
        await serve(site, port=first.port)
    await first.close(0)
    await second.close(0)
