"""The power cut: what was acknowledged through our drivers and stores, and what is there when the power is back.

    python -m forebay.lab.powercut [sqlite|redis|nats|rabbitmq|postgresql ...] [--seconds 4]

A server (SQLite: the publisher) keeps its data on a :class:`~forebay.lab.disk.Disk`. It is stopped under load, the
device is copied, everything is killed, the copy is mounted and started. What claims to survive a power cut has to lose
nothing; the settings that are known to lose are seen to lose, or else the experiment proves nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from forebay.durability import Durability
from forebay.errors import ForebayError
from forebay.lab.disk import Disk
from forebay.lab.servers import NATS, PostgreSQL, RabbitMQ, Redis, Server
from forebay.lab.witness import TOPIC, Witness, make, still_there

SECONDS = 4.0
FEWEST = 256
"""Messages that are acknowledged before a cut, however long that takes: of fewer it would say nothing."""


class Trial(msgspec.Struct, frozen=True):
    """One setting of one system.

    Arguments:
        system: its name.
        setting: what is special about it.
        url: of the queue or store, given the folder of the data and the server.
        server: makes the server on a folder; None: there is none, the publisher writes.
        fresh: the queue is made right before the cut, not long ago.
        loses: it is known to lose; where it does not, the experiment proves nothing.
    """

    system: str
    setting: str
    url: Callable[[Path, Any], str]
    server: Callable[[Path], Server] | None = None
    fresh: bool = False
    loses: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What came of one trial.

    Arguments:
        trial: which one.
        promised: what the driver or store said that acknowledged messages survive.
        acknowledged, lost: how many messages were; lost: and are nowhere. unexpected: nobody acknowledged them.
        trouble: why nothing could be read afterwards; empty: it could.
    """

    trial: Trial
    promised: Durability
    acknowledged: int
    lost: int
    unexpected: int = 0
    trouble: str = ""

    @property
    def kept(self) -> bool:
        """Whether all that was acknowledged was there after the cut."""
        return self.lost == 0

    @property
    def honest(self) -> bool:
        """Whether the promise was kept: a class that covers the disk loses nothing."""
        return self.kept or not self.promised.covers(Durability.FSYNC)

    @property
    def verdict(self) -> str:
        """In a word or three."""
        if not self.honest:
            return "PROMISE BROKEN"
        return "kept" if self.kept else "lost, as it said it may"

    def __str__(self) -> str:
        share = f"{self.lost / self.acknowledged:.1%}" if self.acknowledged else "-"
        row = f"{self.trial.system:<12}{self.trial.setting:<38}{self.promised:<12}{self.acknowledged:>12,}"
        row += f"{self.acknowledged - self.lost:>12,}{self.lost:>10,}{share:>8}  {self.verdict}"
        return f"{row}{f' ({self.trouble})' if self.trouble else ''}"


HEADER = (
    f"{'system':<12}{'setting':<38}{'promised':<12}{'acknowledged':>12}{'recovered':>12}{'lost':>10}{'':>8}  verdict"
)


def cut(trial: Trial, folder: Path, seconds: float = SECONDS) -> Outcome:
    """Publish for so many seconds, and `FEWEST` messages at least, cut the power, and count.

    Arguments:
        trial: the setting.
        folder: an empty one, outside the disk that is made in it.
        seconds: of publishing before the cut.

    Raises:
        Missing: this machine cannot do it: no root, no loop devices, no such server.
        Unavailable: the server did not start, or the publisher could not begin.
    """
    with ExitStack() as stack:
        disk = stack.enter_context(Disk(folder))
        data = disk.place / "data"
        data.mkdir()
        server = trial.server(data) if trial.server else None
        if server is not None:
            stack.callback(server.stop)
            server.start()
            disk.sync()
        url = trial.url(data, server)
        if not trial.fresh:
            asyncio.run(make(url))
            disk.sync()
        witness = stack.enter_context(Witness(url, folder))
        time.sleep(seconds)  # the load has no event to be awaited
        witness.until_acknowledged(FEWEST)
        (server or witness).pause()
        photograph = disk.photograph()
        witness.kill()
        if server is not None:
            server.kill()
        disk.come_back_as(photograph)
        return _count(trial, witness, server, url)


def _count(trial: Trial, witness: Witness, server: Server | None, url: str) -> Outcome:
    acknowledged, promised = witness.acknowledged(), witness.durability
    try:
        if server is not None:
            server.start()
        found = set(asyncio.run(still_there(url, acknowledged)))
    except (ForebayError, OSError) as error:
        return Outcome(trial, promised, len(acknowledged), len(acknowledged), trouble=str(error))
    return Outcome(trial, promised, len(acknowledged), len(acknowledged - found), len(found - acknowledged))


def _postgres(*arguments: str) -> Callable[[Path], Server]:
    """Return a server that takes further arguments on its command line, where the last one counts."""

    class Changed(PostgreSQL):
        def _command(self) -> Sequence[str]:
            return [*super()._command(), *arguments]

    return Changed


def _redis(**changes: str) -> Callable[[Path], Server]:
    class Changed(Redis):
        settings = changes

    return Changed


def _topic(data: Path, server: Server) -> str:
    return f"{server.url}/{TOPIC}"


def _priorities(data: Path, server: Server) -> str:
    return f"{_topic(data, server)}?discipline=priority"


def _watched(data: Path, server: NATS) -> str:
    return f"{_topic(data, server)}?monitor={server.monitor}"  # there it can prove that it syncs


def _file(data: Path, server: None) -> str:
    return f"sqlite:///{data}/queue.db"


def _hasty_file(data: Path, server: None) -> str:
    return f"{_file(data, server)}?synchronous=normal"


def _database(data: Path, server: Server) -> str:
    return server.url


TRIALS = [
    Trial("sqlite", "synchronous=full", _file),
    Trial("sqlite", "synchronous=normal", _hasty_file, loses=True),
    Trial("redis", "appendfsync always", _topic, Redis),
    Trial("redis", "appendfsync everysec", _topic, _redis(appendfsync="everysec"), loses=True),
    Trial("redis", "appendonly no", _topic, _redis(appendonly="no"), loses=True),
    Trial("nats", "sync_interval always", _watched, NATS),
    Trial("nats", "sync_interval 2m, the default", _watched, lambda folder: NATS(folder, jetstream=""), loses=True),
    Trial("rabbitmq", "quorum queue", _topic, RabbitMQ),
    Trial("rabbitmq", "quorum queue made just now", _topic, RabbitMQ, fresh=True),
    Trial("rabbitmq", "classic queue (priorities)", _priorities, RabbitMQ),
    Trial("postgresql", "synchronous_commit on", _database, PostgreSQL),
    Trial(
        "postgresql",
        "synchronous_commit off (turned on)",
        _database,
        _postgres("--synchronous_commit=off"),
    ),
    Trial("postgresql", "fsync off", _database, _postgres("--fsync=off"), loses=True),
]
"""Every setting, the safe one of each system first."""


@contextmanager
def workplace() -> Iterator[Path]:
    """Give a temporary folder that servers which run as other users can pass through."""
    with tempfile.TemporaryDirectory(prefix="forebay-powercut-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def main(arguments: Sequence[str]) -> int:
    """Run the trials and print a row for each; return 0, 4 when a promise was broken, or 1 when one could not run."""
    systems = sorted({trial.system for trial in TRIALS})
    parser = argparse.ArgumentParser(prog="python -m forebay.lab.powercut", description="Cut the power, and count.")
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help=f"of {', '.join(systems)}; all of them")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of publishing before the cut")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.systems) - set(systems):
        parser.error(f"there is no system {', '.join(unknown)}; known: {', '.join(systems)}")
    print(HEADER)
    code = 0
    for trial in TRIALS:
        if not asked.systems or trial.system in asked.systems:
            code = max(code, _shown(trial, asked.seconds))
    return code


def _shown(trial: Trial, seconds: float) -> int:
    try:
        with workplace() as folder:
            outcome = cut(trial, folder, seconds)
    except ForebayError as error:
        print(f"{trial.system:<12}{trial.setting:<38}{error.what}: {error.hint}", flush=True)
        return 1
    print(outcome, flush=True)
    return 0 if outcome.honest else 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
