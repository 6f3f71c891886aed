"""Servers that need little more than a command line: Redis, nginx."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from forebay.errors import Missing
from forebay.lab.servers.process import Server, find_program


class Redis(Server):
    """A Redis server that keeps an append-only file, synced with every write.

    Attributes:
        settings: other lines of its configuration, or other values; for experiments with unsafe ones.
    """

    name = "redis"
    packages = ("redis-server",)
    settings: ClassVar[Mapping[str, str]] = {}

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"redis://127.0.0.1:{self.port}"

    @classmethod
    def program(cls) -> Path:
        """Return `redis-server`, or its twin `valkey-server`."""
        with contextlib.suppress(Missing):
            return find_program("redis-server")
        return find_program("valkey-server")

    def _command(self) -> Sequence[str]:
        settings: dict[str, Any] = {"bind": "127.0.0.1", "port": self.port, "dir": self.folder, "save": ""}
        settings |= {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
        settings |= self.settings
        return [str(self.program()), *(word for name, value in settings.items() for word in (f"--{name}", str(value)))]

    def _answers(self) -> bool:
        return _greeted(self.port, b"PING\r\n").startswith((b"+PONG", b"-NOAUTH"))


class Nginx(Server):
    """An nginx with one server block, which listens on `port`.

    Arguments:
        server: text inside the block ``server { }``.
        http: text inside ``http { }`` before it, such as upstreams.
        folder, port: as for every server.
    """

    name = "nginx"
    packages = ("nginx",)

    def __init__(
        self,
        server: str = "location / { return 200; }",
        http: str = "",
        folder: Path | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(folder, port)
        self._text = _NGINX.format(folder=self.folder, port=self.port, http=http, server=server)

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.port}"

    def _prepare(self) -> None:
        (self.folder / "nginx.conf").write_text(self._text)

    def _command(self) -> Sequence[str]:
        return [str(self.program()), "-p", str(self.folder), "-c", "nginx.conf", "-e", "stderr"]


_NGINX = """daemon off;
worker_processes 1;
pid {folder}/pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
    server {{
        listen 127.0.0.1:{port};
        {server}
    }}
}}
"""


def _greeted(port: int, greeting: bytes) -> bytes:
    """Return the first bytes that a server sends after a greeting."""
    with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
        connection.sendall(greeting)
        return connection.recv(64)
