"""Several readers of one process, over every broker: nothing is lost, nothing comes twice, and the books are right."""

from __future__ import annotations

import uuid

import pytest

from forebay import App

SERVERS = pytest.mark.server
BROKERS = ["memory", "sqlite", *(pytest.param(name, marks=SERVERS) for name in ("redis", "nats", "rabbitmq", "kafka"))]
MESSAGES = 60


@pytest.fixture(params=BROKERS)
def queue(request, tmp_path):
    """Return the URL of a queue that is this test's alone."""
    topic = f"orders-{uuid.uuid4().hex}"
    match request.param:
        case "memory":
            return f"memory://{topic}"
        case "sqlite":
            return f"sqlite:///{tmp_path}/queue.db?topic={topic}"
    return f"{request.getfixturevalue(request.param).url.rstrip('/')}/{topic}"


async def test_the_books_are_right_whichever_reader_took_a_message(queue):
    seen = []
    app = App("shop")

    @app.handler("orders")
    async def handler(body: bytes) -> None:
        seen.append(body)
        if body == b"0":
            raise ValueError("poison")

    async with app.running(queue=queue, store="memory://", workers=6, readers=3, attempts=1) as running:
        for n in range(MESSAGES):
            await running.publish("orders", b"%d" % n)
        await running.drained(60)
        [ledger] = await running.ledgers()
    assert sorted(set(seen), key=int) == [b"%d" % n for n in range(MESSAGES)]  # at least once: a connection may break
    assert (ledger.accepted, ledger.done, ledger.dead, ledger.lost) == (MESSAGES, MESSAGES - 1, 1, 0)
    assert ledger.stored == MESSAGES - 1  # the effect of each, exactly once, however often it was handed out
    assert ledger.balanced
    assert running.given_back == 0
