"""Apache Kafka: topics that are replicated, partitioned, and shared by groups of workers."""

from forebay.queue.drivers.kafka.driver import Kafka, connect

__all__ = ["Kafka", "connect"]
