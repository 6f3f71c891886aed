"""Apache Kafka: topics that are replicated, partitioned, and read by any number of groups of workers."""

from forebay.queue.drivers.kafka.address import OPTIONS
from forebay.queue.drivers.kafka.admin import administer
from forebay.queue.drivers.kafka.driver import FEATURES
from forebay.queue.drivers.kafka.opening import connect

__all__ = ["FEATURES", "OPTIONS", "administer", "connect"]
