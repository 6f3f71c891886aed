"""Several processes that fire one run: exactly the plan, added up exactly, and none of them outlives it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forebay.errors import ForebayError, Unavailable, UsageError
from forebay.load.battery import Battery
from forebay.load.firing import Firing
from forebay.load.profiles.shapes import Const, Sine, Unlimited
from forebay.load.results.figures import COLUMNS, Figures
from forebay.load.results.run import Run
from forebay.load.shot import Shot
from wire import OK, adds_up, hear, listening, numbered, saying, some

BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


def as_rows(rows: list[list[int]]) -> NDArray[np.int64]:
    return np.array(rows, dtype=np.int64).reshape(-1, len(COLUMNS))


def children() -> set[int]:
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


def silent(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_several_processes_fire_exactly_the_plan(processes: int) -> None:
    bodies: list[int] = []

    def talk(connection: socket.socket) -> None:
        while True:
            number = int(hear(connection).partition(b"\r\n\r\n")[2])
            bodies.append(number)
            connection.sendall(BUSY if number % 5 == 0 else OK)

    profile = Sine(0, 200, 1)
    expected = len(list(profile.shots(1.2)))
    with listening(talk) as server:
        firing = Firing(server.url, lambda i: Shot(body=b"%d" % i, tag=f"t{i % 2}"), 1.2, profile)
        battery = Battery(firing, processes)
        run = battery.fire()
    assert sorted(bodies) == list(range(expected))
    assert dict(run.statuses) == {503: (expected + 4) // 5, 200: expected - (expected + 4) // 5}
    assert [run.tags[tag].planned for tag in ("t0", "t1")] == [(expected + 1) // 2, expected // 2]
    assert sum(second.planned for second in run.series.values()) == expected
    assert abs(run.series[0].planned - profile.cumulative(1.0)) <= 1
    assert run.elapsed_seconds >= 1.2
    assert 0 <= battery.busy < 2
    assert not run.interrupted
    assert adds_up(run)


def test_the_figures_of_the_parts_are_those_of_the_whole(tmp_path: Path) -> None:
    """The rows that each process hands over, counted again by one, give the same figures to the last cell."""

    @contextlib.contextmanager
    def sink(number: int) -> Iterator[Any]:
        with (tmp_path / str(number)).open("w") as file:
            yield lambda rows, reasons, tags: print(json.dumps([rows.tolist(), reasons, tags]), file=file)

    with listening(saying(OK)) as server:
        firing = Firing(server.url, numbered, 1.1, Const(150))
        run = Battery(firing, 2, sink).fire()
    again = Run(server.url, "", 1.1)
    again.zero = run.zero
    for number in range(2):
        for line in (tmp_path / str(number)).read_text().splitlines():
            rows, reasons, tags = json.loads(line)
            again.absorb(as_rows(rows), reasons, tags)
    assert again.total == run.total
    assert again.tags == run.tags
    assert again.series == run.series
    assert run.total.planned == 165


def test_the_order_of_adding_up_changes_nothing() -> None:
    parts = []
    for k in range(3):
        part = Run("", "", 1.0)
        part.zero = 0
        rows = [[i, i * 1000, i * 1000 + k, i * 1000 + 2 * k, i * 2000 + k, 200 + k, 0, 10, 20] for i in range(1, 50)]
        part.absorb(as_rows(rows), [], [""])
        parts.append(part)
    sums = []
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        total = Figures()
        for k in order:
            total.merge(parts[k].total)
        sums.append(total)
    assert sums[0] == sums[1] == sums[2]
    assert sums[0].planned == 147


@pytest.mark.parametrize("profile", [None, Unlimited()])
def test_a_closed_loop_and_a_rush_share_the_connections(profile: Any) -> None:
    all_have_asked = threading.Barrier(5)

    def talk(connection: socket.socket) -> None:
        hear(connection)
        all_have_asked.wait(60)
        connection.sendall(OK)
        saying(OK)(connection)

    with listening(talk) as server:
        run = Battery(Firing(server.url, some(100), 600, profile, connections=5, timeout=60), 2).fire()
        assert server.talks == 5
    assert run.accepted == run.planned == 100
    assert adds_up(run)


def test_each_process_ends_with_its_part_of_the_ammunition() -> None:
    with listening(saying(OK)) as server:
        run = Battery(Firing(server.url, some(31), 600, None, connections=4), 2).fire()
    assert run.accepted == 31
    assert adds_up(run)


def test_it_can_be_looked_at_while_it_fires() -> None:
    seen: list[int] = []

    def look(run: Run) -> None:
        seen.append(run.planned)
        if len(set(seen) - {0}) == 2:
            battery.stop()

    with listening(saying(OK)) as server:
        battery = Battery(Firing(server.url, numbered, 60, Const(100)), 2)
        run = battery.fire(look)
    assert seen == sorted(seen)
    assert len(set(seen) - {0}) >= 2
    assert seen[-1] == run.planned == run.accepted < 6000


@pytest.mark.parametrize("halt", [False, True])
def test_a_stop_waits_for_answers_and_a_halt_does_not(halt: bool) -> None:
    go, came = threading.Event(), threading.Event()

    def talk(connection: socket.socket) -> None:
        while True:
            hear(connection)
            came.set()
            go.wait()
            connection.sendall(OK)

    def end() -> None:
        came.wait()
        battery.halt() if halt else battery.stop()
        if not halt:
            threading.Timer(0.2, go.set).start()

    with listening(talk) as server:
        battery = Battery(Firing(server.url, numbered, 60, Const(50), timeout=30), 2)
        thread = threading.Thread(target=end)
        thread.start()
        run = battery.fire()
        thread.join()
        go.set()
    assert run.interrupted
    assert run.planned > 0
    assert (run.unknown == 0) is not halt
    assert run.elapsed_seconds < 30
    assert adds_up(run)


def test_a_stop_before_the_processes_are_there_is_not_lost() -> None:
    with listening(saying(OK)) as server:
        battery = Battery(Firing(server.url, numbered, 60, Const(50)), 2)
        battery.stop()
        run = battery.fire()
    assert (run.interrupted, run.planned) == (True, 0)


def test_a_process_that_is_killed_ends_the_run_and_the_others() -> None:
    def kill(run: Run) -> None:
        if run.accepted:
            os.kill(battery._parts[0].pid, signal.SIGKILL)

    with listening(saying(OK)) as server:
        battery = Battery(Firing(server.url, numbered, 60, Const(50)), 2)
        with pytest.raises(ForebayError, match="has died"):
            battery.fire(kill)
    assert battery.run.interrupted
    assert battery.run.accepted > 0  # what was counted until then is there


def test_a_process_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    def ammo(index: int) -> Shot:
        if index == 1:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
            time.sleep(600)
        return numbered(index)

    def enough(run: Run) -> None:
        raise LookupError("enough")

    monkeypatch.setattr("forebay.load.battery._GRACE_SECONDS", 0.2)
    with listening(saying(OK)) as server:
        battery = Battery(Firing(server.url, ammo, 60, Const(50)), 2)
        with pytest.raises(LookupError, match="enough"):
            battery.fire(enough)


@pytest.mark.parametrize(("error", "raised"), [(UsageError("no", "yes"), UsageError), (OSError("no"), ForebayError)])
def test_an_error_in_a_process_is_raised_by_the_battery(error: Exception, raised: type[Exception]) -> None:
    def ammo(index: int) -> Shot:
        if index == 7:
            raise error
        return numbered(index)

    with listening(saying(OK)) as server:
        battery = Battery(Firing(server.url, ammo, 60, Const(100)), 2)
        with pytest.raises(raised, match="no") as caught:
            battery.fire()
    assert isinstance(caught.value, ForebayError)
    line = ammo.__code__.co_firstlineno + 2
    assert caught.value.hint == ("yes" if raised is UsageError else f"line {line} of {__file__}")


def test_what_cannot_be_fired_is_refused_before_there_is_a_process() -> None:
    with pytest.raises(UsageError, match="cannot share"):
        Battery(Firing("http://localhost/", numbered, 1, connections=1), 2)
    with pytest.raises(Unavailable, match="has no address"):
        Battery(Firing("http://no-such-host.invalid/", numbered, 1)).fire()


PROGRAM = """
import sys
from forebay.load.battery import Battery
from forebay.load.firing import Firing
from forebay.load.profiles.shapes import Const
from forebay.load.shot import Shot
Battery(Firing(sys.argv[1], lambda i: Shot(), 600, Const(50)), 2).fire()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_fire_ends_with_the_program_that_began_it(how: signal.Signals) -> None:
    """Also when it is killed: nobody else would know that a target is being fired at."""
    begun, ended = threading.Event(), threading.Semaphore(0)

    def talk(connection: socket.socket) -> None:
        begun.set()
        try:
            while True:
                hear(connection)
                connection.sendall(OK)
        finally:
            ended.release()

    with listening(talk) as server:
        with subprocess.Popen([sys.executable, "-c", PROGRAM, server.url], stderr=subprocess.DEVNULL) as program:
            assert begun.wait(60)
            time.sleep(0.1)
            program.send_signal(how)
            program.wait(30)
        for _ in range(server.talks):
            assert ended.acquire(timeout=30)
