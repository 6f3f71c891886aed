"""What is to be known of a run besides its figures, so that its file can be read without who has written it."""

from __future__ import annotations

import os
import platform
import shlex
import socket
from collections.abc import Sequence
from typing import Any

from forebay.load.firing import Firing
from forebay.version import __version__


def about(
    firing: Firing,
    *,
    requirements: Sequence[str] = (),
    processes: int = 1,
    seed: int | None = None,
    command: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what the file of a run says of it at its beginning.

    Arguments:
        firing: what is fired.
        requirements: as they were written.
        processes: that fire. seed: of what is random. command: the words of the command line.
    """
    return {
        "requirements": list(requirements),
        "expected": None if firing.profile is None else firing.profile.cumulative(firing.seconds) or None,
        "connections": firing.connections,
        "timeout_seconds": firing.timeout,
        "processes": processes,
        "seed": seed,
        "command": shlex.join(command),
        "host": socket.gethostname(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "versions": {"forebay": __version__, "python": platform.python_version()},
    }
