"""Applications behind their own server, and the names by which they are found."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest

from asking import ask
from forebay import App, Unavailable, Unknown
from forebay.running import settings_of
from forebay.serving import serving


def app_with(handler):
    app = App("shop")
    app.post("/orders")(handler)
    return app


async def test_the_end_answers_the_requests_in_hand_and_takes_no_new_ones():
    began, go = asyncio.Event(), asyncio.Event()

    async def slow(body: bytes) -> None:
        began.set()
        await go.wait()

    async with serving(app_with(slow), settings_of({"queue": "memory://", "port": 0, "places": 0})) as (_, server):
        asked = asyncio.ensure_future(ask(server.port, "/orders", b"x"))
        await began.wait()
        asyncio.get_running_loop().call_later(0.05, go.set)
    assert (await asked).status == 202
    with pytest.raises(OSError):
        await ask(server.port, "/orders", b"x")


@pytest.mark.parametrize("failure", [Unavailable("the broker is away"), Unknown("no answer"), None])
async def test_what_operators_ask_is_answered_while_the_broker_is_away(monkeypatch, failure):
    async def handler(body: bytes) -> None: ...

    async def away():
        if failure is None:  # it says nothing at all
            await asyncio.Event().wait()
        raise failure

    monkeypatch.setattr("forebay.site.COUNTING_SECONDS", 0.05)
    async with serving(app_with(handler), settings_of({"queue": "memory://", "port": 0})) as (running, server):
        assert (await ask(server.port, "/orders", b"x")).status == 202
        await running.drained(30)
        assert b"forebay_queue_messages{" in (await ask(server.port, "/metrics")).body
        monkeypatch.setattr(running.topics["orders"], "counts", away)
        metrics = await ask(server.port, "/metrics")
        assert metrics.status == 200
        assert b'forebay_accepted_total{topic="orders"} 1.0' in metrics.body
        assert b"forebay_queue_messages{" not in metrics.body
        if failure is not None:
            ledger = await ask(server.port, "/ledger")
            assert (ledger.status, ledger.json["detail"]) == (503, f"the books cannot be read: {failure}")
        monkeypatch.undo()
        assert b"forebay_queue_messages{" in (await ask(server.port, "/metrics")).body


async def test_an_address_that_is_taken_is_unavailable_with_a_hint():
    async def handler(body: bytes) -> None: ...

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=str(port)) as caught:
            async with serving(app_with(handler), settings_of({"queue": "memory://", "port": port})):
                pass
        assert "--port" in caught.value.hint


@pytest.mark.parametrize("host", ["198.51.100.7", "nobody.invalid"])
async def test_a_host_that_is_not_ours_is_unavailable_and_the_hint_names_the_host(host):
    async def handler(body: bytes) -> None: ...

    settings = settings_of({"queue": "memory://", "port": 0, "host": host})
    with pytest.raises(Unavailable, match=re.escape(host)) as caught:
        async with serving(app_with(handler), settings):
            pass
    assert caught.value.hint == "name another --host"
