"""Real servers for the tests: started when the first test asks, one for the whole session.

A server that is missing skips the test with its reason; where the variable CI is set, it fails it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from browser import Browser
from forebay.errors import Missing, Unavailable
from forebay.lab.servers import NATS, Kafka, PostgreSQL, RabbitMQ, Redis, Server
from forebay.lab.servers.install import browser

S = TypeVar("S", bound=Server)

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # how long an example takes says more of its neighbours than of the code

NEED_A_SERVER = {"kafka", "nats", "postgres", "rabbitmq", "redis", "own_server", "own_servers"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cycles", type=int, default=20, help="faults in each long run of `make soak`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if NEED_A_SERVER & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)


def require(server: type[Server]) -> None:
    """Skip the test that wants a server when it is missing, fail it in CI."""
    require_program(server.program)


def require_program(program: Callable[[], object]) -> None:
    """Skip the test that wants what `program` finds when it is missing, fail it in CI."""
    try:
        program()
    except Missing as error:
        reason = f"{error.what}; {error.hint}"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def started(server: type[S]) -> S:
    """Start a server for the test that wants it."""
    require(server)
    try:
        return server().start()
    except Unavailable as error:
        pytest.fail(f"{error.what}\n{error.hint}", pytrace=False)


def running(kind: type[S]) -> Iterator[S]:
    """Yield a server that runs meanwhile."""
    server = started(kind)
    yield server
    end(server)


def end(server: Server) -> None:
    """End a server of which nothing is to be kept: its own orderly stop may take seconds."""
    server.kill()
    server.stop()


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One Kafka broker for all tests of the session; take topic names that are yours alone."""
    yield from running(Kafka)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """One PostgreSQL for all tests of the session; take schemas or tables that are yours alone."""
    yield from running(PostgreSQL)


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """One Redis for all tests of the session; take topic names that are yours alone."""
    yield from running(Redis)


@pytest.fixture(scope="session")
def nats() -> Iterator[NATS]:
    """One NATS server for all tests of the session; take topic names that are yours alone."""
    yield from running(NATS)


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """One RabbitMQ for all tests of the session; take topic names that are yours alone."""
    yield from running(RabbitMQ)


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """Let no variable outlive the test that has set it: a command with --env, run in this process, sets some."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    for name, text in before.items():
        if os.environ.get(name) != text:
            os.environ[name] = text


@pytest.fixture
async def own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time pass on the loop of the test only while nothing is to be done: no machine is too slow for a deadline.

    For tests of deadlines that wait for timers alone, for no thread and no socket: ``usefixtures("own_time")``.
    """
    loop: Any = asyncio.get_running_loop()
    now, select = loop.time(), loop._selector.select

    def wait(seconds: float | None) -> object:
        nonlocal now
        events = select(seconds and 0)
        now += 0 if events else seconds or 0
        return events

    monkeypatch.setattr(loop, "time", lambda: now)
    monkeypatch.setattr(loop._selector, "select", wait)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Return what makes a file system of so many megabytes, that can be filled, and gives its folder."""
    folder = tmp_path / "disk"

    def mount(megabytes: int) -> Path:
        folder.mkdir()
        mounting = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode:
            pytest.skip("a file system can be mounted by root only")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser without a window for all tests of pages."""
    require_program(browser)
    with Browser() as started:
        yield started


@pytest.fixture
def own_server() -> Iterator[Callable[[type[Server]], Server]]:
    """Start servers of this test alone, which it may kill: ``own_server(Kafka)``."""
    yield from starting()


@pytest.fixture(scope="session")
def own_servers() -> Iterator[Callable[[type[Server]], Server]]:
    """Start servers that tests may kill, one after the other, and leave running: ``own_servers(Kafka)``."""
    yield from starting()


def starting() -> Iterator[Callable[[type[Server]], Server]]:
    """Yield what starts a server, and stop them all at the end."""
    servers: list[Server] = []

    def start(server: type[Server]) -> Server:
        servers.append(started(server))
        return servers[-1]

    yield start
    for server in servers:
        end(server)


@pytest.fixture
def required() -> Callable[[type[Server]], None]:
    """Skip (in CI: fail) when a server is missing that the test starts by itself: ``required(Redis)``."""
    return require
