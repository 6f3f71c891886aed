"""The brokers and stores over which a service is tested, by the names that `queue_of` and `store_of` take."""

from __future__ import annotations

import pytest

SERVERS = pytest.mark.server
BROKERS = ["memory", "sqlite", *(pytest.param(name, marks=SERVERS) for name in ("redis", "nats", "rabbitmq", "kafka"))]
STORES = ["memory", "sqlite", *(pytest.param(name, marks=SERVERS) for name in ("postgresql", "redis"))]

PATIENT = {"port": 0, "deadline": "30s"}
"""Settings of services whose brokers and stores may be slow today: they are new, and share a machine with many."""
