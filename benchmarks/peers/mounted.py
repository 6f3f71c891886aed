"""The orders service mounted as plain ASGI into somebody's FastAPI program."""

from __future__ import annotations

import os

from fastapi import FastAPI

from forebay.services.orders import orders

levelled = orders().asgi(queue=os.environ["BENCHMARK_QUEUE"], workers=0)
api = FastAPI(lifespan=levelled.lifespan)
api.mount("/", levelled)
