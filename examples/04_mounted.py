"""A levelled path inside a Starlette program; FastAPI mounts it in the same way.

uvicorn 04_mounted:api
"""

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from forebay import App, QueueFull


class Order(msgspec.Struct):
    product: str
    count: int


shop = App("shop")


@shop.post("/orders")
async def work_off(order: Order) -> dict:
    return {"shipped": order.count}


levelled = shop.asgi(queue="sqlite:///shop.db", workers=6)


async def checkout(request: Request) -> JSONResponse:
    """Publish from an endpoint of one's own: answered when the order is on the disk."""
    order = Order(request.path_params["product"], 1)
    try:
        return JSONResponse({"accepted": await levelled.running.publish("orders", order)}, 202)
    except QueueFull:
        return JSONResponse({"accepted": None}, 503)


api = Starlette(
    routes=[Route("/checkout/{product}", checkout, methods=["POST"]), Mount("/shop", app=levelled)],
    lifespan=levelled.lifespan,
)
