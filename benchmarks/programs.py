"""Starts the programs that are measured, each pinned to a processor, and stops them by their process id."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from forebay.lab.servers import Server
from forebay.lab.servers.process import process_tree

BODY = '{"product_id": "33", "count": "3", "username": "maksim.konovalov"}'
LAST = max(os.sched_getaffinity(0))
FIRST = min(os.sched_getaffinity(0))


def free_port() -> int:
    """Return a loopback port that nobody uses now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def pin(server: Server, processor: int = LAST) -> None:
    """Let all threads of a server that runs have this processor alone."""
    for pid in process_tree(server.pid):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), {processor})


@contextlib.contextmanager
def program(*command: str, port: int, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """Run a server on the first processor until the block ends; wait until its port answers."""
    process = subprocess.Popen(
        ["taskset", "-c", str(FIRST), *command],
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


POST_AN_ORDER = f"wrk.method = 'POST'\nwrk.body = '{BODY}'\nwrk.headers['Content-Type'] = 'application/json'\n"
POST_A_RATE = """
request = function()
  return wrk.format("POST", "/rate?rate=" .. math.random(0, 10))
end
"""
GET = ""


def wrk(url: str, folder: Path, seconds: float, lua: str = POST_AN_ORDER, connections: int = 64) -> dict[str, float]:
    """Fire requests from the last processor; return how many were accepted a second and p99 in milliseconds."""
    script = folder / "wrk.lua"
    script.write_text(lua)
    if shutil.which("wrk") is None:
        sys.exit("wrk is needed: apt-get install wrk")
    out = subprocess.run(
        [
            "taskset",
            "-c",
            str(LAST),
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds:g}s",
            "--latency",
            "-s",
            script,
            url,
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"not all requests were accepted:\n{out}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])  # type: ignore[index]
    return {"accepted a second": rate, "p99 ms": _milliseconds(re.search(r"99%\s+([\d.]+)(us|ms|s)", out))}


def _milliseconds(match: re.Match[str] | None) -> float:
    assert match is not None
    return float(match[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[match[2]]


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"{process.args} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    sys.exit(f"{process.args} does not listen")
