"""The cannon against wrk and Locust in turn, with an nginx that answers at once as the target."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.alternation import alternate
from benchmarks.programs import LAST, free_port, program

CONNECTIONS = 64
OPEN_RATE = 50_000
"""Shots a second of the open loop."""
SLOW_RATE = 1_000
"""At which the lag is read."""
_PEERS = Path(__file__).parent / "peers"
_NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "ok\\n"; }} }}
}}
"""


def main(rounds: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder, _nginx(Path(folder)) as url:
        print(f"closed loop, {CONNECTIONS} connections, one processor:")
        closed = {
            "forebay": lambda: _cannon(url, seconds),
            "wrk -t1": lambda: _wrk(url, seconds),
            "Locust": lambda: _locust(url, seconds, Path(folder)),
            "a gun of Python": lambda: _cannon(url, seconds, gun=True),
        }
        alternate(closed, rounds, "a second")
        for rate in (OPEN_RATE, SLOW_RATE):
            print(f"\nopen loop, {rate:,} a second planned:")
            alternate({"forebay": lambda rate=rate: _cannon(url, seconds, rate)}, rounds, "a second")  # type: ignore[misc]


@contextlib.contextmanager
def _nginx(folder: Path) -> Iterator[str]:
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        sys.exit("nginx is needed: apt-get install nginx-light")
    port = free_port()
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port))
    with program(found, "-c", str(folder / "nginx.conf"), "-p", str(folder), port=port):
        yield f"http://127.0.0.1:{port}/"


def _cannon(url: str, seconds: float, rate: int | None = None, gun: bool = False) -> Mapping[str, float]:
    connections = CONNECTIONS if rate is None else 1000
    words = [url, f"{seconds:g}", str(connections), *([] if rate is None else [str(rate)])]
    said = _on_last(sys.executable, str(_PEERS / "cannon.py"), *words, env={"GUN": "1"} if gun else {})
    figures: dict[str, float] = json.loads(said)
    if rate is None:
        return {name: figures[name] for name in ("a second", "µs of processor a shot", "MB of the process")}
    return {"% of the plan": figures["a second"] / rate * 100, **figures}


def _wrk(url: str, seconds: float) -> Mapping[str, float]:
    before = _processor_seconds()
    said = _on_last("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", url)
    shots = float(re.search(r"(\d+) requests in", said)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])  # type: ignore[index]
    return {"a second": rate, "µs of processor a shot": (_processor_seconds() - before) / shots * 1e6}


def _locust(url: str, seconds: float, folder: Path) -> Mapping[str, float]:
    """Return what Locust says of a run in which all users are there from the beginning; it knows whole seconds."""
    length = max(1, round(seconds))
    users = ("-u", str(CONNECTIONS), "-r", str(CONNECTIONS), "-t", f"{length}s")
    files = ("-f", str(_PEERS / "locust_user.py"), "--csv", str(folder / "locust"))
    quiet = ("--headless", "--only-summary", "--loglevel", "ERROR")
    before = _processor_seconds()
    _on_last(sys.executable, "-m", "locust", *files, *users, *quiet, "-H", url.rstrip("/"))
    with (folder / "locust_stats.csv").open() as file:
        whole = next(row for row in csv.DictReader(file) if row["Name"] == "Aggregated")
    if int(whole["Failure Count"]):
        sys.exit(f"{whole['Failure Count']} shots of Locust failed")
    shots = int(whole["Request Count"])
    return {"a second": shots / length, "µs of processor a shot": (_processor_seconds() - before) / shots * 1e6}


def _processor_seconds() -> float:
    """Return what the programs that have ended have used of processors."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _on_last(*command: str, env: Mapping[str, str] | None = None) -> str:
    ran = subprocess.run(
        ["taskset", "-c", str(LAST), *command], capture_output=True, text=True, env={**os.environ, **(env or {})}
    )
    if ran.returncode:
        sys.exit(f"{command[0]} ended with {ran.returncode}:\n{ran.stderr[-2000:]}")
    return ran.stdout
