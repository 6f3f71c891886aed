"""PostgreSQL from Debian's packages, whose programs do not lie on PATH and refuse to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from forebay.errors import Missing, Unavailable
from forebay.lab.servers.process import REMEDY, STOP_SECONDS, Server, as_user

USER = "forebay"


class PostgreSQL(Server):
    """A PostgreSQL server with fsync on, no Unix socket, and one superuser who needs no password."""

    name = "postgresql"
    packages = ("postgresql",)
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait for the clients to go

    @property
    def url(self) -> str:
        """Where clients find it, with the database."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    @classmethod
    def program(cls) -> Path:
        """Return the newest `postgres` program.

        Raises:
            Missing: it is not installed.
        """
        versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
        newest = max(versions, key=lambda path: float(path.parts[-3]), default=None)
        found = newest or shutil.which("postgres")
        if found is None:
            raise Missing("postgres is not installed", REMEDY)
        return Path(found)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _user(self) -> str | None:
        if os.geteuid() != 0:
            return None
        return "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"

    def kill(self) -> None:
        """Kill it, and return when its last child has let go of the shared memory, beside which it would not start."""
        super().kill()
        deadline = time.monotonic() + STOP_SECONDS
        while _works_in(self._data) and time.monotonic() < deadline:
            time.sleep(0.01)  # a child that was just being forked ends by itself, and tells nobody

    def _prepare(self) -> None:
        initdb = self.program().with_name("initdb")
        if self._data.exists():
            return
        if (user := self._user()) is not None:
            shutil.chown(self.folder, user)
        done = subprocess.run(
            [initdb, *f"-U {USER} -A trust -E UTF8 --locale=C.UTF-8 --no-sync -D".split(), self._data],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            **as_user(user),
        )
        if done.returncode:
            raise Unavailable("initdb failed", done.stderr[-2000:])

    def _command(self) -> Sequence[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "on",
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self.program()), "-D", str(self._data), *options]

    def _answers(self) -> bool:
        """Greet it as a client does: it asks for no password once it takes connections, and sends an error before."""
        words = b"user\0" + USER.encode() + b"\0database\0postgres\0\0"
        with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
            connection.sendall(struct.pack(">ii", 8 + len(words), 196_608) + words)
            return connection.recv(1) == b"R"


def _works_in(folder: Path) -> bool:
    """Return whether a process has this folder as its own: every process of PostgreSQL works in the data folder."""
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink() == folder:
                return True
        except OSError:
            continue  # it has ended, or is none of ours
    return False
