"""The orders service as plain ASGI: mounted into somebody's FastAPI program (`api`), and in front of it (`front`)."""

from __future__ import annotations

import gc
import os

from fastapi import FastAPI

from forebay.services.orders import orders

levelled = orders().asgi(queue=os.environ["BENCHMARK_QUEUE"], workers=0)
api = FastAPI(lifespan=levelled.lifespan)
api.mount("/", levelled)

front = orders().asgi(queue=os.environ["BENCHMARK_QUEUE"], workers=0).in_front_of(FastAPI())

gc.freeze()  # as a tuned program does: the collector need not look at what start-up made
