"""The loops: what is fired, when they end, and that every count adds up whatever happens."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import socket
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.load.cannon import Cannon
from forebay.load.engines.book import MOST_REASONS, Book
from forebay.load.engines.magazine import Magazine
from forebay.load.firing import Firing
from forebay.load.profiles.shapes import Const, Once, Unlimited
from forebay.load.results.figures import COLUMNS
from forebay.load.results.run import Run
from forebay.load.shot import Kind, Outcome, Shot
from forebay.load.wire import answers
from wire import OK, Clock, adds_up, fire, hear, listening, numbered, saying, some

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize("profile", [Const(1000), None, Unlimited()])
def test_a_run_ends_with_its_ammunition_and_not_with_its_time(profile: Any) -> None:
    outcomes: list[Outcome] = []
    with listening(saying(OK)) as server:
        run = fire(server.url, profile, 600, some(20), outcomes.append, connections=3)
    assert run.accepted == 20
    assert sorted(o.id for o in outcomes) == sorted(f"shot-{i}" for i in range(20))
    assert run.elapsed_seconds < 60
    assert adds_up(run)


def test_all_shots_at_once_wait_for_the_connections_there_are() -> None:
    with listening(saying(OK)) as server:
        run = fire(server.url, Once(200), 0.1, connections=7)
        assert server.talks == 7
    assert run.accepted == 200
    assert run.late.percentile(50) <= run.lag.percentile(50)
    assert adds_up(run)


@pytest.mark.parametrize("answer", [CLOSING, b"HTTP/1.1 200 OK\r\n\r\nto the end"])
@pytest.mark.parametrize("profile", [Const(400), None])
def test_each_shot_has_a_connection_of_its_own_where_the_server_closes_them(answer: bytes, profile: Any) -> None:
    def talk(connection: socket.socket) -> None:
        hear(connection)
        connection.sendall(answer)

    with listening(talk) as server:
        run = fire(server.url, profile, 600, some(80), connections=3)
        assert server.talks >= run.planned
    assert run.accepted == run.planned == 80
    assert run.connections >= run.planned
    assert adds_up(run)


def test_an_idle_connection_that_the_server_has_ended_costs_no_shot() -> None:
    """The server says nothing of it in its answer, and closes a little later."""

    def talk(connection: socket.socket) -> None:
        for _ in range(3):
            hear(connection)
            connection.sendall(OK)
        threading.Event().wait(0.002)

    with listening(talk) as server:
        run = fire(server.url, Const(100), 0.5, connections=1)
        assert server.talks > 2
    assert run.refused == 0
    assert run.accepted + run.unknown == 50  # unknown are such as were sent at that very moment
    assert run.accepted >= 25
    assert adds_up(run)


def test_a_head_request_has_no_body_in_its_answer() -> None:
    with listening(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")) as server:
        for shot in (Shot(method="HEAD"), Shot(raw=b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")):
            run = fire(server.url, Const(100), 0.1, lambda i, shot=shot: shot, connections=1, timeout=30)
            assert run.accepted == 10
        assert server.talks == 2


def test_it_may_be_stopped_and_halted_after_its_end_and_before_its_beginning() -> None:
    with listening(saying(OK)) as server:
        for before in (False, True):
            firing = Firing(server.url, numbered, 0.05, Const(100))
            run = firing.run()
            engine = firing.engine(run)
            if before:
                engine.stop()
            engine.fire()
            engine.stop()
            engine.halt()
            assert run.planned == (0 if before else 5)
            assert adds_up(run)


def test_nothing_is_left_open_behind_a_run() -> None:
    def files() -> set[str]:
        return set(os.listdir("/proc/self/fd"))

    with listening(saying(OK)) as server:
        fire(server.url, Const(100), 0.05, connections=1)  # which the server has accepted, since it has answered
        gc.collect()
        before = len(files())
        for _ in range(5):
            fire(server.url, Const(100), 0.05, connections=1)
        gc.collect()
        server.end()
        assert len(files()) <= before


def test_parsers_do_not_pile_up_where_the_collector_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[answers.Reader]] = []

    class Watched(answers.Reader):
        def __init__(self, bodiless: bool) -> None:
            super().__init__(bodiless)
            made.append(weakref.ref(self))

    monkeypatch.setattr("forebay.load.wire.connection.Reader", Watched)
    kinds = [CHUNKED, b"nonsense", CHUNKED[:-3], CHUNKED]
    clock = Clock(monkeypatch)

    def look(run: Run) -> None:
        if len(made) == 40:  # those of which the answer is cut off, too
            clock.ahead = 60

    gc.disable()
    try:
        with listening(lambda c: [c.sendall(kinds[int(hear(c)[-1:]) % 4]) for _ in range(9)].clear()) as server:
            fire(server.url, Const(200), 0.2, on_look=look, timeout=30)
        assert len(made) >= 40
        assert not [reader for reader in made if reader() is not None]
    finally:
        gc.enable()


def test_an_error_of_the_ammunition_ends_the_run_and_closes_all() -> None:
    def ammo(index: int) -> Shot:
        if index == 3:
            raise LookupError("shot 3 is missing")
        return numbered(index)

    with listening(saying(OK)) as server:
        for profile in (Const(100), None):
            firing = Firing(server.url, ammo, 60, profile, connections=2)
            run = firing.run()
            with pytest.raises(LookupError, match="shot 3"):
                firing.engine(run).fire()
            assert run.planned == 3
            assert adds_up(run)


def test_an_error_of_a_listener_at_the_end_still_closes_all() -> None:
    """The outcome that ends the run is told in the middle of its ending."""
    closed = threading.Event()

    def talk(connection: socket.socket) -> None:
        while connection.recv(65_536):
            pass
        closed.set()

    def refuse(outcome: Outcome) -> None:
        raise LookupError("no such shot")

    with listening(talk) as server:
        firing = Firing(server.url, numbered, 60, Const(1000))
        run = firing.run()
        engine = firing.engine(run, on_outcome=refuse, on_look=lambda: engine.halt())
        with pytest.raises(LookupError):
            engine.fire()
        assert closed.wait(10)


def test_an_error_of_whoever_looks_ends_the_run() -> None:
    def look() -> None:
        raise LookupError("the disk is full")

    with listening(saying(OK)) as server:
        firing = Firing(server.url, numbered, 60, Const(100))
        run = firing.run()
        with pytest.raises(LookupError):
            firing.engine(run, on_look=look).fire()
    assert adds_up(run)


async def test_a_run_that_is_cancelled_twice_still_ends_with_its_figures() -> None:
    came = threading.Event()

    def talk(connection: socket.socket) -> None:
        while connection.recv(65_536):
            came.set()

    def on_outcome(outcome: Outcome) -> None:
        again.set()
        threading.Event().wait(0.1)  # while the second cancellation comes

    again = threading.Event()
    with listening(talk) as server:
        firing = Firing(server.url, numbered, 60, Const(20))
        running = asyncio.create_task(Cannon(firing, on_outcome).fire())
        await asyncio.to_thread(came.wait)
        running.cancel()
        await asyncio.to_thread(again.wait)
        running.cancel()
        run = await running
    assert run.interrupted
    assert run.unknown >= 1
    assert adds_up(run)


def test_it_works_with_file_numbers_that_select_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise ValueError("filedescriptor out of range in select()")

    monkeypatch.setattr("forebay.load.engines.engine._SELECTABLE", 0)
    monkeypatch.setattr(select, "select", never)
    with listening(saying(OK)) as server:
        run = fire(server.url, Const(100), 0.1)
    assert run.accepted == 10


def test_the_rows_of_every_shot_are_handed_over_once() -> None:
    seen: list[tuple[Any, ...]] = []

    def on_rows(rows: Any, reasons: Any, tags: Any) -> None:
        assert rows.shape[1] == len(COLUMNS)
        for row in rows.tolist():
            index, planned, taken, sent, done, status, tag, _, _ = row
            assert planned <= taken <= sent <= done
            seen.append((index, status if status > 0 else reasons[-1 - status], tags[tag]))

    def talk(connection: socket.socket) -> None:
        while True:
            connection.sendall(OK if int(hear(connection)[-1:]) % 2 else b"no")

    with listening(talk) as server:
        run = fire(
            server.url, Const(50), 0.5, lambda i: Shot(body=b"%d" % i, tag=f"t{i % 3}"), on_rows=on_rows, connections=1
        )
    assert sorted(index for index, _, _ in seen) == list(range(25))
    assert all(status == 200 for index, status, _ in seen if index % 2)
    assert all(status[0] is Kind.UNKNOWN for index, status, _ in seen if not index % 2)
    assert all(tag == f"t{index % 3}" for index, _, tag in seen)
    assert adds_up(run)


def test_ever_new_reasons_do_not_fill_the_memory() -> None:
    run = Run("http://localhost/", "const(1)", 1.0)
    magazine = Magazine(numbered, lambda shot: shot.body)
    book = Book(run, magazine, None, None)
    for i in range(MOST_REASONS * 3):
        index, loaded = magazine.take()
        book.failed((index, run.zero, run.zero, loaded, run.zero), Kind.UNKNOWN, f"reason {i}")
    book.count()
    assert len(run.reasons) == MOST_REASONS + 1
    assert run.reasons["other reasons"] == MOST_REASONS * 2
    assert adds_up(run)


def test_ammunition_that_makes_no_lawful_request_is_not_counted_as_fired() -> None:
    magazine = Magazine(lambda i: Shot(method="G T"), Firing("http://localhost/", numbered, 1).target.encode)
    with pytest.raises(UsageError):
        magazine.take()
    assert magazine.taken == 0


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"timeout": 0}, {"connections": 0}, {"timeout": float("inf")}])
@pytest.mark.parametrize("number", [float("nan")])
def test_numbers_without_meaning_are_refused(wrong: dict[str, float], number: float) -> None:
    for options in (wrong, dict.fromkeys(wrong, number)):
        with pytest.raises(UsageError):
            Firing("http://localhost/", numbered, **{"seconds": 1, **options})


PARTS = [
    OK,
    CLOSING,
    CHUNKED,
    b"HTTP/1.1 204 No\r\n\r\n",
    b"bad\r\n\r\n",
    OK[:9],
    OK + OK,
    b"HTTP/1.1 503 B\r\nContent-Length: 0\r\n\r\n",
    b"",
]


@settings(max_examples=20, deadline=None)
@given(
    script=st.lists(st.sampled_from(PARTS), min_size=1, max_size=6),
    connections=st.integers(1, 6),
    closed=st.booleans(),
    halted=st.booleans(),
)
def test_counts_add_up_whatever_the_server_does(
    script: list[bytes], connections: int, closed: bool, halted: bool
) -> None:
    """Each connection goes through the script of the server and then hangs up; an empty part says nothing at all."""

    def talk(connection: socket.socket) -> None:
        for part in script:
            hear(connection)
            connection.sendall(part)

    ended: list[int] = []
    with listening(talk) as server:
        firing = Firing(
            server.url, numbered, 0.05, None if closed else Const(500), connections=connections, timeout=0.1
        )
        run = firing.run()
        engine = firing.engine(run, on_outcome=lambda o: ended.append(o.index))
        if halted:
            threading.Timer(0.02, engine.halt).start()
        engine.fire()
    assert sorted(ended) == list(range(run.planned))
    assert halted or closed or run.planned == 25
    assert adds_up(run)
    assert np.isfinite(run.elapsed_seconds)
