"""From a URL to a driver of Kafka, or to the operator's side of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import KafkaException

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.queue.drivers.kafka.address import read_address
from forebay.queue.drivers.kafka.driver import KafkaQueue
from forebay.queue.drivers.kafka.each import KafkaEach
from forebay.queue.drivers.kafka.failures import reading_error
from forebay.queue.drivers.kafka.surveyor import Surveyor
from forebay.url import URL


async def connect(url: URL, *, clock: Clock = SYSTEM_CLOCK) -> KafkaQueue:
    """Open a topic of Kafka, creating it, and what its group needs beside it, where they are missing.

    Raises:
        UsageError, Unsupported: the URL asks for what is not known, or what Kafka cannot give.
        Unavailable: no broker answers.
    """
    address = read_address(url)
    background = ThreadPoolExecutor(1, thread_name_prefix="forebay-kafka-background")
    ask = asyncio.get_running_loop().run_in_executor
    try:
        surveyor = Surveyor(address)
        durability = await ask(background, surveyor.open)
        if address.ephemeral:
            starts = await ask(background, surveyor.ends)
            return KafkaEach(address, durability, surveyor, background, clock, starts)
        return KafkaQueue(address, durability, surveyor, background, clock)
    except KafkaException as failure:
        background.shutdown(wait=False)
        raise reading_error(failure, address.servers) from failure
    except BaseException:
        background.shutdown(wait=False)
        raise
