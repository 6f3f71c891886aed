from __future__ import annotations

import os
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from forebay.errors import UsageError
from forebay.load.ammo.notation import ammo_of
from forebay.load.shot import Shot, UsedUp

MODULE = """
from forebay.load.shot import Shot

def generated(begin=0):
    for n in range(begin, begin + 5):
        yield {"path": f"/{n}", "method": "GET", "tag": "g"}

def listed():
    return [b"{}", Shot(path="/x"), {"body": "text", "headers": {"A": "b"}}]

def indexed(index, users=10):
    return {"path": f"/{index % users}", "method": "GET"}

def posted(index: int) -> bytes:
    return b"%d" % index

def broken(index):
    return {"pth": "/"}

def nothing():
    return 5

def two(a, b):
    return b""

value = 7
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop_shots.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


def test_a_generator_yields_shots_until_it_ends() -> None:
    ammo = ammo_of("shop_shots:generated?begin=3")
    assert [ammo(index) for index in range(5)] == [Shot(path=f"/{n}", method="GET", tag="g") for n in range(3, 8)]
    with pytest.raises(UsedUp):
        ammo(5)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_processes_share_a_generator_and_a_forked_one_begins_anew() -> None:
    ammo = ammo_of("shop_shots:generated")
    assert [ammo(index).path for index in (1, 3)] == ["/1", "/3"]
    assert ammo(0).path == "/0"
    pid = os.fork()
    if not pid:
        os._exit(0 if [ammo(index).path for index in (0, 2, 4)] == ["/0", "/2", "/4"] else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert ammo(1).path == "/1"


def test_bytes_dicts_and_shots_are_shots() -> None:
    ammo = ammo_of("shop_shots:listed")
    assert [ammo(index) for index in range(3)] == [
        Shot(b"{}"),
        Shot(path="/x"),
        Shot(b"text", headers={"A": "b"}),
    ]


def test_a_function_of_the_index_makes_each_shot() -> None:
    ammo = ammo_of("shop_shots:indexed?users=3")
    assert [ammo(index).path for index in range(5)] == ["/0", "/1", "/2", "/0", "/1"]
    assert ammo_of("shop_shots:posted")(12) == Shot(b"12")


def test_headers_and_a_limit_hold_for_functions_too() -> None:
    ammo = ammo_of("shop_shots:listed", headers={"a": "outer", "C": "d"}, limit=2)
    assert ammo(0).headers == {"a": "outer", "C": "d"}
    with pytest.raises(UsedUp):
        ammo(2)
    ammo = ammo_of("shop_shots:listed", headers={"a": "outer", "C": "d"})
    assert ammo(2).headers == {"A": "b", "C": "d"}


def test_rates_are_those_of_the_service_each_as_likely_and_the_same_for_the_same_seed() -> None:
    ammo = ammo_of("forebay:rates?seed=7", headers={"X": "y"})
    drawn = Counter(ammo(index).path for index in range(11_000))
    assert drawn.keys() == {f"/rate?rate={rate}" for rate in range(11)}
    assert all(850 < n < 1150 for n in drawn.values())
    assert [ammo(i) for i in range(50)] == [ammo_of("forebay:rates?seed=7", headers={"X": "y"})(i) for i in range(50)]
    assert [ammo(i) for i in range(50)] != [ammo_of("forebay:rates?seed=8", headers={"X": "y"})(i) for i in range(50)]
    assert ammo(0).method == "POST"
    same = [next(i for i in count() if ammo(i).path == "/rate?rate=3") for _ in range(2)]
    assert ammo(same[0]) is ammo(same[1])


def test_orders_take_options() -> None:
    assert ammo_of("forebay:orders?seed=3&marker=shop")(4).id == "shop-3-4"
    assert ammo_of("forebay:orders?marker=007")(4).id == "007-0-4"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("forebay:nothing", "not built in"),
        ("forebay:rates?sed=7", "unexpected keyword argument 'sed'"),
        ("forebay:rates?seed=x", "seed=x is not a number"),
        ("forebay:orders?invalid=50%", "invalid=50% is not a number"),
        ("forebay:orders?invalid=nan", "not possible"),
        ("no_such_module:shots", "No module named"),
        ("shop_shots:missing", "not a function"),
        ("shop_shots:value", "not a function"),
        ("shop_shots:two", "needs 2 arguments"),
    ],
)
def test_what_is_no_ammunition_is_named_at_once(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        ammo_of(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"), [("shop_shots:broken", "'pth' is not known"), ("shop_shots:nothing", "yields no shots")]
)
def test_what_is_no_shot_is_named_when_it_comes(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ammo_of(text)(0)
