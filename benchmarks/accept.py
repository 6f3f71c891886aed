"""POST /orders, validated and durable on SQLite with fsync: one server process, wrk -t1 -c64 from the other core."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.alternation import alternate
from benchmarks.programs import free_port, program, wrk


def main(rounds: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        contenders = {
            "forebay": _forebay(stack, folder),
            "FastAPI, same storage": _uvicorn(stack, folder, "benchmarks.peers.fastapi_orders:api"),
            "forebay mounted in FastAPI": _uvicorn(stack, folder, "benchmarks.peers.mounted:api"),
            "forebay in front of FastAPI": _uvicorn(stack, folder, "benchmarks.peers.mounted:front"),
        }
        measures = {label: _measure(url, folder, seconds) for label, url in contenders.items()}
        for measure in measures.values():
            measure()  # the first one warms up
        alternate(measures, rounds, "accepted a second")


def _measure(url: str, folder: Path, seconds: float) -> Callable[[], Mapping[str, float]]:
    return lambda: wrk(url, folder, seconds)


def _forebay(stack: contextlib.ExitStack, folder: Path) -> str:
    port = free_port()
    command = [sys.executable, "-m", "forebay", "serve", "orders", "--workers", "0", "--port", str(port)]
    stack.enter_context(program(*command, "--queue", f"sqlite:///{folder}/forebay.db", port=port))
    return f"http://127.0.0.1:{port}/orders"


def _uvicorn(stack: contextlib.ExitStack, folder: Path, target: str) -> str:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        target,
        "--port",
        str(port),
        "--no-access-log",
        "--log-level",
        "warning",
    ]
    queue = f"sqlite:///{folder}/{target.replace(':', '-')}.db"
    stack.enter_context(program(*command, port=port, env={"BENCHMARK_QUEUE": queue}))
    return f"http://127.0.0.1:{port}/orders"
