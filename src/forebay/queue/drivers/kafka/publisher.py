"""Records go to Kafka in batches; one thread hears their confirmations, and each batch wakes the loop once."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaException, Producer

from forebay.errors import ForebayError, Unavailable, UsageError
from forebay.queue.drivers.kafka.failures import publish_error
from forebay.queue.drivers.kafka.records import Record

Place = tuple[int, int]
"""Partition and offset."""


class _Batch:
    """Records sent together, whose sender waits for all of them."""

    def __init__(self, size: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[list[Place | ForebayError]] = self.loop.create_future()
        self.answers: list[Any] = [None] * size
        self._missing = size
        self._lock = threading.Lock()

    def heard(self, index: int, error: Any, record: Any) -> None:
        """Note what befell one record; called by the client, in whatever thread it polls."""
        self.answer(index, (record.partition(), record.offset()) if error is None else publish_error(error))

    def answer(self, index: int, answer: Place | ForebayError) -> None:
        """Note the answer for one record; the last one wakes the sender."""
        self.answers[index] = answer
        with self._lock:
            self._missing -= 1
            complete = not self._missing
        if complete:
            with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        if not self.future.done():
            self.future.set_result(self.answers)


class Publisher:
    """An idempotent producer whose confirmations are heard by a thread of its own, from the first record on.

    Arguments:
        settings: of the client.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._producers: list[Any] = []  # the last one sends; those before it have failed, and are heard out
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._fatal = False

    async def send(self, records: Sequence[Record]) -> list[Place | ForebayError]:
        """Send records; return for each its place once all replicas in sync have it, or what befell it.

        The answers are Unavailable (certainly not sent), UsageError (Kafka will never take it) or Unknown.
        """
        if not records:
            return []
        producer = self._ready()
        batch = _Batch(len(records))
        for index, record in enumerate(records):
            try:
                producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    headers=record.headers,
                    on_delivery=partial(batch.heard, index),
                )
            except (BufferError, KafkaException) as failure:
                batch.answer(index, publish_error(failure))
            except (TypeError, ValueError) as failure:  # a name or text that Kafka's client cannot encode
                batch.answer(index, UsageError(f"the message cannot be written to Kafka: {failure}"))
        return await batch.future

    def close(self, budget: float) -> None:
        """Wait until all that was sent is confirmed, for at most `budget` seconds; blocks its thread."""
        if self._thread is not None and not self._stopped.is_set():
            for producer in self._producers:
                producer.flush(budget)
            self._stopped.set()
            self._thread.join(budget)

    def _ready(self) -> Any:
        if self._stopped.is_set():
            raise Unavailable("the publisher is closed")
        if not self._producers or self._fatal:
            self._fatal = False
            self._producers.append(Producer({**self._settings, "error_cb": self._note_trouble}))
        if self._thread is None:
            self._thread = threading.Thread(target=self._listen, name="forebay-kafka-publisher", daemon=True)
            self._thread.start()
        return self._producers[-1]

    def _note_trouble(self, error: Any) -> None:
        if error.fatal():  # this client will never send again: the next batch gets a new one
            self._fatal = True

    def _listen(self) -> None:
        while not self._stopped.is_set():
            for failed in self._producers[:-1]:
                failed.poll(0)
            self._producers[-1].poll(0.1)
