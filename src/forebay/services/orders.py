"""Orders of a marketplace: taken at the pace of the customers, worked off at the pace of the shop."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from msgspec import Meta, Struct

from forebay import Answers, App
from forebay.services.setting import read_setting
from forebay.services.work_time import work_time

Number = (
    Annotated[int, Meta(ge=0, le=100)] | Annotated[str, Meta(pattern=r"^(?:100|[1-9]?[0-9])(?![\s\S])", max_length=3)]
)
"""0 to 100, as an integer or as its decimal digits; no sign, no blank, no leading zero, no other alphabet."""


class Order(Struct, frozen=True, forbid_unknown_fields=True):
    """What a customer sends."""

    product_id: Number
    count: Number
    username: Annotated[str, Meta(min_length=1, max_length=256)]


ANSWERS = Answers.of_results(created="created", invalid="invalid")
"""The words of the task that this service was made for."""


def orders(work: str = "0s") -> App:
    """Return the orders service.

    Arguments:
        work: how long the pretended work on one order takes: 100ms, or by a law, M(100ms).
    """
    app = App("orders")
    time_of_work = read_setting("work", work, work_time)

    @app.post("/orders", answers=ANSWERS)
    async def work_off(order: Order) -> dict[str, Any]:
        if seconds := time_of_work.draw():
            await asyncio.sleep(seconds)
        return {"product_id": int(order.product_id), "count": int(order.count), "username": order.username}

    return app
