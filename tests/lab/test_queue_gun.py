from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from forebay import App, Dead
from forebay.errors import TooLarge, Unavailable, UsageError
from forebay.lab.queue_gun import queue_gun
from forebay.load.profiles.shapes import Once
from forebay.load.results.run import Run
from forebay.load.shot import Shot
from forebay.queue.topic import Topic
from wire import adds_up, fire

SHOTS = 5
BROKERS = ("redis", "nats", "rabbitmq", "kafka")


@contextmanager
def refusing(error: Exception) -> Iterator[pytest.MonkeyPatch]:
    """Let nothing be accepted."""

    async def publish(self: Topic, message: Any) -> str:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Topic, "publish", publish)
        yield patch


def fired(url: str, body: bytes = b'"mill"', **options: Any) -> Run:
    shot = Shot(body, headers={"colour": "red"})
    return fire(url, Once(SHOTS), 0.1, lambda index: shot, gun=queue_gun(url), **options)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'queue.db'}?topic=orders"


@pytest.fixture(params=["sqlite", *(pytest.param(name, marks=pytest.mark.server) for name in BROKERS)])
def any_url(request: pytest.FixtureRequest, url: str) -> str:
    """A queue of each broker that several processes may share."""
    if request.param == "sqlite":
        return url
    return f"{request.getfixturevalue(request.param).url.rstrip('/')}/orders-{uuid.uuid4().hex}"


async def test_a_shot_ends_when_it_is_worked_off_and_its_time_goes_until_then(any_url: str, tmp_path: Path) -> None:
    app, worked, free = App("shop"), list[str](), asyncio.Event()

    @app.handler("orders")
    async def order(what: str) -> None:
        worked.append(what)
        if len(worked) == SHOTS:
            free.set()
        await free.wait()

    async with app.running(queue=any_url, store=f"sqlite:///{tmp_path}/results.db", workers=SHOTS):
        run = await asyncio.to_thread(fired, any_url, timeout=60)
    assert worked == ["mill"] * SHOTS
    assert dict(run.statuses) == {200: SHOTS}
    assert run.service.count == run.response.count == SHOTS
    assert adds_up(run)


async def test_what_became_a_dead_letter_has_failed(url: str) -> None:
    app = App("shop")

    @app.handler("orders")
    async def order(what: str) -> None:
        raise Dead("no mills today")

    async with app.running(queue=url):
        run = await asyncio.to_thread(fired, url, timeout=60)
    assert dict(run.statuses) == {500: SHOTS}
    assert run.total.failed == SHOTS


def test_what_nobody_works_off_is_unknown(url: str) -> None:
    run = fired(url, timeout=0.2)
    assert dict(run.reasons) == {"no answer in time": SHOTS}
    assert run.unknown == SHOTS


@pytest.mark.parametrize("error", [Unavailable("the disk is full"), TooLarge("a body of a mile")])
def test_what_the_queue_did_not_accept_is_refused(url: str, error: Exception) -> None:
    with refusing(error):
        run = fired(url)
    assert dict(run.reasons) == {str(error): SHOTS}
    assert (run.refused, run.sent) == (SHOTS, 0)


def test_what_no_broker_can_write_is_refused_too(url: str) -> None:
    shot = Shot(b'"mill"', headers={"colour": "\udcff"})
    run = fire(url, Once(SHOTS), 0.1, lambda index: shot, gun=queue_gun(url))
    assert (run.refused, run.unknown) == (SHOTS, 0)
    assert all("is no Unicode" in reason for reason in run.reasons)


@pytest.mark.parametrize("wrong", ["memory://orders", "http://127.0.0.1/orders", "redis://127.0.0.1", "orders"])
def test_what_no_other_process_could_work_off_is_no_target(wrong: str) -> None:
    with pytest.raises(UsageError):
        queue_gun(wrong)
