"""Bring the servers and the tests' browser onto this machine, by apt-get and Maven; what is there stays."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from forebay.errors import Missing, Unavailable
from forebay.lab.servers import SERVERS, Kafka
from forebay.lab.servers.kafka import VERSION, fetch_jars, jar_folder
from forebay.lab.servers.process import find_program

BROWSER = "chromium"
"""No server, and needed beside them: it opens the pages that the tests make. Its package has the same name."""

# Packages must not start services of their own: ours run on other ports with other data. A policy that stands stays.
_INSTALL = """set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > $policy
  chmod 755 $policy
fi
apt-get -q -o DPkg::Lock::Timeout=300 update
apt-get -q -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@"
"""


def install(say: Callable[[str], None] = print) -> None:
    """Install every server that is missing, and say what was done, a line each.

    Raises:
        Missing: packages are needed, and there is no apt-get or no way to become root.
        Unavailable: apt-get or Maven failed; with their last words.
    """
    packages = missing_packages()
    if packages:
        say(f"apt-get install {' '.join(packages)}")
        _install_packages(packages)
    if not jar_folder().is_dir():
        say(f"mvn: fetching Kafka {VERSION} from Maven Central")
        say(f"  {fetch_jars()} jars in {jar_folder()}")
    for line in status():
        say(line)


def status() -> list[str]:
    """Return a line for each server, and for the browser: where it is, or that it is missing."""
    lines = []
    for name, program in _programs().items():
        try:
            lines.append(f"{name:<12}{program()}")
        except Missing as error:
            lines.append(f"{name:<12}missing: {error}")
    return lines


def missing_packages() -> list[str]:
    """Return the Debian packages that are still needed."""
    packages: list[str] = []
    for server in SERVERS.values():
        if server is Kafka:
            packages += [] if shutil.which("java") else ["default-jre-headless"]
            packages += [] if shutil.which("mvn") or jar_folder().is_dir() else ["maven"]
        elif not _is_there(server.program):
            packages += server.packages
    return packages if _is_there(browser) else [*packages, BROWSER]


def browser() -> Path:
    """Return the program of the browser.

    Raises:
        Missing: it is not installed.
    """
    return find_program(BROWSER)


def _programs() -> dict[str, Callable[[], Path]]:
    return {name: server.program for name, server in SERVERS.items()} | {BROWSER: browser}


def _is_there(program: Callable[[], object]) -> bool:
    try:
        program()
    except Missing:
        return False
    return True


def _install_packages(packages: Sequence[str]) -> None:
    if shutil.which("apt-get") is None:
        raise Missing("there is no apt-get on this system", f"install by hand: {' '.join(packages)}")
    become_root = [] if os.geteuid() == 0 else ["sudo"]
    if become_root and shutil.which("sudo") is None:
        raise Missing("installing needs root, and there is no sudo", f"as root: apt-get install {' '.join(packages)}")
    command = [*become_root, "sh", "-c", _INSTALL, "install", *packages]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise Unavailable("apt-get failed", done.stdout[-2000:])
