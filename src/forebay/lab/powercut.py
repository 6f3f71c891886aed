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

import msgspec

from forebay.durability import Durability
from forebay.errors import ForebayError
from forebay.lab.disk import Disk
from forebay.lab.servers import PostgreSQL, Redis, Server
from forebay.lab.witness import TOPIC, Witness, still_there

SECONDS = 4.0


class Trial(msgspec.Struct, frozen=True):
    """One setting of one system.

    Arguments:
        system: its name.
        setting: what is special about it.
        url: of the queue or store, given the folder of the data and the server's URL.
        server: makes the server on a folder; None: there is none, the publisher writes.
    """

    system: str
    setting: str
    url: Callable[[Path, str], str]
    server: Callable[[Path], Server] | None = None


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
    """Publish for so many seconds, cut the power, and count.

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
        url = trial.url(data, server.url if server else "")
        witness = stack.enter_context(Witness(url, folder))
        time.sleep(seconds)  # the load has no event to be awaited
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
        found = set(asyncio.run(still_there(url)))
    except (ForebayError, OSError) as error:
        return Outcome(trial, promised, len(acknowledged), len(acknowledged), trouble=str(error))
    return Outcome(trial, promised, len(acknowledged), len(acknowledged - found), len(found - acknowledged))


def _started_with(kind: type[Server], *arguments: str) -> Callable[[Path], Server]:
    """Return a server that takes further arguments on its command line, where the last one counts."""

    class Changed(kind):  # type: ignore[valid-type,misc]
        def _command(self) -> Sequence[str]:
            return [*super()._command(), *arguments]

    return Changed


def _topic(data: Path, server: str) -> str:
    return f"{server}/{TOPIC}"


def _file(data: Path, server: str) -> str:
    return f"sqlite:///{data}/queue.db"


def _database(data: Path, server: str) -> str:
    return server


TRIALS = [
    Trial("sqlite", "synchronous=full", _file),
    Trial("sqlite", "synchronous=normal", lambda data, server: f"{_file(data, server)}?synchronous=normal"),
    Trial("redis", "appendfsync always", _topic, Redis),
    Trial("redis", "appendfsync everysec", _topic, _started_with(Redis, "--appendfsync", "everysec")),
    Trial("redis", "appendonly no", _topic, _started_with(Redis, "--appendonly", "no")),
    Trial("postgresql", "synchronous_commit on", _database, PostgreSQL),
    Trial(
        "postgresql",
        "synchronous_commit off (turned on)",
        _database,
        _started_with(PostgreSQL, "--synchronous_commit=off"),
    ),
    Trial("postgresql", "fsync off", _database, _started_with(PostgreSQL, "--fsync=off")),
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
