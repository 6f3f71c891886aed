"""Every broker with what its experiments need: a server that may be killed, a proxy in front of it, URLs."""

from __future__ import annotations

import itertools
import time

import pytest

from forebay.lab.proxy import Proxy
from forebay.lab.servers import NATS, Kafka, RabbitMQ, Redis

LEASE_SECONDS = 2
KAFKA_LEASE_SECONDS = 6

BROKERS = {"redis": Redis, "nats": NATS, "rabbitmq": RabbitMQ, "kafka": Kafka}

_numbers = itertools.count(1)


class Broker:
    """A running server, and the URLs of topics on it that nobody else has.

    Arguments:
        name: of the kind.
        server: started; tests may kill it, and leave it running.
        start_seconds: what a start takes on this machine.

    Attributes:
        lease: seconds, in the URLs of its topics.
    """

    def __init__(self, name, server, start_seconds):
        self.name = name
        self.server = server
        self.start_seconds = start_seconds
        self.lease = KAFKA_LEASE_SECONDS if name == "kafka" else LEASE_SECONDS

    def topic(self, lease=None):
        """Return the URL of a new topic, whose leases last so many seconds; None: they are soon over."""
        options = f"lease={lease or self.lease}s" + ("&partitions=4" if self.name == "kafka" else "")
        return f"{self.server.url}/proof{next(_numbers)}?{options}"

    def proxy(self):
        """Return a proxy, not started, in front of the server."""
        if self.name == "kafka":
            return Proxy(self.server.behind, port=self.server.proxy)
        return Proxy(self.server.port)

    def through(self, proxy, url):
        """Return the URL that leads to the same topic by way of the proxy."""
        return url.replace(f":{self.server.port}", f":{proxy.port}", 1)


@pytest.fixture(scope="session", params=BROKERS)
def broker(request, own_servers):
    """Each broker in turn, one server for all tests that want it."""
    began = time.monotonic()
    server = own_servers(BROKERS[request.param])
    return Broker(request.param, server, time.monotonic() - began)
