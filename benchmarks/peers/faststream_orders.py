"""FastStream that puts orders into PostgreSQL by asyncpg: ``HOST:PORT TOPIC POSTGRES COUNT``; prints orders a second.

It decodes into the same type and acknowledges after the handler: on Kafka that is one after the other, an INSERT each.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import asyncpg
import msgspec
import uvloop
from faststream import AckPolicy
from faststream.confluent import KafkaBroker

from benchmarks.peers.measuring import Meter
from forebay.services.orderstore.order import Order

TABLE = "CREATE TABLE IF NOT EXISTS peer (number bigserial, uid text PRIMARY KEY, value jsonb)"
INSERT = "INSERT INTO peer (uid, value) VALUES ($1, $2) ON CONFLICT DO NOTHING"


async def as_they_are(message: Any) -> Any:
    return message.body


async def main(host: str, topic: str, postgres: str, count: int) -> None:
    pool = await asyncpg.create_pool(postgres)
    await pool.execute(TABLE)
    await pool.execute("TRUNCATE peer")
    broker = KafkaBroker(host, logger=None, apply_types=False, decoder=as_they_are)
    meter, decode = Meter(count), msgspec.json.Decoder(Order).decode
    subscriber = broker.subscriber(topic, group_id="peer", auto_offset_reset="earliest", ack_policy=AckPolicy.ACK)

    @subscriber
    async def keep(body: bytes) -> None:
        await pool.execute(INSERT, decode(body).order_uid, body.decode())
        meter.add()

    await broker.start()
    await meter.full()
    meter.show()
    await broker.stop()
    await pool.close()


logging.disable()
HOST, TOPIC, POSTGRES, COUNT = sys.argv[1:]
uvloop.run(main(HOST, TOPIC, POSTGRES, int(COUNT)))
