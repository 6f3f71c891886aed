"""A RabbitMQ node of its own, with a port mapper of its own, and its HTTP API on another loopback port."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from forebay.lab.servers.process import Server, find_program, free_port


class RabbitMQ(Server):
    """A RabbitMQ node with the management plugin, which costs nothing at the start and proves more.

    Arguments:
        settings: lines of ``rabbitmq.conf``.
        folder, port: as for every server.
    """

    name = "rabbitmq"
    packages = ("rabbitmq-server",)

    def __init__(
        self, folder: Path | None = None, port: int | None = None, *, settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder, port)
        self.management_port = free_port()
        self._settings = dict(settings or {})
        self._mapper_port = free_port()
        self._distribution_port = free_port()

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}"

    @property
    def management(self) -> str:
        """Where its HTTP API is."""
        return f"http://127.0.0.1:{self.management_port}"

    @classmethod
    def program(cls) -> Path:
        """Return the server's own script: Debian's on PATH changes the user."""
        own = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
        return own if own.exists() else find_program("rabbitmq-server")

    def _prepare(self) -> None:
        (self.folder / "plugins").write_text("[rabbitmq_management].\n")
        settings = {
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": str(self.management_port),
            **self._settings,
        }
        (self.folder / "rabbitmq.conf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))

    def _environment(self) -> Mapping[str, str]:
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"forebay{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
        }

    def _answers(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            greeted = len(connection.recv(64)) > 0
        with socket.create_connection(("127.0.0.1", self.management_port), timeout=1.0):
            return greeted

    def _clean(self) -> None:
        """End the port mapper, which Erlang leaves behind on purpose."""
        mapper = shutil.which("epmd")
        if mapper is not None:
            command = [mapper, "-port", str(self._mapper_port), "-kill"]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(command, capture_output=True, check=False, timeout=10)
