"""Publishing and working off messages of 1 KB on every broker: us, the bare client, and FastStream, one process each.

Every server syncs before it acknowledges, but Kafka, which does not. The client is pinned to the first processor, the
server to the last; where there is no server, nobody is pinned. As many publishes are in flight on both sides, each with
an answer of its own on ours.
"""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from benchmarks.alternation import alternate
from benchmarks.programs import FIRST, pin
from forebay.lab.servers import NATS, Kafka, RabbitMQ, Redis, Server

FASTSTREAM_RATE = 3_000
RATE = "a second"

Words = Callable[[], Sequence[object]]
_numbers = itertools.count(1)


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One broker and who is measured on it.

    Arguments:
        server: kind of it; None: a file.
        raw: the peer that is the bare client, and what it is called.
        publish_rate, work_rate: messages a second to reckon with: a measurement takes about as long as it is asked to.
        in_flight: publishes under way.
        fetched: messages that the bare client takes at once.
        options: of our URL, given the server.
        grouped: messages that our driver by itself takes or gives at once, measured beside; 0: it is not.
        ways: of publishing that the bare client has, and their names; none: the one and its own.
        policies: when FastStream acknowledges; none: it has no such broker.
    """

    server: type[Server] | None
    raw: tuple[str, str]
    publish_rate: int
    work_rate: int
    in_flight: int = 512
    fetched: int = 256
    options: Callable[[Any], str] = lambda server: ""
    grouped: int = 0
    ways: Mapping[str, str] = {}
    policies: Sequence[str] = ("after",)


SUBJECTS = {
    "sqlite": Subject(
        server=None,
        raw=("raw_sqlite", "bare SQL"),
        publish_rate=80_000,
        work_rate=50_000,
        in_flight=2_000,
        fetched=100,
        grouped=1_000,
        policies=(),
    ),
    "redis": Subject(server=Redis, raw=("raw_redis", "redis-py"), publish_rate=20_000, work_rate=20_000),
    "nats": Subject(
        server=NATS,
        raw=("raw_nats", "nats-py"),
        publish_rate=20_000,
        work_rate=20_000,
        options=lambda server: f"?monitor={server.monitor}",  # there it proves that it syncs
        ways={"publish": "nats-py, atomic batches", "publish-singly": "nats-py, publish_async"},
    ),
    "rabbitmq": Subject(server=RabbitMQ, raw=("raw_rabbitmq", "aiormq"), publish_rate=10_000, work_rate=10_000),
    "kafka": Subject(
        server=Kafka,
        raw=("raw_kafka", "confluent-kafka"),
        publish_rate=60_000,
        work_rate=60_000,
        options=lambda server: "?partitions=4",
        policies=("after", "first"),
    ),
}


def main(rounds: int, seconds: float, only: Sequence[str] = ()) -> None:
    if unknown := set(only) - set(SUBJECTS):
        sys.exit(f"there is no broker {', '.join(unknown)}; known: {', '.join(SUBJECTS)}")
    for name in only or SUBJECTS:
        subject = SUBJECTS[name]
        with _running(subject) as place:
            print(f"\n### {name}: publish, {subject.in_flight} in flight; ours is durable as {_durability(place)}\n")
            publishers = _publishers(subject, place, seconds)
            for measure in publishers.values():
                measure()  # the first one warms up: a virtual machine compiles what is busy
            alternate(publishers, rounds, RATE)
            print(f"\n### {name}: work off, one call a message\n")
            alternate(_workers(subject, place, seconds), rounds, RATE)


class _Place:
    """A server or a folder; gives a new topic to each measurement."""

    def __init__(self, base: str, options: str) -> None:
        self.base = base
        self._options = options

    def url(self) -> str:
        """Return the URL of a new topic, as we write it."""
        return f"{self.base}/{self.name()}{self._options}"

    def name(self) -> str:
        """Return a new name."""
        return f"bench{next(_numbers)}"

    @property
    def host(self) -> str:
        """Where the bare client finds the server."""
        return self.base.rpartition("/")[2].rpartition("@")[2]


class _Folder(_Place):
    def url(self) -> str:
        return f"sqlite:///{self.base}/{self.name()}.db?topic=bench"


@contextlib.contextmanager
def _running(subject: Subject) -> Iterator[_Place]:
    if subject.server is None:
        with tempfile.TemporaryDirectory() as folder:
            yield _Folder(folder, "")
        return
    with subject.server() as server:
        pin(server)
        yield _Place(server.url, subject.options(server))


def _publishers(subject: Subject, place: _Place, seconds: float) -> dict[str, Callable[[], Mapping[str, float]]]:
    count = _count(subject.publish_rate, seconds, subject.in_flight)
    contenders = {"forebay": _measure(lambda: ["forebay_publisher", place.url(), count, subject.in_flight])}
    contenders |= _grouped(subject, place, "publish", count)
    for way, name in (subject.ways or {"publish": subject.raw[1]}).items():
        contenders[name] = _measure(lambda way=way: [*_raw(subject, place, way), count, subject.in_flight])
    return contenders


def _workers(subject: Subject, place: _Place, seconds: float) -> dict[str, Callable[[], Mapping[str, float]]]:
    count = _count(subject.work_rate, seconds, subject.fetched)
    few = _count(FASTSTREAM_RATE, seconds, 500)
    contenders = {"forebay": _measure(lambda: ["forebay_worker", place.url(), count])}
    contenders |= _grouped(subject, place, "consume", count)
    contenders[subject.raw[1]] = _measure(lambda: [*_raw(subject, place, "consume"), count, subject.fetched])
    for policy in subject.policies:
        contenders[f"FastStream, ack {policy}"] = _measure(
            lambda policy=policy: ["faststream_worker", f"{place.base}/{place.name()}", few, policy]
        )
    return contenders


def _grouped(subject: Subject, place: _Place, what: str, count: int) -> dict[str, Callable[[], Mapping[str, float]]]:
    if not subject.grouped:
        return {}
    whole = max(1, count // subject.grouped) * subject.grouped
    measure = _measure(lambda: ["forebay_batches", what, place.url(), whole, subject.grouped])
    return {f"forebay's driver, {subject.grouped:,} at once": measure}


def _raw(subject: Subject, place: _Place, way: str) -> list[str]:
    if subject.server is None:
        return [subject.raw[0], way, f"{place.base}/{place.name()}.db"]
    return [subject.raw[0], way, place.host, place.name()]


def _count(rate: int, seconds: float, multiple: int) -> int:
    """Return how many messages a measurement of about so many seconds takes: whole windows."""
    return max(1, round(rate * seconds / multiple)) * multiple


def _measure(words: Words) -> Callable[[], Mapping[str, float]]:
    return lambda: {RATE: float(_run(words())[0])}


def _durability(place: _Place) -> str:
    return _run(["forebay_publisher", place.url(), 1, 1])[-1]


def _run(words: Sequence[object]) -> list[str]:
    """Run a peer in a process of its own, and return what it prints."""
    peer, *arguments = map(str, words)
    program = [sys.executable, "-m", f"benchmarks.peers.{peer}", *arguments]
    done = subprocess.run([*_pinned(arguments), *program], capture_output=True, text=True, timeout=600)
    if done.returncode:
        sys.exit(f"{peer} failed:\n{done.stderr}")
    return done.stdout.split()


def _pinned(arguments: Sequence[str]) -> list[str]:
    """Return the words that keep a client away from its server's processor; a file has no server."""
    alone = any("sqlite://" in word or word.endswith(".db") for word in arguments)
    return [] if alone else ["taskset", "-c", str(FIRST)]
