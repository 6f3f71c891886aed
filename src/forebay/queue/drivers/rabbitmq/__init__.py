"""RabbitMQ: ``amqp://user:password@host:5672/orders``; written against 3.10, and for 4."""

from forebay.queue.drivers.rabbitmq.address import OPTIONS
from forebay.queue.drivers.rabbitmq.admin import administer
from forebay.queue.drivers.rabbitmq.driver import FEATURES, connect

__all__ = ["FEATURES", "OPTIONS", "administer", "connect"]
