"""Servers that do what they must not: each shot is counted by how it ended, and nothing hangs."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter

import pytest

from forebay.load.profiles.profile import Profile
from forebay.load.profiles.shapes import Const, Unlimited
from forebay.load.results.run import Run
from forebay.load.shot import Outcome, Shot
from wire import OK, Clock, Talk, adds_up, fire, hear, listening, numbered, saying, some

SHOTS = Const(50)
IN_VAIN = "no answer in time"
LOOPS: list[Profile | None] = [SHOTS, None]


def once(answer: bytes) -> Talk:
    """Return a server that says so and hangs up."""

    def talk(connection: socket.socket) -> None:
        hear(connection)
        connection.sendall(answer)

    return talk


def closes_early(connection: socket.socket) -> None:
    connection.recv(1)


def resets(connection: socket.socket) -> None:
    hear(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def never_answers(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def a_byte_at_a_time(connection: socket.socket) -> None:
    hear(connection)
    for i in range(len(OK) - 1):
        connection.sendall(OK[i : i + 1])
    never_answers(connection)


def a_head_without_end(connection: socket.socket) -> None:
    hear(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100):
        connection.sendall(b"X-Pad: " + b"a" * 100_000 + b"\r\n")


def a_body_without_end(connection: socket.socket) -> None:
    hear(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 100_000)


def speaks_first(connection: socket.socket) -> None:
    connection.sendall(OK)
    never_answers(connection)


def hangs_up_at_once(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


BAD: dict[str, tuple[Talk, str]] = {
    "closes early": (closes_early, "closed by the server|lost"),
    "resets": (resets, "lost"),
    "garbage": (saying(b"\x16\x03\x01\x02\x00"), "not HTTP"),
    "another protocol": (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), "not HTTP"),
    "half an answer": (once(OK[:-1]), "closed by the server"),
    "half a head": (once(b"HTTP/1.1 200 OK\r\nConte"), "closed by the server"),
    "half a chunk": (once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), "closed by the server"),
    "only a 100": (once(b"HTTP/1.1 100 Continue\r\n\r\n"), "closed by the server"),
    "two lengths": (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"), "not HTTP"),
    "never answers": (never_answers, IN_VAIN),
    "a byte at a time": (a_byte_at_a_time, IN_VAIN),
    "a head of 10 MB": (a_head_without_end, "larger than 256 KiB"),
    "a body without end": (a_body_without_end, IN_VAIN),
}


@pytest.mark.parametrize("profile", LOOPS, ids=["open", "closed"])
@pytest.mark.parametrize("name", BAD)
def test_what_was_sent_and_not_answered_is_unknown_with_its_reason(
    name: str, profile: Profile | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk, reason = BAD[name]
    clock = Clock(monkeypatch)

    def look(run: Run) -> None:
        if reason == IN_VAIN and run.sent == 5:
            clock.ahead = 60

    with listening(talk) as server:
        run = fire(server.url, profile, 600, some(5), on_look=look, timeout=30, connections=8)
    assert (run.answered, run.refused) == (0, 0)
    assert run.unknown == run.planned == 5
    assert any(part in text for text in run.reasons for part in reason.split("|"))
    assert len(run.reasons) <= 2
    assert adds_up(run)


@pytest.mark.parametrize("profile", LOOPS, ids=["open", "closed"])
def test_a_server_that_hangs_up_on_every_connection_is_not_tried_for_ever(profile: Profile | None) -> None:
    with listening(hangs_up_at_once) as server:
        run = fire(server.url, profile, 600, some(5), timeout=30, connections=2)
    assert run.answered == 0
    assert run.planned == 5
    assert adds_up(run)


def test_what_a_server_says_unasked_is_no_answer_to_the_next_shot() -> None:
    """It says 200 on its own after each true answer; only some true answers are lost by it."""

    def talk(connection: socket.socket) -> None:
        while True:
            hear(connection)
            connection.sendall(b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n")
            threading.Event().wait(0.005)
            connection.sendall(b"HTTP/1.1 200 OK\r\nConte")

    with listening(talk) as server:
        run = fire(server.url, Const(20), 0.3, connections=1)
        assert server.talks > 1
    assert set(run.statuses) == {404}
    assert run.answered + run.unknown == 6
    assert adds_up(run)


def test_one_who_speaks_first_is_not_believed() -> None:
    with listening(speaks_first) as server:
        run = fire(server.url, SHOTS, 0.1, timeout=0.3)
    assert run.answered + run.unknown + run.refused == 5
    assert adds_up(run)


def test_an_answer_before_the_end_of_the_request_ends_the_connection() -> None:
    """A server that refuses a large body by its head: what follows on that connection would be body, not request."""
    heads: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        heads.append(connection.recv(64))
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        while connection.recv(1 << 20):
            pass

    body = b"x" * 30_000_000
    with listening(talk) as server:
        run = fire(server.url, Const(20), 0.15, lambda i: Shot(body=body), connections=1)
        assert server.talks == 3
    assert dict(run.statuses) == {413: 3}
    assert all(head.startswith(b"POST / HTTP/1.1\r\n") for head in heads)


def test_a_large_request_and_a_large_answer_go_through_whole() -> None:
    size = 5_000_000
    bodies: list[int] = []

    def talk(connection: socket.socket) -> None:
        while True:
            bodies.append(len(hear(connection).partition(b"\r\n\r\n")[2]))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"y" * size)

    with listening(talk) as server:
        run = fire(server.url, Const(20), 0.2, lambda i: Shot(body=b"x" * size), connections=1, timeout=60)
    assert bodies == [size] * 4
    assert run.accepted == 4
    assert run.total.bytes_in > 4 * size


def test_one_that_never_stops_talking_does_not_starve_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    def talk(connection: socket.socket) -> None:
        while True:
            if b"/endless" in hear(connection):
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    connection.sendall(b"x" * 1_000_000)
            connection.sendall(OK)

    def ammo(index: int) -> Shot:
        return Shot(path="/endless" if index == 0 else "/", tag="endless" if index == 0 else "quick")

    def look(run: Run) -> None:
        if run.answered == 19:
            clock.ahead = 60

    with listening(talk) as server:
        run = fire(server.url, Const(50), 0.4, ammo, on_look=look, timeout=30, connections=2)
    assert (run.tags["quick"].accepted, run.tags["endless"].unknown) == (19, 1)
    assert adds_up(run)


def test_a_mixture_of_all_is_counted_by_kind() -> None:
    def talk(connection: socket.socket) -> None:
        while True:
            number = int(hear(connection).partition(b"\r\n\r\n")[2])
            if number % 4 == 0:
                connection.sendall(OK)
            elif number % 4 == 1:
                connection.sendall(b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                return
            elif number % 4 == 2:
                connection.sendall(b"nonsense\r\n\r\n")
            else:
                return

    outcomes: list[Outcome] = []
    with listening(talk) as server:
        run = fire(server.url, Const(400), 0.25, numbered, outcomes.append)
    assert dict(run.statuses) == {200: 25, 503: 25}
    assert run.unknown == 50
    assert sorted(o.index for o in outcomes) == list(range(100))
    assert Counter(o.status for o in outcomes if o.index % 4 == 1) == {503: 25}
    assert adds_up(run)


def test_a_refused_rush_rests_between_its_attempts() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        for profile in (Unlimited(600), None):
            run = fire(url, profile, 600, some(60), connections=3)
            assert (run.planned, run.refused, run.sent) == (60, 60, 0)
            assert run.elapsed_seconds > 0.18  # three at most every 10 ms
            assert adds_up(run)
