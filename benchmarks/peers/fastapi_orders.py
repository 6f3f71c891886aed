"""The orders intake as a FastAPI program would have it, with the very same durable queue behind it."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field

from forebay.message import Message, new_id
from forebay.queue.opening import open_topic

Number = Annotated[str, Field(pattern=r"^(100|[1-9]?[0-9])$")]


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    product_id: Number
    count: Number
    username: Annotated[str, Field(min_length=1, max_length=256)]


@asynccontextmanager
async def lifespan(api: FastAPI) -> AsyncIterator[None]:
    api.state.topic = await open_topic(os.environ["BENCHMARK_QUEUE"], "orders")
    gc.freeze()  # as a tuned program does: the collector need not look at what start-up made
    yield
    await api.state.topic.close()


api = FastAPI(lifespan=lifespan)


@api.post("/orders")
async def accept(order: Order, response: Response) -> dict[str, str]:
    message = Message(new_id(), order.model_dump_json().encode(), accepted_at=time.time())
    response.headers["Forebay-Id"] = await api.state.topic.publish(message)
    return {"result": "created"}
