import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from forebay.errors import Undecodable, UsageError
from forebay.message import Message
from forebay.workers.handler import Handler, Work


class Order(msgspec.Struct):
    count: int


async def takes_order(order: Order) -> int:
    return order.count


async def takes_bytes(body: bytes) -> None: ...
async def takes_message(message: Message) -> None: ...
async def takes_anything(body) -> None: ...
async def takes_work(order: Order, work: Work) -> None: ...
def is_sync(order: Order, times: int = 2) -> int:
    return order.count * times


@pytest.mark.parametrize(
    ("function", "body"),
    [
        (takes_order, Order(3)),
        (takes_bytes, b'{"count": 3}'),
        (takes_anything, {"count": 3}),
        (is_sync, Order(3)),
    ],
)
def test_a_handler_gets_the_body_as_it_is_annotated(function, body):
    assert Handler(function).body_of(Message("1", b'{"count": 3}')) == body


def test_a_handler_may_take_the_message_itself_and_the_circumstances():
    message = Message("1", b"x")
    assert Handler(takes_message).body_of(message) is message
    assert Handler(takes_work).takes_work
    assert not Handler(is_sync).takes_work


@pytest.mark.parametrize("body", [b"", b"{", b'{"count": "3"}', b"\xff", b"[" * 100_000, b'{"count": 1e999}'])
def test_a_body_of_another_kind_is_undecodable(body):
    with pytest.raises(Undecodable):
        Handler(takes_order).body_of(Message("1", body))


async def test_a_sync_handler_is_called_in_a_thread():
    with ThreadPoolExecutor(1) as threads:
        assert await Handler(is_sync).calling(threads)(Order(3)) == 6


async def test_a_wrapped_or_callable_handler_is_recognised_as_async():
    @functools.wraps(takes_order)
    async def wrapped(order):
        return await takes_order(order)

    class Callable:
        async def __call__(self, body: bytes) -> None: ...

    assert Handler(wrapped).is_async
    assert Handler(Callable()).is_async


def test_a_batch_handler_takes_a_list():
    async def takes_list(orders: list[Order]) -> None: ...

    async def takes_any_list(bodies) -> None: ...

    assert Handler(takes_list, batch=5).body_of(Message("1", b'{"count": 3}')) == Order(3)
    assert Handler(takes_any_list, batch=5).body_type is Any
    with pytest.raises(UsageError, match="takes a list"):
        Handler(takes_order, batch=5)


def test_a_function_that_does_not_take_a_body_is_refused_when_it_is_declared():
    async def takes_nothing() -> None: ...

    async def takes_too_much(a, b, c) -> None: ...

    async def takes_a_keyword(a, *, b) -> None: ...

    async def takes_what_is_not_json(a: Order, b: Work) -> None: ...

    for function in (takes_nothing, takes_too_much, takes_a_keyword):
        with pytest.raises(UsageError):
            Handler(function)


class NotJSON:
    def __init__(self, a, b): ...


def test_an_annotation_that_is_not_json_is_refused_when_it_is_declared():
    async def takes_a_dict_by_number(body: dict[float | NotJSON, int]) -> None: ...

    with pytest.raises(UsageError, match="cannot be read as"):
        Handler(takes_a_dict_by_number)


def test_an_annotation_that_cannot_be_found_is_refused_with_advice():
    async def takes_a_stranger(body: "Stranger") -> None: ...  # noqa: F821

    with pytest.raises(UsageError, match="Stranger") as caught:
        Handler(takes_a_stranger)
    assert "top of the module" in caught.value.hint
