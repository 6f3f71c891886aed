from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from forebay.errors import UsageError
from forebay.load import cannon as cannons
from forebay.load.firing import Firing
from forebay.load.profiles.shapes import Const, Sine
from forebay.load.results.run import Run
from forebay.load.shot import Kind, Outcome, Shot
from wire import Clock

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Id: 7\r\n\r\nok"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]


class Server:
    """A small HTTP server that answers as it is told, and remembers what it saw."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.connections = 0
        self.bodies: list[bytes] = []
        self.heads: list[bytes] = []
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.heads.append(head)
                self.bodies.append(body)
                await self.answer(reader, writer, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Server]:
    made, handlers = Server(answer), set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        await made.handle(reader, writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/orders?a=1"
    try:
        yield made
    finally:
        server.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await asyncio.sleep(0)


def saying(data: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        writer.write(data)

    return answer


async def hanging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
    await asyncio.Event().wait()


async def fire(url, profile, seconds, ammo, on_outcome=None, *, stop=None, **options) -> Run:
    return await cannons.fire(Firing(url, ammo, seconds, profile, **options), on_outcome, stop=stop)


def numbered(index: int) -> Shot:
    return Shot(body=str(index).encode(), id=f"shot-{index}")


def adds_up(run: Run) -> bool:
    series = run.series.values()
    return (
        run.in_flight == 0
        and run.planned == run.answered + run.refused + run.unknown
        and run.planned == sum(second.planned for second in series)
        and run.sent == sum(second.sent for second in series) == run.lag.count
        and run.answered == sum(sum(second.answered.values()) for second in series) == run.service.count
        and (run.refused, run.unknown) == (sum(s.refused for s in series), sum(s.unknown for s in series))
    )


async def test_every_shot_of_the_plan_is_fired_and_answered() -> None:
    outcomes: list[Outcome] = []
    async with serving(saying(OK)) as server:
        run = await fire(server.url, Sine(0, 100, 1), 1.5, numbered, outcomes.append, connections=20)
    expected = len(list(Sine(0, 100, 1).shots(1.5)))
    assert (run.planned, run.sent, run.accepted, dict(run.statuses)) == (expected, expected, expected, {200: expected})
    assert sorted(map(int, server.bodies)) == list(range(expected))
    assert {(o.kind, o.status, o.headers["x-id"], o.body) for o in outcomes} == {(Kind.ANSWERED, 200, "7", b"ok")}
    assert {o.id for o in outcomes} == {f"shot-{i}" for i in range(expected)}
    assert all(o.planned <= o.sent <= o.done for o in outcomes)
    assert server.connections <= 20  # they are kept alive
    assert server.heads[0].startswith(b"POST /orders?a=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert adds_up(run)
    assert not run.interrupted
    assert run.elapsed_seconds >= 1.5


async def test_what_is_not_answered_in_time_is_unknown_and_counts_with_its_age(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        if len(server.bodies) == 5:
            clock.ahead = 60
        await hanging(reader, writer, body)

    async with serving(never) as server:
        run = await fire(server.url, Const(20), 0.25, numbered, timeout=30)
    assert (run.planned, run.sent, run.unknown) == (5, 5, 5)
    assert dict(run.reasons) == {"no answer in time": 5}
    assert run.response.count == 5
    assert run.response.percentile(0) >= 30
    assert adds_up(run)


async def test_a_connection_that_ends_before_the_answer_leaves_the_shot_unknown() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        writer.write(OK[:20])
        writer.close()

    async with serving(close) as server:
        run = await fire(server.url, Const(40), 0.1, numbered)
    assert (run.unknown, run.answered) == (4, 0)
    assert adds_up(run)


async def test_where_nobody_listens_every_shot_is_refused_and_none_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        run = await fire(f"http://127.0.0.1:{taken.getsockname()[1]}/", Const(40), 0.1, numbered)
    assert (run.planned, run.sent, run.refused, run.unknown) == (4, 0, 4, 0)
    assert adds_up(run)


async def test_a_stall_is_in_the_response_time_of_all_that_had_to_wait_for_it() -> None:
    """Coordinated omission: with one connection only the first shot is slow by its service time."""
    first = asyncio.Event()

    async def stall_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        if not first.is_set():
            first.set()
            await asyncio.sleep(0.5)
        writer.write(OK)

    outcomes: list[Outcome] = []
    async with serving(stall_once) as server:
        run = await fire(server.url, Const(50), 0.4, numbered, outcomes.append, connections=1)
    assert server.connections == 1
    assert run.answered == 20
    last = max(outcomes, key=lambda o: o.index)
    assert last.response_seconds > 0.1  # planned at 0.38, answered after 0.5
    assert last.service_seconds < last.response_seconds
    assert run.response.percentile(50) > run.service.percentile(50)
    assert run.lag.max >= 0.4


async def test_shots_that_find_no_connection_in_time_are_refused_not_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        clock.ahead = 60  # in which all others are due, too
        await hanging(reader, writer, body)

    async with serving(never) as server:
        run = await fire(server.url, Const(100), 0.1, numbered, connections=1, timeout=30)
    assert (run.planned, run.refused) == (10, 9)
    assert run.sent == run.unknown == 1
    assert adds_up(run)


async def test_a_cancelled_run_returns_what_there_is() -> None:
    half_sent, answered = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def answer_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        if int(body) % 2:
            half_sent.set()
            await asyncio.Event().wait()
        writer.write(OK)

    def on_outcome(outcome: Outcome) -> None:
        loop.call_soon_threadsafe(answered.set)

    async with serving(answer_half) as server:
        running = asyncio.create_task(fire(server.url, Const(50), 60, numbered, on_outcome))
        await half_sent.wait()
        await answered.wait()
        running.cancel()
        run = await running
    assert run.interrupted
    assert run.unknown >= 1
    assert run.answered >= 1
    assert run.elapsed_seconds < 60
    assert adds_up(run)


async def test_a_run_that_is_cancelled_again_and_again_still_ends_with_its_figures() -> None:
    came = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        came.set()
        await hanging(reader, writer, body)

    async with serving(never) as server:
        running = asyncio.create_task(fire(server.url, Const(50), 60, numbered))
        await came.wait()
        while not running.done():  # in each turn of the loop until the very last
            running.cancel()
            await asyncio.sleep(0)
        run = await running
    assert run.interrupted
    assert run.unknown >= 1
    assert adds_up(run)


async def test_a_stopped_run_waits_for_what_is_in_flight() -> None:
    came, go, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def gated(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        came.set()
        await go.wait()
        writer.write(OK)

    async with serving(gated) as server:
        running = asyncio.create_task(fire(server.url, Const(50), 60, numbered, stop=stop))
        await came.wait()
        stop.set()
        await asyncio.sleep(0)
        go.set()
        run = await running
    assert run.interrupted
    assert run.answered == run.planned >= 1
    assert run.unknown == 0


async def test_the_figures_can_be_read_while_the_run_goes_on() -> None:
    async def answer_the_last_when_some_are_counted(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes
    ) -> None:
        while body == b"29" and not cannon.run.answered:
            await asyncio.sleep(0.01)
        writer.write(OK)

    async with serving(answer_the_last_when_some_are_counted) as server:
        seen: list[int] = []
        firing = Firing(server.url, numbered, 0.6, Const(50))
        cannon = cannons.Cannon(firing, lambda _: seen.append(cannon.run.answered))
        run = await cannon.fire()
    assert seen == sorted(seen)
    assert 0 < seen[-1] < run.answered == 30  # they are counted ten times a second, not by the shot


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (OK, 200, b"ok"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n", 503, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
    ],
)
async def test_every_lawful_form_of_an_answer_is_understood(answer: bytes, status: int, body: bytes) -> None:
    async def in_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: bytes) -> None:
        for i in range(0, len(answer), 7):
            writer.write(answer[i : i + 7])
            await asyncio.sleep(0)

    outcomes: list[Outcome] = []
    async with serving(in_pieces) as server:
        run = await fire(server.url, Const(30), 0.1, numbered, outcomes.append)
    assert [(o.status, o.body) for o in outcomes] == [(status, body)] * 3
    assert adds_up(run)


async def test_an_answer_may_be_ended_by_the_end_of_its_connection() -> None:
    async def until_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nok")
        writer.close()

    async with serving(until_the_end) as server:
        run = await fire(server.url, Const(30), 0.1, numbered)
    assert (run.accepted, run.unknown, server.connections) == (3, 0, 3)


@pytest.mark.parametrize("noise", [b"SSH-2.0-hello\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00\xff"])
async def test_an_answer_that_is_not_http_is_unknown(noise: bytes) -> None:
    async with serving(saying(noise)) as server:
        run = await fire(server.url, Const(30), 0.1, numbered)
    assert (run.unknown, run.answered) == (3, 0)
    assert "not HTTP" in next(iter(run.reasons))


async def test_a_second_answer_to_one_request_is_not_taken_for_that_of_the_next() -> None:
    second = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
    async with serving(saying(OK + second)) as server:
        run = await fire(server.url, Const(30), 0.1, numbered)
    assert dict(run.statuses) == {200: 3}
    assert server.connections == 3


async def test_a_run_that_ends_while_connections_are_being_opened_leaves_none_behind() -> None:
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    def first(index: int) -> Shot:
        loop.call_soon_threadsafe(begun.set)
        return numbered(index)

    async with serving(saying(OK)) as server:
        running = asyncio.create_task(fire(server.url, Const(10_000), 60, first, connections=50))
        await begun.wait()
        running.cancel()
        run = await running
        await asyncio.sleep(0)
    assert run.interrupted
    assert adds_up(run)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_it_fires_from_uvloop_too() -> None:
    async def main() -> Run:
        async with serving(saying(OK)) as server:
            return await fire(server.url, Const(100), 0.2, numbered)

    run = uvloop.run(main())
    assert (run.accepted, run.unknown, run.refused) == (20, 0, 0)
    assert adds_up(run)


async def test_an_error_of_the_listener_ends_the_run() -> None:
    def refuse(outcome: Outcome) -> None:
        raise LookupError("no such shot")

    async with serving(saying(OK)) as server:
        with pytest.raises(LookupError, match="no such shot"):
            await fire(server.url, Const(10), 60, numbered, refuse)


async def test_ammunition_that_would_break_the_request_is_refused() -> None:
    async with serving(saying(OK)) as server:
        for shot in (Shot(headers={"A": "b\r\nC: d"}), Shot(method="GET /x")):
            with pytest.raises(UsageError, match="would break the request"):
                await fire(server.url, Const(10), 60, lambda index, shot=shot: shot)  # type: ignore[misc]
        assert server.bodies == []


@pytest.mark.parametrize(
    "url", ["ftp://localhost/", "localhost:80", "http:///x", "http://a:b@host/", "http://host:99999/", "http://h/ x"]
)
async def test_what_cannot_be_fired_at_is_refused_with_the_right_form(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        await fire(url, Const(1), 1, numbered)
    assert "http://127.0.0.1" in caught.value.hint


async def test_a_run_can_be_kept_as_json() -> None:
    async with serving(saying(OK)) as server:
        run = await fire(server.url, Const(30), 0.1, numbered)
    kept = json.loads(json.dumps(run.as_dict()))
    assert kept["accepted"] == 3
    assert sum(second["answered"].get("200", 0) for second in kept["series"]) == 3
    assert kept["profile"] == "const(30)"
