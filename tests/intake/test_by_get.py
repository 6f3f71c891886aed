"""Messages by GET: no cache keeps the answer, and what a browser asks for ahead of its user puts nothing anywhere."""

from __future__ import annotations

import pytest

from asking import ask
from forebay import Answers, App, Response
from forebay.events import Refused
from forebay.running import settings_of
from forebay.serving import serving

MEMORY = {"queue": "memory://", "port": 0}


def service(answers=None):
    app = App("rates")
    app.intake("/rate", bytes, read=lambda request: b"1", methods=("POST", "GET"), answers=answers)
    return app


async def test_no_cache_keeps_the_answer_to_a_get_and_nothing_is_said_of_that_to_a_post():
    async with serving(service(), settings_of(MEMORY)) as (_, server):
        assert (await ask(server.port, "/rate")).headers["cache-control"] == "no-store"
        assert "cache-control" not in (await ask(server.port, "/rate", b"")).headers


async def test_what_a_service_says_of_caches_stays():
    class Own(Answers):
        def accepted(self, reference):
            return Response(200, b"", ((b"cache-control", b"no-store, private"),))

    async with serving(service(Own()), settings_of(MEMORY)) as (_, server):
        assert (await ask(server.port, "/rate")).headers["cache-control"] == "no-store, private"


@pytest.mark.parametrize("header", [{"sec_purpose": "prefetch;prerender"}, {"purpose": "prefetch"}])
async def test_a_get_ahead_of_the_user_is_refused_and_puts_nothing_anywhere(header):
    heard = []
    async with serving(service(), settings_of(MEMORY)) as (running, server):
        running.listen(heard.append)
        answer = await ask(server.port, "/rate", **header)
        assert (answer.status, answer.headers["cache-control"]) == (503, "no-store")
        assert (await running.topic("rate").counts()).accepted == 0
        assert (await ask(server.port, "/rate", b"", **header)).status == 202  # no browser posts ahead
    assert Refused("rate", "prefetch") in heard
