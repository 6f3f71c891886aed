"""Loops that fire whenever a connection is free: how many there are, and when they end."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from forebay.load.firing import Firing
from forebay.load.profiles.notation import parse
from forebay.load.results.run import Run
from wire import OK, Clock, adds_up, fire, hear, listening, numbered, saying


def test_a_closed_loop_has_as_many_connections_as_it_was_given_and_one_shot_on_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    waiting = threading.Semaphore(0)
    most: list[int] = []

    def talk(connection: socket.socket) -> None:
        while True:
            hear(connection)
            waiting.release()
            most.append(waiting._value)
            waiting.acquire()
            connection.sendall(OK)

    def look(run: Run) -> None:
        if server.talks == 5 and run.answered > 5:
            clock.ahead = 30

    with listening(talk) as server:
        run = fire(server.url, None, 30, on_look=look, connections=5, timeout=90)
        assert server.talks == 5
    assert run.accepted == run.planned > 5
    assert max(most) <= 5
    assert run.late.max == 0
    assert adds_up(run)


def test_a_rush_fires_whenever_a_connection_is_free_and_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    def look(run: Run) -> None:
        if server.talks == 4 and run.answered > 4:
            clock.ahead = 30

    with listening(saying(OK)) as server:
        run = fire(server.url, parse("unlimited(30s) const(20, 0.2s)"), 30.2, on_look=look, connections=4, timeout=90)
        assert server.talks == 4
    assert run.series[30].planned == 4
    assert sum(second.planned for i, second in run.series.items() if i < 30) == run.planned - 4 > 4
    assert run.accepted == run.planned
    assert adds_up(run)


def test_a_stopped_closed_loop_waits_for_its_answers_without_spinning() -> None:
    asked, go = threading.Semaphore(0), threading.Event()
    used: list[float] = []

    def talk(connection: socket.socket) -> None:
        while True:
            hear(connection)
            asked.release()
            go.wait()
            connection.sendall(OK)

    def stop() -> None:
        for _ in range(2):
            asked.acquire(timeout=30)
        used.append(time.process_time())
        engine.stop()
        go.wait(0.6)
        used.append(time.process_time())
        go.set()

    with listening(talk) as server:
        firing = Firing(server.url, numbered, 600, None, connections=2)
        run = firing.run()
        engine = firing.engine(run)
        thread = threading.Thread(target=stop)
        thread.start()
        engine.fire()
        thread.join()
    assert run.accepted == 2
    assert used[1] - used[0] < 0.4  # spinning for 0.6 s would cost as much
    assert adds_up(run)
