"""What the disk under a file is, and what a commit survives there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import apsw

from forebay.durability import Durability

IN_MEMORY: Final = frozenset({"tmpfs", "ramfs", "devtmpfs"})
"""File systems that a power cut empties."""
OVER_A_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs", "lustre"}
)
"""File systems whose locks or shared memory do not hold between machines."""
FULL: Final = 2  # PRAGMA synchronous: an fsync for each commit; 3 is as much and more


def durability_of(connection: apsw.Connection) -> Durability:
    """Return what a commit of this connection survives: as the connection itself says, and the disk under it."""
    synced = connection.pragma("synchronous") >= FULL and file_system(connection.filename) not in IN_MEMORY
    return Durability.FSYNC if synced else Durability.OS


def file_system(path: str, mounts: str = "/proc/self/mountinfo") -> str:
    """Return the type of the file system that a path lies on, as the kernel names it; empty where it does not say."""
    place = Path(os.path.realpath(path))
    found = ("", "")
    try:
        lines = Path(mounts).read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""  # not Linux
    for line in lines:
        before, _, after = line.partition(" - ")
        mount = before.split()[4].encode().decode("unicode_escape")  # a space stands there as \\040
        if place.is_relative_to(mount) and len(mount) >= len(found[0]):
            found = (mount, after.split()[0])
    return found[1]
