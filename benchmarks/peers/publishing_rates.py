"""The intake of ratings as FastAPI and Starlette programs usually have it: a publish a request, the client's own."""

from __future__ import annotations

import asyncio
import os
import threading
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
        async with kafka_publisher(host) as publish:
            yield publish


@asynccontextmanager
async def kafka_publisher(host: str) -> AsyncIterator[Publish]:
    """Open the producer of confluent-kafka with a thread that polls it, as its authors show it for FastAPI."""
    from confluent_kafka import KafkaException, Producer

    producer = Producer({"bootstrap.servers": host, "acks": "all", "enable.idempotence": True, "linger.ms": 1})
    loop, over = asyncio.get_running_loop(), threading.Event()

    def poll() -> None:
        while not over.is_set():
            producer.poll(0.1)

    async def publish(body: bytes) -> None:
        heard: asyncio.Future[None] = loop.create_future()

        def hear(error: Any, message: Any) -> None:
            end = heard.set_result if error is None else heard.set_exception
            loop.call_soon_threadsafe(end, None if error is None else KafkaException(error))

        producer.produce("peer", body, on_delivery=hear)
        await heard

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    yield publish
    over.set()


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
