"""A server must not outlive the program that started it, however suddenly that one ends."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

# Its standard input closes with the program, however that ends. By then the server may be long gone, and another
# process may have its number: that one was born at another time.
_SCRIPT = """\
cat >/dev/null
if [ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20)" = "$2" ]; then
  kill -9 -"$1" 2>/dev/null || kill -9 "$1"
fi
sleep 1
rm -rf -- "$3"
"""
_BORN = 19  # its place in /proc/PID/stat, behind the name in parentheses


class Guard:
    """Kills a process with its group, and removes a folder, when we end without having called `release`.

    Arguments:
        pid: of a process that runs, and whose end nobody has waited for yet.
        folder: to be removed; None: nothing is.
        born: when the process began, as the system counts it; None: asked of the system.
    """

    def __init__(self, pid: int, folder: Path | None, born: str | None = None) -> None:
        self._process = subprocess.Popen(
            ["sh", "-c", _SCRIPT, "guard", str(pid), _born(pid) if born is None else born, str(folder or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def release(self) -> None:
        """Let the process be."""
        os.killpg(self._process.pid, signal.SIGKILL)  # the shell and its cat
        self._process.communicate()


def _born(pid: int) -> str:
    """Return when a process began; empty where the system has no such files, and numbers must do."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[_BORN]
    except OSError:
        return ""
