"""What publishing leaves of a disk: to finish a message takes space too, and a queue must be able to become empty."""

from __future__ import annotations

import os
from typing import Final

import apsw

from forebay.errors import Unavailable

RESERVE: Final = 64 << 20
"""Bytes that are kept for what was accepted: the log grows by about as much before it begins anew."""
SHARE: Final = 10
"""Of a small disk it is one part in so many."""
PAGES_PER_PAGE: Final = 3
"""What is published is written to the table, to its indexes, and into pages that are not full."""
LEAST_PAGES: Final = 64


def check_room(connection: apsw.Connection, size: int) -> None:
    """Refuse to publish where the disk has only the reserve left, and the file no room inside.

    Arguments:
        size: bytes of what is to be published.

    Raises:
        Unavailable: nothing was written.
    """
    try:
        disk = os.statvfs(connection.filename)
    except OSError:
        return  # the file was moved or removed: its writer looks for that
    free = disk.f_bavail * disk.f_frsize
    if free >= min(RESERVE, disk.f_blocks * disk.f_frsize // SHARE) + size or _fits_inside(connection, size):
        return
    raise Unavailable(
        f"{connection.filename}: the disk is full but for {free >> 10:,} KiB, kept to finish what was accepted",
        "free some space; nothing that was accepted is lost",
    )


def _fits_inside(connection: apsw.Connection, size: int) -> bool:
    """Whether what has been worked off has left so many empty pages in the file."""
    needed = LEAST_PAGES + PAGES_PER_PAGE * size // int(connection.pragma("page_size"))
    return int(connection.pragma("freelist_count")) >= needed
