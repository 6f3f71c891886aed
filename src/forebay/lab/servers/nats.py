"""A NATS server with JetStream that has each message on the disk before it says so."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from forebay.lab.servers.process import Server, find_program, free_port

SYNCED = "sync_interval: always"
"""The setting of JetStream with which an acknowledged message survives a power cut; servers before 2.10
lack it, and start without."""
FIRST_TO_SYNC = (2, 10)


class NATS(Server):
    """A NATS server with JetStream, and its monitoring on a loopback port.

    Arguments:
        folder, port: as for every server.
        jetstream: lines of the block ``jetstream { }``.
        settings: further lines of the configuration, such as ``authorization { user: a, password: b }``.
        path: the program; None: the one beside our Python, else the system's.
    """

    name = "nats"
    packages = ("nats-server",)

    def __init__(
        self,
        folder: Path | None = None,
        port: int | None = None,
        *,
        jetstream: str = SYNCED,
        settings: str = "",
        path: Path | None = None,
    ) -> None:
        super().__init__(folder, port)
        self._monitor_port = free_port()
        self._program = path
        self._jetstream = jetstream
        self._settings = settings

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def monitor(self) -> str:
        """Where it tells of itself over HTTP."""
        return f"http://127.0.0.1:{self._monitor_port}"

    @classmethod
    def program(cls) -> Path:
        """Return `nats-server`: the one of our environment is newer than Debian's."""
        own = shutil.which("nats-server", path=str(Path(sys.executable).parent))
        return Path(own) if own else find_program("nats-server")

    @property
    def version(self) -> tuple[int, ...]:
        """The version of the program, such as (2, 15, 1)."""
        said = subprocess.run([*self._command()[:1], "--version"], capture_output=True, text=True, check=True).stdout
        return tuple(int(number) for number in re.findall(r"\d+", said))

    def _prepare(self) -> None:
        can = self._jetstream != SYNCED or self.version >= FIRST_TO_SYNC
        text = _CONFIGURATION.format(
            port=self.port,
            monitor=self._monitor_port,
            folder=self.folder / "data",
            jetstream=self._jetstream if can else "",
            settings=self._settings,
        )
        (self.folder / "nats.conf").write_text(text)

    def _command(self) -> Sequence[str]:
        return [str(self._program or self.program()), "-c", str(self.folder / "nats.conf")]

    def _answers(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
            return connection.recv(64).startswith(b"INFO")


_CONFIGURATION = """host: 127.0.0.1
port: {port}
max_payload: 8MB
http: "127.0.0.1:{monitor}"
jetstream {{
    store_dir: "{folder}"
    {jetstream}
}}
{settings}
"""
