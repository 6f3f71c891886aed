"""The intake of ratings as FastAPI and Starlette programs usually have it: a publish a request, the client's own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi import Response as FastAPIResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

URL = os.environ["BENCHMARK_BROKER"]
Publish = Callable[[bytes], Awaitable[Any]]


@asynccontextmanager
async def publisher() -> AsyncIterator[Publish]:
    """Open the client of the broker; what it returns awaits the broker's word that the message is kept."""
    scheme, _, host = URL.partition("://")
    if scheme == "nats":
        import nats

        client = await nats.connect(URL)
        stream = client.jetstream()
        await stream.add_stream(name="peer", subjects=["peer"])
        yield lambda body: stream.publish("peer", body)
        await client.close()
    elif scheme == "redis":
        from redis.asyncio import Redis

        redis = Redis.from_url(URL)
        yield lambda body: redis.xadd("peer", {"body": body})
        await redis.aclose()
    else:
        from confluent_kafka.aio import AIOProducer

        producer = AIOProducer({"bootstrap.servers": host, "acks": "all", "enable.idempotence": True, "linger.ms": 1})

        async def publish(body: bytes) -> None:
            await (await producer.produce("peer", body))

        yield publish
        await producer.close()


@asynccontextmanager
async def lifespan(program: Any) -> AsyncIterator[None]:
    async with publisher() as program.state.publish:
        yield


fastapi_program = FastAPI(lifespan=lifespan)


@fastapi_program.post("/rate")
async def rate(rate: int) -> FastAPIResponse:
    await fastapi_program.state.publish(b"%d" % rate)
    return FastAPIResponse()


async def take(request: Request) -> Response:
    try:
        rate = int(request.query_params["rate"])
    except (KeyError, ValueError):
        return Response(status_code=400)
    await request.app.state.publish(b"%d" % rate)
    return Response()


starlette_program = Starlette(routes=[Route("/rate", take, methods=["POST"])], lifespan=lifespan)
