from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import UsageError
from forebay.load.ammo.orders import orders


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_an_order_is_valid_recognisable_and_always_the_same(seed: int, index: int) -> None:
    shot = orders(seed)(index)
    order = json.loads(shot.body)
    assert order.keys() == {"product_id", "count", "username"}
    assert 0 <= int(order["product_id"]) <= 100
    assert 0 <= int(order["count"]) <= 100
    assert order["username"] == shot.id == f"forebay-{seed}-{index}"
    assert orders(seed)(index) == shot


def test_orders_differ() -> None:
    shots = [orders(1)(i) for i in range(2000)]
    assert len({shot.id for shot in shots}) == 2000
    assert {json.loads(shot.body)["product_id"] for shot in shots} == {str(n) for n in range(101)}


def test_the_share_of_invalid_orders_is_the_one_asked_for() -> None:
    plain, mixed = orders(3), orders(3, invalid=0.25)
    spoilt = sum(plain(i).body != mixed(i).body for i in range(4000))
    assert 0.2 < spoilt / 4000 < 0.3
    assert all(orders(3, invalid=1)(i).body != plain(i).body for i in range(50))


@pytest.mark.parametrize("wrong", [{"invalid": 1.5}, {"invalid": -0.1}, {"marker": ""}, {"marker": 'a"b'}])
def test_what_is_not_possible_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="not possible"):
        orders(**wrong)  # type: ignore[arg-type]
