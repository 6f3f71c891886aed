"""A topic read by one process for itself, from some place on and then kept up with."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from forebay.errors import Unavailable

READ_SECONDS = 10.0


class Tail:
    """Reads a whole topic without being a member of a group; belongs to one thread.

    Arguments:
        settings: of the client, which must tell the end of a partition.
        topic: that is read.
        heard: called with each record.
        start: partition by partition, the first offset to read; others are read from their beginning.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        topic: str,
        heard: Callable[[Any], None],
        start: dict[int, int] | None = None,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._heard = heard
        self._start = start or {}
        self._consumer: Any = None
        self._position: dict[int, int] = {}

    def catch_up(self) -> None:
        """Read what has come since the last call.

        Raises:
            KafkaException, Unavailable: the broker does not answer; what was read stays read.
        """
        if self._consumer is None:
            self._open()
        deadline = time.monotonic() + READ_SECONDS
        for partition in self._position:
            place = TopicPartition(self._topic, partition)
            _, end = self._consumer.get_watermark_offsets(place, timeout=READ_SECONDS / 2)
            while self._position[partition] < end:
                if time.monotonic() > deadline:
                    raise Unavailable(f"Kafka: {self._topic} cannot be read")
                self._read_on()

    def close(self) -> None:
        """Let go of the broker."""
        if self._consumer is not None:
            self._consumer.close()

    def _open(self) -> None:
        consumer = Consumer(self._settings)
        try:
            metadata = consumer.list_topics(self._topic, timeout=READ_SECONDS / 2)
            if not metadata.topics[self._topic].partitions:
                raise Unavailable(f"Kafka: {self._topic} has no leader")
            places = {one: self._start.get(one, 0) for one in metadata.topics[self._topic].partitions}
            consumer.assign([TopicPartition(self._topic, one, offset) for one, offset in places.items()])
        except (KafkaException, Unavailable):
            consumer.close()
            raise
        self._consumer, self._position = consumer, places

    def _read_on(self) -> None:
        first = self._consumer.poll(0.1)
        records = [] if first is None else [first, *self._consumer.consume(500, 0)]
        for record in records:
            error = record.error()
            if error is None:
                self._heard(record)
                self._position[record.partition()] = record.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self._position[record.partition()] = record.offset()
