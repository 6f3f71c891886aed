"""The URL of a topic on NATS: servers, account, and the names of all that the topic has on the broker."""

from __future__ import annotations

import ssl
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forebay.errors import UsageError
from forebay.queue.new_topic import NEW_TOPIC, NewTopic, new_topic_of
from forebay.queue.options import OPTIONS as COMMON
from forebay.queue.options import Asked, asked_of
from forebay.url import URL, with_port

OPTIONS = {
    **COMMON,
    "creds": "a file with the credentials of a user (JWT and seed)",
    "tls": "yes: encrypt the connection; a server that wants it gets it anyway",
    "cafile": "a file with the certificates of those who may vouch for the server",
    **{name: NEW_TOPIC[name] for name in ("replication", "retention", "retention-bytes", "largest")},
    "monitor": "the server's monitoring address, such as http://localhost:8222: there it can prove that it syncs",
}

NO_KEY = "_"
"""In a subject: the message has no key."""
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True)
class Names:
    """What a topic is called on the broker.

    Arguments:
        topic: its name; the stream with its messages is called so.
    """

    topic: str

    @property
    def dead(self) -> str:
        """The stream of the dead letters of all groups."""
        return f"{self.topic}-dead"

    @property
    def notes(self) -> str:
        """The stream of the notes on messages that are tried again."""
        return f"{self.topic}-notes"

    @property
    def later(self) -> str:
        """The stream of the messages that have to wait for their time."""
        return f"{self.topic}-later"

    def fresh(self, key: str | None) -> str:
        """The subject of a message that may be delivered at once."""
        return f"{self.topic}.now.{key_token(key)}"

    def delayed(self, key: str | None) -> str:
        """The subject of a message that has to wait for its time."""
        return f"{self.later}.{key_token(key)}"

    def back(self, group: str, key: str | None) -> str:
        """The subject of a message that one group alone gets again."""
        return f"{self.topic}.back.{group}.{key_token(key)}"

    def letter(self, group: str, id: str) -> str:
        """The subject of a dead letter."""
        return f"{self.dead}.{group}.{id_token(id)}"

    def note(self, group: str, what: str) -> str:
        """The subject of a note."""
        return f"{self.notes}.{group}.{what}"


def key_token(key: str | None) -> str:
    """Return what stands for a key in a subject; two keys that share one only wait for each other."""
    return NO_KEY if key is None else f"{zlib.crc32(key.encode()):08x}"


def id_token(id: str) -> str:
    """Return what stands for a message's id in a subject; `id_of` reads it."""
    return id if id and PLAIN.issuperset(id) else f"={id.encode().hex()}"


def id_of(token: str) -> str:
    """Return the id that a token stands for."""
    return bytes.fromhex(token[1:]).decode() if token.startswith("=") else token


@dataclass(frozen=True)
class Address:
    """Where a topic is, and how its broker is reached.

    Arguments:
        url: shown in errors, without its password.
        servers: host and port of each.
        asked: what any driver is asked for.
        replication: of a new stream.
        new: what else is asked of a topic that must be created.
        monitor: the address of the server's monitoring; empty: unknown.
    """

    url: URL
    servers: list[str]
    asked: Asked
    replication: int = 1
    new: NewTopic = field(default_factory=NewTopic)
    monitor: str = ""
    login: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> Names:
        """What the topic is called on the broker."""
        return Names(self.asked.topic)


def read_address(url: URL) -> Address:
    """Return what a URL says.

    Raises:
        UsageError: an option is unknown, or its value cannot be read; a file is missing.
    """
    url.check_options(OPTIONS)
    asked = asked_of(url if "topic" in url.options or not url.path else url.with_options(topic=url.path))
    servers = [f"nats://{with_port(*server)}" for server in url.servers(4222)]
    return Address(
        url=url,
        servers=servers or ["nats://127.0.0.1:4222"],
        asked=asked,
        replication=url.option("replication", _replication, 1),
        new=new_topic_of(url),
        monitor=url.options.get("monitor", "").rstrip("/"),
        login=_login(url),
    )


def _login(url: URL) -> dict[str, Any]:
    """Return the arguments of the client's `connect` that say who we are, and whom we trust."""
    login: dict[str, Any] = {}
    if url.password:
        login |= {"user": url.user, "password": url.password}
    elif url.user:
        login["token"] = url.user
    if "creds" in url.options:
        login["user_credentials"] = url.option("creds", _file, "")
    if "cafile" in url.options or url.option("tls", _yes, False):
        login["tls"] = ssl.create_default_context(cafile=url.option("cafile", _file, None))
    return login


def _file(text: str) -> str:
    if not Path(text).is_file():
        raise UsageError("there is no such file")
    return text


def _yes(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise UsageError("neither yes nor no")
    return text == "yes"


def _replication(text: str) -> int:
    if text not in {"1", "3", "5"}:
        raise UsageError("a stream is on 1, 3 or 5 servers")
    return int(text)
