"""Made-up orders: the same for the same seed, such as the service takes them, and broken in every way on request."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import Undecodable, UsageError
from forebay.services.orderstore.generating.breaking import FLAWS, Flaw, broken
from forebay.services.orderstore.generating.customers import COUNTRIES, customers, mailbox
from forebay.services.orderstore.generating.goods import goods
from forebay.services.orderstore.generating.orders import LARGEST, Orders
from forebay.services.orderstore.order import Order
from forebay.services.orderstore.reading import reader

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
ROW = Orders(7, START)
SAME = Orders(7, START.astimezone(timezone(timedelta(hours=3))))
SPOILT = Orders(7, START, share_broken=0.2)

indexes = st.integers(0, 2**40)


@given(indexes)
def test_an_order_is_the_same_whoever_makes_it_and_whenever(index):
    assert ROW.body(index) == SAME.body(index)


@given(indexes)
def test_the_service_takes_it_and_its_sums_are_right(index):
    reader(LARGEST)(ROW.body(index))
    order = msgspec.json.decode(ROW.body(index), type=Order)
    assert order == ROW.order(index)
    assert order.order_uid == order.payment.transaction == ROW.uid(index)
    assert 1 <= len(order.items) <= 4
    for item in order.items:
        assert item.track_number == order.track_number
        assert item.total_price == item.price * (100 - item.sale) // 100
    assert len({item.rid for item in order.items}) == len(order.items)
    payment = order.payment
    assert payment.goods_total == sum(item.total_price for item in order.items)
    assert payment.amount == payment.goods_total + payment.delivery_cost + payment.custom_fee
    assert START - timedelta(days=1) <= order.date_created <= START
    assert 0 <= order.date_created.timestamp() - payment.payment_dt < 60


@given(indexes)
def test_its_date_is_rfc_3339_and_its_name_is_in_its_email(index):
    text = ROW.body(index).decode()
    assert re.search(r'"date_created":"2026-01-3[01]T\d\d:\d\d:\d\dZ"', text)
    delivery = ROW.order(index).delivery
    assert re.fullmatch(re.escape(mailbox(delivery.name)) + r"\d+@example\.(com|net|org)", delivery.email)


def test_no_two_orders_have_one_uid_and_they_are_about_a_kilobyte():
    assert len({ROW.uid(i) for i in range(20_000)}) == 20_000
    sizes = [len(ROW.body(i)) for i in range(2_000)]
    assert 900 < sum(sizes) / len(sizes) < 1_300
    assert max(sizes) < 2_000


def test_another_seed_and_another_start_are_other_orders():
    other_seed, later = Orders(8, START), Orders(7, START + timedelta(seconds=1))
    assert not {ROW.uid(i) for i in range(1_000)} & {row.uid(i) for row in (other_seed, later) for i in range(1_000)}
    assert ROW.order(3).delivery == later.order(3).delivery
    assert ROW.order(3).items[0].nm_id == later.order(3).items[0].nm_id


def test_an_article_is_the_same_in_all_orders_and_customers_are_of_one_country():
    names, banks = {}, {}
    for index in range(3_000):
        order = ROW.order(index)
        banks.setdefault(order.customer_id, set()).add((order.locale, order.payment.currency, order.payment.bank))
        for item in order.items:
            names.setdefault(item.nm_id, set()).add((item.name, item.brand))
    assert {len(found) for found in (*names.values(), *banks.values())} == {1}
    assert {order.locale for order in map(ROW.order, range(500))} == {country.locale.value for country in COUNTRIES}


def test_a_city_lies_in_one_region_and_every_article_has_a_size():
    made = customers(7, 1_200)
    assert len({one.id for one in made}) == len({one.delivery.email for one in made}) == 1_200
    articles = goods(7, 400)
    assert all(article.sizes and article.price > 0 and article.brand for article in articles)
    variants = [number for article in articles for _, number in article.sizes]
    assert len(set(variants)) == len(variants)
    assert {article.brand for article in articles if article.name.startswith("iPhone")} == {"Apple"}


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Jürgen Groß", "jurgen.gross"),
        ("Concepción Márquez", "concepcion.marquez"),
        ("Щукин Юрий", "shchukin.yuriy"),
        ("Cascata D’Arrigo", "cascata.darrigo"),
        ("Łukasz Øster", "lukasz.oster"),
    ],
)
def test_a_mailbox_is_plain(name, plain):
    assert mailbox(name) == plain


def test_the_share_of_broken_ones_is_as_asked_and_each_flaw_comes():
    found = Counter(SPOILT.flaw(i) for i in range(20_000))
    assert 0.19 < 1 - found.pop(None) / 20_000 < 0.21
    assert set(found) == set(Flaw)
    assert min(found.values()) > 20_000 * 0.2 / len(FLAWS) * 0.7


def test_those_that_are_not_broken_are_as_they_would_be_otherwise():
    whole = [i for i in range(500) if SPOILT.flaw(i) is None]
    assert [SPOILT.body(i) for i in whole] == [ROW.body(i) for i in whole]
    assert ROW.flaw(3) is None
    every = Orders(7, START, share_broken=1.0)
    assert all(every.flaw(i) for i in range(500))


REASONS = {
    Flaw.NOT_JSON: "not JSON",
    Flaw.CUT_OFF: "not JSON",
    Flaw.MISSING_FIELD: "missing required field `locale`",
    Flaw.WRONG_TYPE: "Expected `int`, got `str`",
    Flaw.NUL: "NUL character",
    Flaw.LONE_SURROGATE: "surrogate",
    Flaw.HUGE_EXPONENT: "exponent too large",
    Flaw.NOT_UTF8: "not UTF-8",
    Flaw.REPEATED_KEY: "a key comes twice",
    Flaw.TOO_LARGE: "more than 20,000",
    Flaw.EMPTY: "not JSON",
}


@pytest.mark.parametrize("flaw", FLAWS)
@given(index=indexes)
def test_what_is_broken_is_refused_for_its_flaw_alone(flaw, index):
    body = broken(ROW.body(index), flaw, LARGEST)
    with pytest.raises(Undecodable, match=REASONS[flaw]):
        reader(LARGEST)(body)


def test_a_larger_limit_makes_larger_ones():
    body = broken(ROW.body(0), Flaw.TOO_LARGE, 100_000)
    assert len(body) > 100_000
    reader(200_000)(body)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(UsageError, match="not possible"):
        Orders(share_broken=share)
