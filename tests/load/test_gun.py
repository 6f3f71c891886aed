from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from forebay.errors import UsageError
from forebay.load.battery import Battery
from forebay.load.cannon import Cannon
from forebay.load.engines.alarm import Alarm
from forebay.load.engines.gun import NotSent, load
from forebay.load.firing import Firing
from forebay.load.profiles.notation import parse
from forebay.load.profiles.shapes import Const, Sine
from forebay.load.results.run import Run
from forebay.load.shot import Kind, Outcome, Shot
from wire import adds_up, fire, numbered, some


async def at_once(shot: Shot) -> int:
    return 200 + int(shot.body) % 2


async def never(shot: Shot) -> None:
    await asyncio.Event().wait()


def shoot(gun: Any, profile: Any, seconds: float = 0.1, ammo: Any = numbered, **options: Any) -> Run:
    return fire("gun", profile, seconds, ammo, gun=gun, **options)


def test_a_gun_fires_by_the_plan_and_says_how_each_shot_ended() -> None:
    outcomes: list[Outcome] = []
    run = shoot(at_once, Sine(0, 200, 0.5), 0.6, on_outcome=outcomes.append)
    expected = len(list(Sine(0, 200, 0.5).shots(0.6)))
    assert (run.planned, run.accepted) == (expected, expected)
    assert dict(run.statuses) == {200: (expected + 1) // 2, 201: expected // 2}
    assert {o.id for o in outcomes} == {f"shot-{i}" for i in range(expected)}
    assert all(o.planned <= o.sent <= o.done for o in outcomes)
    assert run.elapsed_seconds >= 0.6
    assert adds_up(run)


def test_the_time_of_a_gun_is_counted_from_the_plan() -> None:
    """With one place the second shot waits for the first."""

    async def slow(shot: Shot) -> None:
        await asyncio.sleep(0.05)

    outcomes: list[Outcome] = []
    run = shoot(slow, Const(1000), 0.004, on_outcome=outcomes.append, connections=1)
    assert run.accepted == 4
    last = outcomes[-1]
    assert last.response_seconds >= 0.19
    assert last.service_seconds < last.response_seconds - 0.1
    assert run.lag.max >= 0.14
    assert run.late.percentile(50) < run.lag.percentile(50)


def test_no_more_shots_are_under_way_than_allowed() -> None:
    under_way, most = 0, 0

    async def counting(shot: Shot) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1

    for profile in (Const(5000), None, parse("unlimited(600s)")):
        most = 0
        run = shoot(counting, profile, 600, some(500), connections=7)
        assert run.accepted == run.planned == 500
        assert most <= 7
        assert adds_up(run)
    assert most == 7


def test_what_is_raised_is_unknown_and_what_was_not_sent_is_refused() -> None:
    async def failing(shot: Shot) -> None:
        number = int(shot.body) % 4
        if number == 1:
            raise NotSent("no connection")
        if number == 2:
            raise ValueError("strange")
        if number == 3:
            raise asyncio.CancelledError

    outcomes: list[Outcome] = []
    run = shoot(failing, Const(400), on_outcome=outcomes.append)
    assert (run.accepted, run.refused, run.unknown) == (10, 10, 20)
    assert dict(run.reasons) == {"no connection": 10, "ValueError: strange": 10, "CancelledError": 10}
    assert {o.kind for o in outcomes if int(o.id[5:]) % 4 == 1} == {Kind.REFUSED}
    assert adds_up(run)


def test_what_takes_too_long_is_given_up_and_makes_room() -> None:
    run = shoot(never, Const(100), timeout=0.2, connections=4)
    assert run.answered == 0
    assert run.unknown >= 4
    assert run.unknown + run.refused == 10
    assert set(run.reasons) <= {"no answer in time", "no place was free in time"}
    assert adds_up(run)


def test_a_gun_that_will_not_give_up_is_counted_once_and_left_behind() -> None:
    async def stubborn(shot: Shot) -> None:
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.3)

    run = shoot(stubborn, Const(50), 0.1, timeout=0.1)
    assert dict(run.reasons) == {"no answer in time": 5}
    assert adds_up(run)


def test_what_lives_as_long_as_the_run_is_opened_and_closed_in_its_loop() -> None:
    said: list[str] = []

    @contextlib.asynccontextmanager
    async def gun() -> AsyncIterator[Any]:
        loop = asyncio.get_running_loop()
        said.append("open")

        async def shoot(shot: Shot) -> None:
            assert asyncio.get_running_loop() is loop
            said.append("shot")

        yield shoot
        said.append("closed")

    assert shoot(gun, Const(30)).accepted == 3
    assert said == ["open", "shot", "shot", "shot", "closed"]


@pytest.mark.parametrize("profile", [Const(1000), None])
def test_a_run_of_a_gun_ends_with_its_ammunition(profile: Any) -> None:
    run = shoot(at_once, profile, 600, some(9), connections=2)
    assert run.accepted == 9
    assert run.elapsed_seconds < 60
    assert adds_up(run)


@pytest.mark.parametrize("halt", [False, True])
def test_a_gun_can_be_stopped_and_halted(halt: bool) -> None:
    came, go = threading.Event(), threading.Event()

    async def waiting(shot: Shot) -> None:
        came.set()
        while not go.is_set():
            await asyncio.sleep(0.01)

    def end() -> None:
        came.wait(30)
        engine.halt() if halt else engine.stop()
        if not halt:
            ended.wait(0.3)  # it is waited for
            go.set()

    ended = threading.Event()
    firing = Firing("gun", numbered, 600, Const(50), gun=waiting)
    run = firing.run()
    engine = firing.engine(run)
    thread = threading.Thread(target=end)
    thread.start()
    engine.fire()
    ended.set()
    thread.join()
    assert run.planned > 0
    assert (run.unknown > 0) is halt
    assert adds_up(run)


@pytest.mark.parametrize("wrong", [lambda: 7, lambda a, b: None, lambda shot: 200, 3])
def test_what_is_no_gun_is_told_as_such(wrong: Any) -> None:
    with pytest.raises(UsageError) as caught:
        shoot(wrong, Const(30))
    assert "async def shoot(shot)" in caught.value.hint


@pytest.mark.parametrize("returned", ["200", 0, -1, 2.5, object()])
def test_a_gun_that_returns_no_status_ends_the_run(returned: Any) -> None:
    async def odd(shot: Shot) -> Any:
        return returned

    with pytest.raises(UsageError, match="a gun returned"):
        shoot(odd, Const(30), 60)


def test_errors_of_ammunition_and_listeners_end_the_run() -> None:
    def broken(*_: Any) -> Any:
        raise LookupError("no such shot")

    for wrong in ({"ammo": broken}, {"on_outcome": broken}, {"on_rows": broken}):
        with pytest.raises(LookupError, match="no such shot"):
            shoot(at_once, Const(30), 60, **wrong)


async def test_a_gun_is_fired_from_asyncio_and_by_several_processes_too() -> None:
    firing = Firing("gun", numbered, 0.2, Const(100), gun=at_once)
    run = await Cannon(firing).fire()
    assert (run.accepted, adds_up(run)) == (20, True)


def test_several_processes_share_the_plan_of_a_gun() -> None:
    run = Battery(Firing("gun", numbered, 0.3, Const(100), gun=at_once), 2).fire()
    assert dict(run.statuses) == {200: 15, 201: 15}
    assert adds_up(run)


def test_an_alarm_never_rings_before_its_time() -> None:
    async def main() -> list[int]:
        rung: list[int] = []
        ended = asyncio.Event()

        def ring() -> None:
            rung.append(time.perf_counter_ns())
            ended.set()

        alarm = Alarm(asyncio.get_running_loop(), ring)
        for ahead in (300_000, 50_000_000, -1):
            alarm.set(time.perf_counter_ns() + 60_000_000_000)  # which the next one replaces
            due = time.perf_counter_ns() + ahead
            alarm.set(due)
            await ended.wait()
            ended.clear()
            assert rung[-1] >= due
        alarm.close()
        return rung

    assert len(asyncio.run(main())) == 3


def test_a_gun_is_named_by_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_gun_for_tests.py").write_text("async def shoot(shot):\n    return 204\n")
    monkeypatch.chdir(tmp_path)
    assert dict(shoot(load("my_gun_for_tests:shoot"), Const(30)).statuses) == {204: 3}
    for wrong in ("my_gun_for_tests:other", "no_such_module:shoot", ":shoot", "my_gun_for_tests"):
        with pytest.raises(UsageError):
            load(wrong)
