from __future__ import annotations

import threading
import time

import pytest

from forebay.errors import ForebayError, Unavailable
from forebay.load.battery import Battery
from forebay.load.firing import Firing
from forebay.load.profiles.shapes import Once
from forebay.load.salvo import Salvo
from forebay.load.shot import Shot
from wire import OK, hear, listening, saying

SHOT = Shot(method="GET")


def battery(url: str, seconds: float = 1.0, shots: int = 0) -> Battery:
    """Return a battery of one connection: of a closed loop, or of so many shots at once."""
    profile = Once(shots) if shots else None
    return Battery(Firing(url, lambda index: SHOT, seconds, profile, connections=1))


def test_several_fire_at_once_and_are_told_together() -> None:
    looks = []
    with listening(saying(OK)) as left, listening(saying(OK)) as right:
        salvo = Salvo([battery(left.url, shots=3), battery(right.url, shots=4)])
        salvo.fire(lambda: looks.append(salvo.run.answered))
        assert (left.talks, right.talks) == (1, 1)
    assert [one.run.answered for one in salvo.batteries] == [3, 4]
    assert salvo.run.answered == 7
    assert looks[-1] == 7


def test_what_ends_behind_the_back_of_a_look_is_seen_by_the_last() -> None:
    go, threads, seen = threading.Event(), list[threading.Thread](), list[int]()

    class Quick:
        def fire(self) -> None: ...

    class Slow:
        ended = 0

        def fire(self) -> None:
            threads.append(threading.current_thread())
            go.wait()
            self.ended = 1

    def look() -> None:
        seen.append(slow.ended)
        go.set()
        threads[0].join()

    slow = Slow()
    Salvo([Quick(), slow]).fire(look)  # type: ignore[list-item]
    assert seen[-1] == 1


def test_one_alone_is_its_own_run() -> None:
    with listening(saying(OK)) as server:
        salvo = Salvo([battery(server.url, shots=3)])
        salvo.fire(lambda: None)
    assert salvo.run is salvo.batteries[0].run
    assert salvo.run.answered == 3


def test_all_are_stopped_together() -> None:
    def slowly(connection):  # type: ignore[no-untyped-def]
        while True:
            hear(connection)
            time.sleep(0.05)
            connection.sendall(OK)

    with listening(slowly) as left, listening(slowly) as right:
        salvo = Salvo([battery(left.url, 3600.0), battery(right.url, 3600.0)])
        salvo.fire(salvo.stop)
    assert salvo.run.interrupted
    assert salvo.run.unknown == 0


@pytest.mark.parametrize("wrong_first", [True, False])
def test_what_goes_wrong_in_one_ends_the_others(wrong_first: bool) -> None:
    with listening(saying(OK)) as server:
        batteries = [battery("http://nowhere.invalid/", 3600.0), battery(server.url, 3600.0)]
        salvo = Salvo(batteries if wrong_first else batteries[::-1])
        with pytest.raises(Unavailable, match="no address"):
            salvo.fire(lambda: None)


def test_a_look_that_fails_ends_all() -> None:
    def fail() -> None:
        raise ForebayError("no more")

    with listening(saying(OK)) as server:
        salvo = Salvo([battery(server.url, 3600.0), battery(server.url, 3600.0)])
        with pytest.raises(ForebayError, match="no more"):
            salvo.fire(fail)
    assert salvo.run.interrupted
