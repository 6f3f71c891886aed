"""Working off with a handler that does nothing: one call a message, one process, from SQLite and from Kafka."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.alternation import alternate
from benchmarks.programs import FIRST
from forebay.lab.servers import Kafka

MESSAGES = 100_000


def main(rounds: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(f"from SQLite, {MESSAGES:,} messages, fsync\n")
        numbers = iter(range(1_000_000))
        alternate(
            {
                "forebay": _measure("forebay_worker", lambda: f"sqlite:///{folder}/{next(numbers)}.db?topic=orders"),
                "raw claim and delete": _measure("raw_sqlite", lambda: f"{Path(folder)}/{next(numbers)}.db"),
            },
            rounds,
            "worked off a second",
        )
    with Kafka() as broker:
        print(f"\nfrom Kafka, {MESSAGES:,} messages, 4 partitions\n")
        numbers = iter(range(1_000_000))

        def topic() -> str:
            return f"{broker.url}/bench{next(numbers)}?partitions=4"

        alternate(
            {
                "forebay": _measure("forebay_worker", topic),
                "FastStream": _measure("faststream_worker", topic, "after", count=10_000),
                "FastStream, acknowledging first": _measure("faststream_worker", topic, "first", count=20_000),
                "raw consume(500)": _measure("raw_kafka", topic),
            },
            rounds,
            "worked off a second",
        )


def _measure(
    peer: str, place: Callable[[], str], *options: str, count: int = MESSAGES
) -> Callable[[], Mapping[str, float]]:
    """Return what fills a new queue and has a peer empty it in a process of its own."""

    def measure() -> Mapping[str, float]:
        program = [sys.executable, "-m", f"benchmarks.peers.{peer}", place(), str(count), *options]
        command = ["taskset", "-c", str(FIRST), *program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode:
            sys.exit(f"{peer} failed:\n{done.stderr}")
        return {"worked off a second": float(done.stdout.split()[-1])}

    return measure
