"""A topic in NATS JetStream: ``nats://host:4222/orders``, several hosts with commas."""

from forebay.queue.drivers.nats.address import OPTIONS
from forebay.queue.drivers.nats.admin import administer
from forebay.queue.drivers.nats.driver import FEATURES
from forebay.queue.drivers.nats.opening import connect

__all__ = ["FEATURES", "OPTIONS", "administer", "connect"]
