"""POST /rate accepted durably on Kafka, NATS, Redis: one server process; wrk -t1 -c64 and the broker on the other core.

The peers are the usual programs: FastAPI, and bare Starlette, with the broker's own client, one publish a request.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.alternation import alternate
from benchmarks.peers import raw_kafka
from benchmarks.programs import POST_A_RATE, free_port, pin, program, wrk
from forebay.lab.servers import NATS, Kafka, Redis, Server

SERVERS: dict[str, Callable[[], Server]] = {
    "kafka": Kafka,
    "nats": NATS,
    "nats-os": lambda: NATS(jetstream=""),  # as it comes: acknowledged from the page cache, as Kafka does
    "redis": Redis,
}
OPTIONS = {"kafka": "?partitions=4"}


def main(rounds: int, seconds: float, only: Sequence[str] = ()) -> None:
    for name in only or SERVERS:
        with SERVERS[name]() as server, contextlib.ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
            print(f"\n### {name}\n")
            pin(server)
            if name == "kafka":
                raw_kafka.create(server.url.partition("://")[2], "peer")
            contenders = {
                "forebay": _forebay(stack, f"{server.url}/rates{OPTIONS.get(name, '')}"),
                "FastAPI, the broker's client": _uvicorn(stack, "fastapi", server.url),
                "Starlette, the broker's client": _uvicorn(stack, "starlette", server.url),
            }
            measures = {label: _measure(url, Path(folder), seconds) for label, url in contenders.items()}
            for measure in measures.values():
                measure()  # the first one warms up
            alternate(measures, rounds, "accepted a second")


def _measure(url: str, folder: Path, seconds: float) -> Callable[[], Mapping[str, float]]:
    return lambda: wrk(url, folder, seconds, POST_A_RATE)


def _forebay(stack: contextlib.ExitStack, queue: str) -> str:
    port = free_port()
    command = [sys.executable, "-m", "forebay", "serve", "ratings", "--workers", "0", "--port", str(port)]
    stack.enter_context(program(*command, "--queue", queue, "--store", "memory://", port=port))
    return f"http://127.0.0.1:{port}"


def _uvicorn(stack: contextlib.ExitStack, framework: str, broker: str) -> str:
    port = free_port()
    target = f"benchmarks.peers.publishing_rates:{framework}_program"
    quiet = ["--no-access-log", "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", target, "--port", str(port), *quiet]
    stack.enter_context(program(*command, port=port, env={"BENCHMARK_BROKER": broker}))
    return f"http://127.0.0.1:{port}"
