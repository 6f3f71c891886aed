"""Queues and stores for the tests of the services, none of them anybody else's."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import pytest

from forebay.running import settings_of
from forebay.serving import serving


@pytest.fixture
def queue_of(request, tmp_path):
    """Return the URL of a queue of this test's alone: ``queue_of("kafka", partitions=1)``."""

    def queue_of(broker, **options):
        topic = f"topic-{uuid.uuid4().hex}"
        if broker == "sqlite":
            address, options = f"sqlite:///{tmp_path}/queue.db", {"topic": topic, **options}
        elif broker == "memory":
            address = f"memory://{topic}"
        else:
            address = f"{request.getfixturevalue(broker).url.rstrip('/')}/{topic}"
        return f"{address}?{urlencode(options)}".rstrip("?")

    return queue_of


@pytest.fixture
def store_of(request, tmp_path):
    """Return the URL of a store of this test's alone."""

    def store_of(kind):
        place = f"store_{uuid.uuid4().hex}"
        if kind == "memory":
            return f"memory://{place}"
        if kind == "sqlite":
            return f"sqlite:///{tmp_path}/{place}.db"
        if kind == "redis":
            return f"{request.getfixturevalue('redis').url}?prefix={place}"
        return f"{request.getfixturevalue('postgres').url}?schema={place}"

    return store_of


@pytest.fixture
def served(tmp_path):
    """Serve an application by settings; queue and store are files of this test: ``async with served(app, ...)``."""

    @asynccontextmanager
    async def served(app, **given):
        given.setdefault("queue", f"sqlite:///{tmp_path}/queue.db")
        async with serving(app, settings_of({"port": 0, **given})) as (running, server):
            running.port = server.port
            yield running

    return served
