"""What an application declares, and which declarations are refused."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from forebay import App, RetryPolicy, UsageError


class Order(msgspec.Struct):
    n: int


def test_a_path_is_an_intake_and_a_handler_of_the_topic_that_its_last_part_names():
    app = App("shop")

    @app.post("/shop/orders", workers=3, retry=RetryPolicy(attempts=2), timeout=5)
    async def work_off(order: Order) -> None: ...

    (intake,) = app.intakes
    handler = app.handlers["orders"]
    assert (intake.path, intake.topics, intake.body) == ("/shop/orders", ("orders",), Order)
    assert (handler.workers, handler.retry.attempts, handler.timeout) == (3, 2, 5)
    assert app.topics == ["orders"]


def test_a_declared_function_stays_the_plain_function_that_a_unit_test_calls():
    app = App()

    @app.handler("numbers")
    async def double(n: int) -> int:
        return 2 * n

    assert asyncio.run(double(21)) == 42


def test_topics_are_told_in_the_order_of_their_declaration_each_once():
    app = App()

    async def handler(body: bytes) -> None: ...

    app.intake("/b", bytes)
    app.post("/a")(handler)
    app.handler("c")(handler)
    app.handler("b")(handler)
    assert app.topics == ["b", "a", "c"]


@pytest.mark.parametrize("path", ["orders", "", "/orders/{id}", "/", "/sp ace", "/a/ä", "/a b", "/a//b", "/a?b"])
def test_a_path_that_is_none_or_names_no_topic_is_refused(path):
    with pytest.raises(UsageError):
        App().intake(path, bytes)


def test_a_path_that_names_no_topic_may_be_given_one():
    app = App()
    app.intake("/orders.json", bytes, topic="orders")
    assert app.topics == ["orders"]


@pytest.mark.parametrize("topic", ["", "a b", "ä", "-a", "a" * 101, "a.b", "a/b"])
def test_a_topic_without_a_proper_name_is_refused(topic):
    async def handler(body: bytes) -> None: ...

    with pytest.raises(UsageError, match="topic"):
        App().handler(topic)(handler)


def test_a_path_declared_twice_and_a_topic_with_two_handlers_are_refused():
    app = App()

    async def handler(body: bytes) -> None: ...

    app.post("/orders")(handler)
    with pytest.raises(UsageError, match="two handlers"):
        app.post("/v2/orders")(handler)
    with pytest.raises(UsageError, match="twice"):
        app.intake("/orders", bytes)
    assert len(app.intakes) == 1


def test_two_paths_may_lead_to_one_topic():
    app = App()

    async def handler(body: bytes) -> None: ...

    app.post("/orders")(handler)
    app.intake("/v2/orders", bytes, topic="orders")
    assert app.topics == ["orders"]


def test_a_refused_declaration_leaves_nothing_behind():
    app = App()

    async def handler(body: bytes) -> None: ...

    with pytest.raises(UsageError):
        app.post("orders")(handler)
    assert (app.intakes, app.topics) == ([], [])


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_nothing_is_refused(size):
    async def handler(bodies: list[bytes]) -> None: ...

    with pytest.raises(UsageError, match="batch"):
        App().handler("x", batch=size)(handler)


@pytest.mark.parametrize("more", [{"workers": 0}, {"workers": -1}, {"timeout": 0}, {"timeout": -1.0}])
def test_workers_and_timeouts_that_mean_nothing_are_refused(more):
    async def handler(body: bytes) -> None: ...

    with pytest.raises(UsageError):
        App().handler("x", **more)(handler)


def test_a_function_that_is_no_handler_is_refused_with_a_hint():
    def none() -> None: ...

    with pytest.raises(UsageError) as caught:
        App().post("/orders")(none)
    assert caught.value.hint


def test_a_setting_that_is_none_is_refused_by_its_name():
    with pytest.raises(UsageError, match="wokrers"):
        App().running(wokrers=2)
    with pytest.raises(UsageError, match="wokrers"):
        App().asgi(wokrers=2)


def test_parameters_that_nobody_reads_are_refused():
    with pytest.raises(UsageError, match="nobody reads"):
        App().intake("/rate", bytes, parameters=("rate",))
