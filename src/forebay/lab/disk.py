"""A disk that can lose its power: a file system in a file, of which a copy shows what had reached the device.

The copy of the file lacks all that lay in the page cache of the file system inside it, as after a power cut; its
journal is replayed when the copy is mounted. It needs root and loop devices, and nothing else.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from forebay.errors import Missing, Unavailable
from forebay.lab.servers.process import find_program

SIZE = 2 << 30
"""Bytes; the file is sparse."""
UNMOUNT_SECONDS = 10.0


class Disk:
    """An ext4 file system in a file, mounted while the block lasts and never longer.

    Arguments:
        folder: for the file and the mount point.

    Raises:
        Missing: we are not root, or the system has no loop devices. Unavailable: it cannot be made or mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.place = folder / "disk"
        self._image = folder / "disk.img"
        self._cuts = 0

    def __enter__(self) -> Self:
        check()
        self.place.mkdir()
        with self._image.open("wb") as image:
            image.truncate(SIZE)
        _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1", str(self._image))
        self._mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unmount()

    def sync(self) -> None:
        """Bring all that was written so far to the device: what is older than the experiment is not its subject."""
        _run("sync", "--file-system", str(self.place))

    def photograph(self) -> Path:
        """Copy the device as it is now; whoever writes to it should stand still."""
        self._cuts += 1
        copy = self._image.with_name(f"cut-{self._cuts}.img")
        _run("cp", "--sparse=always", str(self._image), str(copy))
        return copy

    def come_back_as(self, photograph: Path) -> None:
        """Put the copy in the place of the disk, as after the cut; nobody may use the disk now."""
        self._unmount()
        photograph.replace(self._image)
        self._mount()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.place))

    def _unmount(self) -> None:
        """Unmount and detach; a process that was just killed may hold it for a moment."""
        deadline = time.monotonic() + UNMOUNT_SECONDS
        while os.path.ismount(self.place):
            done = subprocess.run(["umount", str(self.place)], capture_output=True, check=False)
            if done.returncode and time.monotonic() > deadline:
                _run("umount", "--lazy", str(self.place))
            elif done.returncode:
                time.sleep(0.05)


def check() -> None:
    """Make sure that there can be such a disk here.

    Raises:
        Missing: says what there is not.
    """
    if os.geteuid() != 0:
        raise Missing("mounting a file needs root", "run it as root, on a machine with loop devices")
    for program in ("mkfs.ext4", "mount", "umount"):
        find_program(program)
    if not Path("/dev/loop-control").exists():
        raise Missing("there are no loop devices here", "a container needs --privileged, a kernel CONFIG_BLK_DEV_LOOP")


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run([str(find_program(program)), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{program} failed", (done.stderr or done.stdout).strip()[-500:])
