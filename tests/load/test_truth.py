"""The proofs: a server that stalls, one that says what it did, a plan that is kept, memory that does not grow.

What is true on every machine is judged here; what an idle machine also has to reach is judged in soak.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from forebay.load.battery import Battery
from forebay.load.firing import Firing
from forebay.load.profiles.shapes import Const, Sine
from forebay.load.results.run import Run
from forebay.load.results.validity import validity
from forebay.load.shot import Outcome, Shot, UsedUp
from wire import OK, adds_up, fire, hear, listening, saying

SHOT = Shot(method="GET")

SERVER = """
import asyncio

class Quick(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok" * data.count(b"\\r\\n\\r\\n"))

async def main():
    server = await asyncio.get_running_loop().create_server(Quick, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

import uvloop
uvloop.run(main())
"""


@contextlib.contextmanager
def freezable() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/", server
        finally:
            server.kill()


def freeze(server: subprocess.Popen[str], now: threading.Event, seconds: float, frozen: list[int]) -> None:
    """Stop a server for a while; note the first and the last instant at which it certainly stood still."""
    now.wait()
    server.send_signal(signal.SIGSTOP)
    while Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        pass
    frozen.append(time.perf_counter_ns())
    time.sleep(seconds)
    frozen.append(time.perf_counter_ns())
    server.send_signal(signal.SIGCONT)


def stalled(rate: int, seconds: float, stall: float, connections: int) -> tuple[Run, float, float]:
    """Fire at a server that stalls; return the run, and of how long a stall and when it began in the run.

    A stall that comes late, since the machine stood still itself, is in the plan whole too: the plan is longer then.
    """
    frozen: list[int] = []
    now = threading.Event()

    def ammo(index: int) -> Shot:
        if index == rate * seconds // 3:
            now.set()
        if len(frozen) == 2 and index >= rate * max(seconds, (frozen[1] - run.zero) / 1e9):
            raise UsedUp("no more")
        return SHOT

    with freezable() as (url, server):
        firing = Firing(url, ammo, 600, Const(rate), connections=connections, timeout=60)
        run = firing.run()
        engine = firing.engine(run)
        thread = threading.Thread(target=freeze, args=(server, now, stall, frozen))
        thread.start()
        engine.fire()
        thread.join()
    return run, (frozen[1] - frozen[0]) / 1e9, (frozen[0] - run.zero) / 1e9


def test_a_stall_is_felt_by_all_who_came_in_it_though_few_were_sent_in_it() -> None:
    """The bounds are what the plan implies for the stall that there was: noise can only make the answers later."""
    rate, seconds, connections = 500, 2.0, 4
    run, stall, began = stalled(rate, seconds, 0.6, connections)
    assert 0 < began < began + stall <= run.planned / rate
    assert run.accepted == run.planned
    for q in (99, 95, 90):
        longer = run.planned * (1 - q / 100) + 2  # so many shots may have waited longer
        assert run.response.percentile(q) >= (stall - longer / rate) * 0.999, q
        assert run.lag.percentile(q) >= (stall - (longer + connections) / rate) * 0.999, q  # before they were sent
    assert adds_up(run)


@pytest.mark.soak
def test_a_second_of_stall_in_ten_has_a_p99_of_nine_tenths_of_a_second() -> None:
    run, stall, _ = stalled(1000, 10.0, 1.0, 64)
    assert run.accepted == 10_000
    assert 0.99 <= stall <= 1.03
    assert 0.85 <= run.response.percentile(99) <= 0.95
    assert run.service.percentile(99) < 0.5  # 64 shots were on their way, less than 1 of 100
    assert validity(run).valid


def confessing(delays: np.ndarray) -> tuple[list[int], object]:
    """Return a server that delays its answers, and the list in which it notes how long it took."""
    took: list[int] = []

    def talk(connection: socket.socket) -> None:
        while True:
            number = int(hear(connection).partition(b"\r\n\r\n")[2])
            heard = time.perf_counter_ns()
            time.sleep(delays[number])
            took_now = time.perf_counter_ns() - heard
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Took: %d\r\nContent-Length: 0\r\n\r\n" % took_now)
            took.append(took_now)

    return took, talk


def with_delays(median: float, count: int, rate: float) -> tuple[Run, list[Outcome], np.ndarray]:
    """Fire at a server of lognormal delays; return the run, its outcomes, and what the server says it took."""
    delays = np.random.default_rng(1).lognormal(np.log(median), 0.5, count)
    took, talk = confessing(delays)
    outcomes: list[Outcome] = []
    with listening(talk) as server:  # type: ignore[arg-type]
        run = fire(server.url, Const(rate), count / rate, lambda i: Shot(body=b"%d" % i), outcomes.append)
    assert run.accepted == count
    return run, outcomes, np.array(took) / 1e9


def test_no_service_is_shorter_than_the_server_says_and_percentiles_are_those_of_the_shots() -> None:
    run, outcomes, _ = with_delays(0.03, 300, 300)
    for outcome in outcomes:
        assert outcome.response_seconds >= outcome.service_seconds >= int(outcome.headers["x-took"]) / 1e9
    for name, histogram in (("response_seconds", run.response), ("service_seconds", run.service)):
        exact = np.sort([getattr(outcome, name) for outcome in outcomes])
        for q in (1, 50, 90, 99, 100):
            assert histogram.percentile(q) == pytest.approx(exact[int(np.ceil(q / 100 * len(exact))) - 1], rel=0.001)


@pytest.mark.soak
def test_percentiles_are_those_of_a_known_server_within_a_hundredth() -> None:
    run, _, took = with_delays(0.3, 2000, 100)
    for q in (10, 25, 50, 75, 90, 95, 99):
        assert run.service.percentile(q) == pytest.approx(np.percentile(took, q, method="inverted_cdf"), rel=0.01), q


def test_a_wave_is_planned_to_the_shot_in_each_of_its_seconds() -> None:
    """sine(0, 100, 60s), fired whole in two processes, with its time pressed into a thirtieth."""
    profile = Sine(0, 100, 60)
    instants = np.array(list(profile.shots(60)))
    assert abs(len(instants) - 3000) <= 1
    per_second = np.bincount(instants.astype(int), minlength=60)
    for i, count in enumerate(per_second):
        assert abs(count - (profile.cumulative(i + 1) - profile.cumulative(i))) <= 1
    with listening(saying(OK)) as server:
        pressed = Sine(0, 3000, 2)
        run = Battery(Firing(server.url, lambda i: SHOT, 2.0, pressed, connections=100, timeout=60), 2).fire()
    assert abs(run.planned - 3000) <= 1
    assert abs(run.series[0].planned - pressed.cumulative(1.0)) <= 1
    assert run.accepted == run.planned
    assert adds_up(run)


@pytest.mark.soak
def test_memory_does_not_grow_with_the_length_of_a_run() -> None:
    """30,000 a second, of which the process that fires keeps nothing but counts."""
    sizes: list[int] = []

    def look(run: Run) -> None:
        run.series.clear()  # as the file of a run does when it has written them
        sizes.append(max(_megabytes(part.pid) for part in battery._parts if not part.ended) if alive() else 0)

    def alive() -> bool:
        return any(not part.ended for part in battery._parts)

    with freezable() as (url, _):
        battery = Battery(Firing(url, lambda i: SHOT, 60.0, Const(30_000), timeout=60), 1)
        run = battery.fire(look)
    assert run.planned == 1_800_000
    if run.lag.percentile(99) > 0.5:
        pytest.skip("this machine did not keep the plan: what waits for its turn is in memory")
    sizes = [size for size in sizes if size]
    early, late = np.median(sizes[10:20]), np.median(sizes[-20:])
    assert late < 100
    assert late - early < 5
    assert _megabytes(os.getpid()) < 250  # with all of pytest


def _megabytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20
