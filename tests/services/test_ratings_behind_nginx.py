"""Replicas of the service of ratings behind the nginx of deploy/, and the wrk script that fires at them."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from forebay.errors import Missing
from forebay.lab.programs import Intake, Workers
from forebay.lab.servers.light import Nginx
from forebay.lab.servers.process import find_program

pytestmark = pytest.mark.server

DEPLOY = Path(__file__).parents[2] / "deploy"
CLIENTS, WORKERS = 4, 2
WRITTEN = {"nginx.pid", "error.log", "client_body", "proxy", "fastcgi", "uwsgi", "scgi"}


class Balancer(Nginx):
    """The nginx of deploy/, with other ports, and so patient with its replicas."""

    def __init__(self, replicas, patience="30s"):
        super().__init__()
        ports = zip(("8081", "8082", "8083", "8080"), [*replicas, self], strict=True)
        others = {shipped: str(server.port) for shipped, server in ports}
        shipped = (DEPLOY / "ratings.nginx.conf").read_text("utf-8")
        text = re.sub(r"\b808[0-3]\b", lambda match: others[match[0]], shipped)
        text = text.replace("proxy_read_timeout 10s", f"proxy_read_timeout {patience}")
        text = text.replace("worker_processes auto", f"worker_processes {WORKERS}")
        self._text = f"daemon off;\n{text}"


@pytest.fixture
def programs(tmp_path, required):
    """Start programs of one folder, queue and store: ``programs(Intake, "--workers", "0")``."""
    required(Nginx)
    shared = ["--queue", f"sqlite:///{tmp_path}/rates.db", "--store", f"sqlite:///{tmp_path}/kept.db"]
    begun = []

    def start(kind, *arguments):
        begun.append(kind(["ratings", *shared, *arguments], tmp_path))
        return begun[-1].start()

    yield start
    for program in begun:
        program.stop()


@pytest.fixture
def replicas(programs):
    with ThreadPoolExecutor(4) as at_once:
        begun = [at_once.submit(programs, Intake, "--workers", "0") for _ in range(3)]
        worker = at_once.submit(programs, Workers)
        worker.result()
        return [one.result() for one in begun]


@pytest.fixture
def balancer(replicas):
    with Balancer(replicas) as nginx:
        yield nginx


@contextmanager
def client(port):
    """Yield what asks over one connection that is kept."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:

        def ask(method, path):
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()

        yield ask


def get(port, path):
    with client(port) as ask:
        return ask("GET", path)


def rates(port, count, until=lambda: False):
    """Post rates until there are so many answers, or it is enough; return the statuses."""
    statuses = []
    with client(port) as ask:
        while len(statuses) < count and not until():
            statuses.append(ask("POST", f"/rate?rate={len(statuses) % 11}")[0])
    return statuses


def books(port):
    """Return the ledger of the topic once nothing is unfinished."""
    end = time.monotonic() + 30
    while True:
        (ledger,) = json.loads(get(port, "/ledger")[1])["topics"]
        if ledger["accepted"] == ledger["done"] or time.monotonic() > end:
            return ledger
        time.sleep(0.02)


def accepted_by(replica):
    text = get(replica.port, "/metrics")[1].decode()
    found = re.search(r'^forebay_accepted_total\{topic="rates"\} (\S+)', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_replicas_share_the_rates_and_tell_one_total(balancer, replicas):
    assert set(rates(balancer.port, 60)) == {200}
    assert books(balancer.port)["done"] == 60
    assert all(accepted_by(replica) > 0 for replica in replicas)
    totals = {get(replica.port, "/total") for replica in replicas}
    assert totals == {get(balancer.port, "/total")}
    assert get(balancer.port, "/healthz") == (200, b"ok\n")


def test_nginx_writes_into_the_folder_that_it_is_given_and_nowhere_else(balancer):
    assert get(balancer.port, "/healthz") == (200, b"ok\n")  # its port is open before it has written all of that
    assert {path.name for path in balancer.folder.iterdir()} >= WRITTEN
    settings = (DEPLOY / "ratings.nginx.conf").read_text("utf-8")
    assert not re.search(r"^\s*(?:pid|\w+_log|\w+_temp_path)\s+/", settings, re.MULTILINE)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_replica_that_ends_in_the_midst_costs_no_rate(balancer, replicas, how):
    with ThreadPoolExecutor(CLIENTS) as clients:
        ended = []
        posting = [clients.submit(rates, balancer.port, 10_000, lambda: bool(ended)) for _ in range(CLIENTS)]
        while sum(map(accepted_by, replicas)) < 100:
            time.sleep(0.01)
        replicas[1].send(how)
        replicas[1].wait()
        before = sum(map(accepted_by, (replicas[0], replicas[2])))
        while sum(map(accepted_by, (replicas[0], replicas[2]))) < before + 100:
            time.sleep(0.01)
        ended.append(True)
        statuses = [status for one in posting for status in one.result()]
    ledger = books(balancer.port)
    taken, unknown = statuses.count(200), statuses.count(502)
    assert taken + unknown == len(statuses)
    assert unknown <= CLIENTS * WORKERS  # what was sent and not answered: one on each connection that stood, at most
    assert taken <= ledger["accepted"] <= taken + unknown
    assert (ledger["done"], ledger["dead"], ledger["lost"]) == (ledger["accepted"], 0, 0)


def test_a_rate_that_was_sent_and_not_answered_is_not_sent_to_another(replicas):
    with Balancer(replicas, "1s") as balancer:
        early = rates(balancer.port, 30)
        until_done(replicas[0], 30)  # in the midst of a commit it would keep the file from the others
        replicas[1].pause()  # its connections stand, and nothing answers
        late = rates(balancer.port, 8)
        replicas[1].resume()
        assert late.count(504) > 0
        assert set(early + late) == {200, 504}
        end = time.monotonic() + 30
        while (ledger := books(replicas[0].port))["accepted"] < 38 and time.monotonic() < end:
            time.sleep(0.02)
    assert ledger["accepted"] == 38  # each once: what was given up at the balancer was taken by the replica after all


def until_done(replica, count):
    end = time.monotonic() + 30
    while books(replica.port)["done"] < count:
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def wrk():
    try:
        return find_program("wrk")
    except Missing:
        pytest.skip("wrk is not installed; run: apt-get install wrk")


def test_wrk_fires_rates_and_curl_asks_for_their_total(wrk, programs):
    service = programs(Intake)
    before = rates(service.port, 10)  # a whole window, whatever wrk can send in its second
    assert set(before) == {200}
    command = [wrk, "-c5", "-t5", "-d1s", "--timeout", "30s", "-s", str(DEPLOY / "wrk.lua"), service.url]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    sent = int(re.search(r"(\d+) requests in", told)[1])
    assert sent > 0
    assert "Non-2xx" not in told
    assert "Socket errors" not in told
    ledger = books(service.port)
    assert sent <= ledger["accepted"] - len(before) <= sent + 5  # wrk leaves with one under way on each connection
    answer = subprocess.run(["curl", "-s", f"{service.url}/total"], capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(r"(10|[0-9])\.[0-9]0", answer)
