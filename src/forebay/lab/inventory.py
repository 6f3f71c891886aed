"""What is installed here: forebay's packages with those of its extras, and the servers that the lab can start."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
from pathlib import Path

import msgspec

from forebay.errors import Missing
from forebay.lab.servers import SERVERS

VERSION = re.compile(r"\d+\.\d+(\.\d+)*")
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;.*extra == [\"']([a-z]+)[\"'])?")
ASK = {"redis": "--version", "nats": "--version", "postgresql": "--version", "nginx": "-v"}
"""How a program is asked for its version, where its path does not tell it."""
ASK_SECONDS = 5.0


class Package(msgspec.Struct, frozen=True):
    """A Python package that forebay uses.

    Arguments:
        name: on PyPI.
        extra: of forebay, which installs it; empty: it is always needed.
        version: installed; None: it is not there.
    """

    name: str
    extra: str
    version: str | None

    @property
    def remedy(self) -> str:
        """What installs it; empty where it is there."""
        return "" if self.version else f"pip install 'forebay[{self.extra}]'"


class Program(msgspec.Struct, frozen=True):
    """A server that the lab can start; None for what is missing or does not tell."""

    name: str
    path: str | None
    version: str | None


def packages() -> list[Package]:
    """Return the packages that forebay requires, those of its extras included."""
    found: dict[str, Package] = {}
    for requirement in importlib.metadata.requires("forebay") or ():
        match = REQUIREMENT.match(requirement)
        if match is not None and match[1] != "forebay":
            found.setdefault(match[1], Package(match[1], match[2] or "", _installed(match[1])))
    return sorted(found.values(), key=lambda package: (package.extra, package.name))


def programs() -> list[Program]:
    """Return the servers of the lab."""
    found = []
    for name, server in SERVERS.items():
        try:
            path = server.program()
        except Missing:
            found.append(Program(name, None, None))
        else:
            found.append(Program(name, str(path), _version(name, path)))
    return found


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _version(name: str, path: Path) -> str | None:
    said = str(path.resolve())
    if name in ASK:
        try:
            done = subprocess.run([str(path), ASK[name]], capture_output=True, timeout=ASK_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
    match = VERSION.search(said)
    return match[0] if match else None
