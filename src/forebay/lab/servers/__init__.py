"""Real servers for tests and experiments: on free loopback ports, with their data in a folder that goes with them."""

from forebay.lab.servers.kafka import Kafka
from forebay.lab.servers.light import Nginx, Redis
from forebay.lab.servers.nats import NATS
from forebay.lab.servers.postgres import PostgreSQL
from forebay.lab.servers.process import Server
from forebay.lab.servers.rabbitmq import RabbitMQ

SERVERS: dict[str, type[Server]] = {server.name: server for server in (Kafka, PostgreSQL, Redis, NATS, RabbitMQ, Nginx)}

__all__ = ["NATS", "SERVERS", "Kafka", "Nginx", "PostgreSQL", "RabbitMQ", "Redis", "Server"]
