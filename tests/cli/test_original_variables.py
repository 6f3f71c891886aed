"""The order store as the original service is started: by its variables in a .env file, over Kafka and PostgreSQL."""

from __future__ import annotations

import json
import time
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from forebay.lab.servers.process import free_port

pytestmark = pytest.mark.server


def variables(kafka, postgres, port, topic):
    """The text of a .env file with what the original service needs, examples included."""
    broker, database = urlsplit(kafka.url), urlsplit(postgres.url)
    return f"""\
# the database
DB_PROTOCOL=postgres
DB_HOST={database.hostname}
DB_PORT={database.port}
POSTGRES_USER={database.username}
POSTGRES_PASSWORD="{database.password or ""}"
POSTGRES_DB={database.path[1:]}

export KAFKA_PROTOCOL={broker.hostname}
export KAFKA_PORT={broker.port}
KAFKA_TOPIC={topic}
KAFKA_GROUP_ID={topic}-1
KAFKA_READER_GOROUTINES=2
KAFKA_WRITE_EXAMPLES=1 # they are to be seen at once
MEMORY_HANDLER_GOROUTINES=4
SERVER_PORT={port}
SERVER_GET_ORDER_BY_ID=0
"""


def asked(url):
    """Ask until there is an answer that is not an error."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urlopen(url, timeout=60) as answer:
                return json.load(answer)
        except HTTPError as error:
            with error:  # its connection is closed with it
                if error.code not in {404, 503}:
                    raise
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_its_env_file_starts_ours_and_examples_arrive(kafka, postgres, tmp_path, beginning, forebay):
    port, topic = free_port(), f"go-orders-{free_port()}"
    (tmp_path / ".env").write_text(variables(kafka, postgres, port, topic))
    with beginning("serve", "orderstore", "--env", ".env", until=b"workers "):
        newest = asked(f"http://127.0.0.1:{port}/orders?number=1")
        same = asked(f"http://127.0.0.1:{port}/orders?id={newest['order_uid']}")
    assert same == newest
    told = forebay("lag", f"{kafka.url.rstrip('/')}/{topic}?group={topic}-1", "--json")
    assert f"{topic}-1" in {json.loads(line)["group"] for line in told.stdout.splitlines()}, told.stderr
