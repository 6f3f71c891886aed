"""Other generators at the same server, in the one case in which they are honest: a closed loop that nothing stalls.

No time is twice the mean, so that wrk makes up no samples of its own (see its `stats_correct`); ab knows whole
milliseconds. Judged in soak: the machine has to be idle.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from forebay.load.battery import Battery
from forebay.load.firing import Firing
from forebay.load.results.run import Run
from forebay.load.shot import Shot

SECONDS = 10
CONNECTIONS = 16
PERCENTILES = (50, 75, 90)
"""Further out stand the stalls of the machine, which meet the one or the other."""
SERVER = """
import asyncio, random
draw = random.Random(1)

class Slow(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        asyncio.get_running_loop().call_later(draw.uniform(0.02, 0.06), self.answer)
    def answer(self):
        self.transport.write(b"HTTP/1.1 200 OK\\r\\nConnection: keep-alive\\r\\nContent-Length: 2\\r\\n\\r\\nok")

async def main():
    server = await asyncio.get_running_loop().create_server(Slow, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
Told = tuple[float, dict[int, float]]
"""Answers a second, and percentiles of the service time in seconds."""


@pytest.fixture
def url() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/"
        finally:
            server.kill()


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=6 * SECONDS).stdout


def found(pattern: str, text: str) -> dict[int, float]:
    return {int(percent): float(value) for percent, value in re.findall(pattern, text, re.MULTILINE)}


def wrk(url: str) -> Told:
    text = said("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", url)
    times = {q: ms / 1000 for q, ms in found(r"^ +(\d+)% +([\d.]+)ms$", text).items()}
    return float(re.findall(r"Requests/sec: +([\d.]+)", text)[0]), times


def hey(url: str) -> Told:
    text = said("hey", "-c", str(CONNECTIONS), "-z", f"{SECONDS}s", url)
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", text)[0]), found(r"^ +(\d+)%+ in ([\d.]+) secs", text)


def ab(url: str) -> Told:
    text = said("ab", "-q", "-k", "-c", str(CONNECTIONS), "-t", str(SECONDS), url)
    times = {q: ms / 1000 for q, ms in found(r"^ +(\d+)% +(\d+)(?: \(.*)?$", text).items()}
    return float(re.findall(r"Requests per second: +([\d.]+)", text)[0]), times


def ours(url: str) -> Run:
    return Battery(Firing(url, lambda i: Shot(method="GET"), SECONDS, connections=CONNECTIONS), 1).fire()


@pytest.mark.soak
@pytest.mark.parametrize("other", [wrk, hey, ab])
def test_another_generator_has_measured_the_same(url: str, other: Callable[[str], Told]) -> None:
    if shutil.which(other.__name__) is None:
        pytest.skip(f"{other.__name__} is not installed")
    with ThreadPoolExecutor(1) as pool:  # at the same time, so that a busy machine is the same for both
        told = pool.submit(other, url)
        run = ours(url)
        rate, times = told.result()
    assert run.accepted / run.elapsed_seconds == pytest.approx(rate, rel=0.03)
    for q in PERCENTILES:
        assert run.service.percentile(q) == pytest.approx(times[q], rel=0.03, abs=0.0015), q
