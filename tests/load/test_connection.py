"""Opening: TLS, unix sockets, several addresses, and what becomes of the shots when it fails."""

from __future__ import annotations

import errno
import os
import resource
import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from forebay.errors import Unavailable, UsageError
from forebay.load.firing import Firing
from forebay.load.profiles.shapes import Const
from forebay.load.shot import Shot
from forebay.load.wire.target import Address, Target
from wire import OK, adds_up, fire, hear, listening, numbered, saying


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def trusting(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.usefixtures("trusting")
def test_answers_come_over_tls(server_side: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    server_side.minimum_version = server_side.maximum_version = version
    with listening(saying(OK), server_side) as server:
        run = fire(server.url, Const(100), 0.3, connections=5)
        assert server.talks <= 5  # they are kept alive
    assert run.accepted == 30
    assert adds_up(run)


@pytest.mark.usefixtures("trusting")
def test_large_bodies_go_over_tls_both_ways(server_side: ssl.SSLContext) -> None:
    """Of what TLS has decrypted and not handed over, epoll tells nothing."""
    size = 3_000_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"y" * size
    with listening(saying(answer), server_side) as server:
        run = fire(server.url, Const(20), 0.2, lambda i: Shot(body=b"x" * size), connections=1, timeout=30)
    assert run.accepted == 4
    assert run.total.bytes_in == 4 * len(answer)


@pytest.mark.usefixtures("trusting")
def test_excess_in_the_same_record_of_tls_is_no_answer_to_the_next_shot(server_side: ssl.SSLContext) -> None:
    with listening(saying(OK + b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), server_side) as server:
        run = fire(server.url, Const(30), 0.1)
    assert dict(run.statuses) == {200: 3}


def test_a_certificate_nobody_vouches_for_refuses_all_shots(server_side: ssl.SSLContext) -> None:
    with listening(saying(OK), server_side) as server:
        run = fire(server.url, Const(30), 0.1)
        assert (run.refused, run.sent) == (3, 0)
        assert "the certificate is refused" in next(iter(run.reasons))
        assert adds_up(run)
        assert fire(server.url, Const(30), 0.1, verify=False).accepted == 3


def test_a_server_that_does_not_speak_tls_refuses_all_shots() -> None:
    with listening(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        run = fire(server.url.replace("http:", "https:"), Const(30), 0.1, timeout=0.5)
    assert (run.refused, run.sent) == (3, 0)
    assert adds_up(run)


def test_a_handshake_that_never_ends_is_given_up() -> None:
    def silent(connection: socket.socket) -> None:
        while connection.recv(65_536):
            pass

    with listening(silent) as server:
        run = fire(server.url.replace("http:", "https:"), Const(30), 0.1, timeout=0.2)
    assert (run.refused, run.sent) == (3, 0)
    assert adds_up(run)


def test_tls_begins_only_when_the_connection_stands() -> None:
    """A server that is slow to accept: the packets of the opening are dropped, and the socket is not connected yet."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        run = fire(f"https://127.0.0.1:{full.getsockname()[1]}/", Const(30), 0.1, timeout=0.2)
        for filler in fillers:
            filler.close()
    assert run.refused == 3
    assert set(run.reasons) <= {"no connection: no answer in time", "no connection was free in time"}


def test_shots_go_over_a_unix_socket(tmp_path: Path) -> None:
    heads: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        while True:
            heads.append(hear(connection))
            connection.sendall(OK)

    with listening(talk, path=tmp_path / "shop.sock") as server:
        run = fire(server.url, Const(100), 0.2)
    assert run.accepted == 20
    assert heads[0].startswith(b"POST /orders HTTP/1.1\r\nHost: localhost\r\n")
    assert adds_up(run)


def test_a_unix_server_that_is_behind_with_accepting_is_waited_for(tmp_path: Path) -> None:
    """TCP would wait by itself; a unix socket says at once that there is no place."""
    path, full = tmp_path / "slow.sock", threading.Event()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen(0)

        def accept_when_full() -> None:
            full.wait()
            for _ in range(10):
                with door.accept()[0] as connection:
                    hear(connection)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=accept_when_full)
        thread.start()

        def ammo(index: int) -> Shot:
            if index == 9:
                full.set()
            return numbered(index)

        run = fire(f"http+unix://{str(path).replace('/', '%2F')}/", Const(1000), 0.01, ammo, timeout=20)
        thread.join()
    assert run.accepted == 10
    assert adds_up(run)


def test_a_unix_socket_that_is_not_there_refuses_all_shots(tmp_path: Path) -> None:
    run = fire(f"http+unix://{str(tmp_path / 'none').replace('/', '%2F')}/", Const(30), 0.1)
    assert dict(run.reasons) == {"no connection: No such file or directory": 3}
    assert adds_up(run)


@pytest.mark.parametrize("shots", [1, 2, 3, 8])
def test_every_address_of_the_host_is_tried_before_a_shot_is_refused(
    shots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """localhost is ::1 first, where many servers do not listen."""
    with listening(saying(OK)) as server:
        port = int(server.url.rpartition(":")[2].rstrip("/"))
        addresses = [
            Address(socket.AF_INET, ("127.0.0.2", port)),
            Address(socket.AF_INET, ("127.0.0.3", port)),
            Address(socket.AF_INET, ("127.0.0.1", port)),
        ]
        monkeypatch.setattr(Target, "addresses", lambda self: addresses)
        run = fire(server.url, Const(shots * 1000), 0.001)
        assert (run.planned, run.accepted) == (shots, shots)
        monkeypatch.setattr(Target, "addresses", lambda self: addresses[:2])
        run = fire(server.url, Const(shots * 1000), 0.001)
        assert (run.planned, run.refused) == (shots, shots)
    assert adds_up(run)


def test_a_name_that_is_not_known_is_told_before_the_run() -> None:
    for host in ("no-such-host.invalid", "a" * 64 + ".invalid"):
        with pytest.raises(Unavailable, match="has no address"):
            Firing(f"http://{host}/", numbered, 1).target.addresses()


def test_no_file_number_left_is_told_as_the_reason() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with listening(saying(OK)) as server:
        firing = Firing(server.url, numbered, 0.05, Const(100))
        run = firing.run()
        engine = firing.engine(run)
        lowest = socket.socket()
        number = lowest.fileno()
        lowest.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, before[1]))
        try:
            engine.fire()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert dict(run.reasons) == {f"no connection: {os.strerror(errno.EMFILE)}": 5}
    assert adds_up(run)


@pytest.mark.parametrize(
    "url",
    ["http+unix://" + "a" * 108 + "/", "http://", "https:///x", "http+unix:///x", "http://h/\u00e4", "http://[::1/"],
)
def test_a_target_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        Target(url)


@pytest.mark.parametrize(
    ("headers", "shot"),
    [
        ({"A B": "c"}, Shot()),
        ({"": "c"}, Shot()),
        ({"A": "b\nC: d"}, Shot()),
        ({}, Shot(headers={"A": "\u20ac"})),
        ({}, Shot(headers={"A:": "b"})),
        ({}, Shot(path="/a b")),
        ({}, Shot(path="/\r\nA: b")),
        ({}, Shot(method="G\u00c9T")),
        ({}, Shot(method="")),
    ],
)
def test_what_would_break_a_request_is_refused_before_it_is_sent(headers: dict[str, str], shot: Shot) -> None:
    with pytest.raises(UsageError, match="would break"):
        Target("http://localhost/", headers).encode(shot)


def test_a_header_stands_once_whatever_the_case_of_its_name() -> None:
    target = Target("http://shop:81/a?b=c#d", {"accept": "x", "X-A": "1"})
    shot = Shot(headers={"Accept": "y", "host": "other", "content-length": "7"}, body=b"ok")
    assert target.encode(shot) == (
        b"POST /a?b=c HTTP/1.1\r\nhost: other\r\nAccept: y\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok"
    )
    chunked = Shot(headers={"Transfer-Encoding": "chunked"}, body=b"0\r\n\r\n")
    assert b"Content-Length" not in target.encode(chunked)
