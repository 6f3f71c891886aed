"""The order store: orders from Kafka into memory and PostgreSQL (fsync), one over HTTP, all restored after a restart.

The service is pinned to the first processor; PostgreSQL, Kafka and wrk to the last, as far as they are there.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.alternation import alternate
from benchmarks.peers import raw_kafka
from benchmarks.programs import FIRST, GET, free_port, pin, program, wrk
from forebay.lab.servers import Kafka, PostgreSQL
from forebay.services.orderstore.generating.orders import Orders

RATE = "orders a second"
EXPECTED, EXPECTED_OF_PEER = 15_000, 1_500
RESTORED = 100_000

_numbers = itertools.count(1)


def main(rounds: int, seconds: float) -> None:
    with Kafka() as kafka, PostgreSQL() as postgres:
        pin(kafka)
        pin(postgres)
        print("### orders of 1 KB, Kafka to memory and PostgreSQL\n")
        keeping = {
            "forebay": lambda: _forebay(kafka, postgres, round(EXPECTED * seconds)),
            "FastStream and asyncpg, one by one": lambda: _faststream(
                kafka, postgres, round(EXPECTED_OF_PEER * seconds)
            ),
        }
        keeping["forebay"]()  # the first one warms up: a virtual machine compiles what is busy
        alternate(keeping, rounds, RATE)
        print(f"\n### {RESTORED:,} orders restored\n")
        store = _filled(kafka, postgres)
        alternate({"forebay": lambda: _restored(store)}, rounds, "s until ready")
        print("\n### GET /orders?id=1\n")
        _look_up(store, rounds, seconds)


# Orders a second


def _forebay(kafka: Kafka, postgres: PostgreSQL, count: int) -> Mapping[str, float]:
    topic = _topic(kafka, count)
    with _service(f"{kafka.url}/{topic}", f"{postgres.url}?schema={topic}") as url:
        first, began = _kept(url, 1)
        last, ended = _kept(url, count)
        return {RATE: (last - first) / (ended - began)}


def _faststream(kafka: Kafka, postgres: PostgreSQL, count: int) -> Mapping[str, float]:
    words = ["faststream_orders", kafka.url.partition("://")[2], _topic(kafka, count), postgres.url, str(count)]
    command = ["taskset", "-c", str(FIRST), sys.executable, "-m", f"benchmarks.peers.{words[0]}", *words[1:]]
    return {RATE: float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)}


def _topic(kafka: Kafka, count: int) -> str:
    """Return a new topic with so many orders."""
    from confluent_kafka import Producer

    name, host, orders = f"bench{next(_numbers)}", kafka.url.partition("://")[2], Orders(seed=7)
    raw_kafka.create(host, name)
    producer = Producer({"bootstrap.servers": host, "acks": "all", "queue.buffering.max.messages": count + 1})
    for index in range(count):
        producer.produce(name, orders.body(index), key=orders.uid(index))
    producer.flush()
    return name


def _kept(url: str, count: float) -> tuple[int, float]:
    """Wait until so many orders are kept; return how many there are, and when."""
    while True:
        with urllib.request.urlopen(f"{url}/stats") as answer:
            kept = int(json.load(answer)["added"])
        if kept >= count:
            return kept, time.perf_counter()
        time.sleep(0.02)


# Restored, and looked up


def _filled(kafka: Kafka, postgres: PostgreSQL) -> str:
    """Return the address of a store with so many orders."""
    topic = _topic(kafka, RESTORED)
    store = f"{postgres.url}?schema={topic}"
    with _service(f"{kafka.url}/{topic}", store) as url:
        _kept(url, RESTORED)
    return store


def _restored(store: str) -> Mapping[str, float]:
    with _service("memory://", store) as url:
        began = time.perf_counter()
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz"):
                return {"s until ready": time.perf_counter() - began}
            time.sleep(0.02)


def _look_up(store: str, rounds: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        url = stack.enter_context(_service("memory://", store))
        _kept(url, RESTORED)
        with urllib.request.urlopen(f"{url}/orders?id=1") as answer:
            body = answer.read()
        print(f"{len(body)} bytes\n")
        contenders = {
            "forebay": f"{url}/orders?id=1",
            "raw ASGI on uvicorn": _raw(stack, folder, body),
            "nginx, from a file": _nginx(stack, folder, body),
        }
        measures = {label: _fired(target, folder, seconds) for label, target in contenders.items()}
        for measure in measures.values():
            measure()
        alternate(measures, rounds, "answered a second")


def _fired(url: str, folder: Path, seconds: float) -> Callable[[], Mapping[str, float]]:
    def measure() -> Mapping[str, float]:
        rate, p99 = wrk(url, folder, seconds, GET).values()
        return {"answered a second": rate, "p99 ms": p99}

    return measure


def _raw(stack: contextlib.ExitStack, folder: Path, body: bytes) -> str:
    port, path = free_port(), folder / "order.json"
    path.write_bytes(body)
    quiet = ["--no-access-log", "--log-level", "warning", "--port", str(port)]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.peers.one_answer:program", *quiet]
    stack.enter_context(program(*command, port=port, env={"BENCHMARK_BODY": str(path)}))
    return f"http://127.0.0.1:{port}/"


def _nginx(stack: contextlib.ExitStack, folder: Path, body: bytes) -> str:
    port = free_port()
    folder.chmod(0o755)
    (folder / "one").write_bytes(body)
    conf = folder / "nginx.conf"
    conf.write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log /dev/null;\n"
        f"events {{}}\nhttp {{ access_log off; keepalive_requests 1000000000; default_type application/json;\n"
        f"open_file_cache max=10; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    stack.enter_context(program("nginx", "-c", str(conf), port=port))
    return f"http://127.0.0.1:{port}/one"


@contextlib.contextmanager
def _service(queue: str, store: str) -> Iterator[str]:
    port = free_port()
    limit = ["--orders-limit", str(10 * RESTORED), "--workers", "4"]
    command = [sys.executable, "-m", "forebay", "serve", "orderstore", "--port", str(port), *limit]
    with program(*command, "--queue", queue, "--store", store, port=port):
        yield f"http://127.0.0.1:{port}"
