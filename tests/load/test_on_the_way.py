from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from forebay.load.battery import Battery
from forebay.load.firing import Firing
from forebay.load.profiles.shapes import Once
from forebay.load.results.run import Run
from forebay.load.salvo import Salvo
from forebay.load.shot import Shot
from wire import adds_up, hear, listening, numbered


def silent(connection: socket.socket) -> None:
    while True:
        hear(connection)


async def never(shot: Shot) -> None:
    await asyncio.Event().wait()


def looked(url: str, connections: int, enough: int, **options: Any) -> tuple[Run, list[tuple[int, int, int]]]:
    """Fire six shots that nobody answers, until enough were sent; return the run, and what each look saw of it."""
    firing = Firing(url, numbered, 0.1, Once(6), connections=connections, timeout=20, **options)
    run, seen = firing.run(), list[tuple[int, int, int]]()

    def look() -> None:
        seen.append((run.planned, run.sent, run.total.planned))
        if run.sent == enough:
            engine.halt()

    engine = firing.engine(run, on_look=look)
    engine.fire()
    return run, seen


@pytest.mark.parametrize(("connections", "sent"), [(10, 6), (2, 2)])
def test_a_shot_counts_as_sent_before_it_has_ended(connections: int, sent: int) -> None:
    with listening(silent) as server:
        run, seen = looked(server.url, connections, sent)
    assert seen[-1] == (6, sent, 0)
    assert adds_up(run)


@pytest.mark.parametrize(("connections", "sent"), [(10, 6), (2, 2)])
def test_a_shot_of_a_gun_counts_as_sent_as_soon_as_it_was_handed_over(connections: int, sent: int) -> None:
    run, seen = looked("gun", connections, sent, gun=never)
    assert seen[-1] == (6, sent, 0)
    assert adds_up(run)


def test_several_processes_and_batteries_add_up_what_is_on_its_way() -> None:
    seen = list[tuple[int, int, int]]()

    def look() -> None:
        run = salvo.run
        seen.append((run.planned, run.sent, run.total.planned))
        if run.sent == 12:
            salvo.halt()

    with listening(silent) as server:
        firing = Firing(server.url, numbered, 0.1, Once(6), timeout=20)
        salvo = Salvo([Battery(firing, 2), Battery(firing, 1)])
        salvo.fire(look)
    assert (12, 12, 0) in seen
    assert (salvo.run.planned, salvo.run.sent, salvo.run.unknown) == (12, 12, 12)
