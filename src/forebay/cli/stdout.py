"""What a command writes for a reader of its own: nothing that cannot be written is taken for written."""

from __future__ import annotations

import errno
import os
import sys
from typing import TextIO

from forebay.errors import ForebayError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def write(text: str) -> None:
    """Write text.

    Raises:
        ForebayError: standard output is closed.
    """
    _stream().write(text)


def write_line(body: bytes) -> None:
    """Write bytes as they are and a newline, at once: whoever reads has them before the message is settled.

    Raises:
        ForebayError: standard output is closed.
    """
    _stream().buffer.write(body + b"\n")
    flush()


def flush() -> None:
    """Hand on what was written.

    Raises:
        OSError: it cannot be; see `failure`.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def flush_or_silence() -> None:
    """Hand on what was written; where that cannot be, let it go nowhere, or Python would try again at its end."""
    try:
        flush()
    except OSError:
        silence()


def silence() -> None:
    """Let all that is printed from now on go nowhere: nobody can read it."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def failure(error: OSError) -> ForebayError | None:
    """Return what a failed write is to the user; None: the error is of something else, or names its file itself."""
    if error.filename is not None or error.errno not in _FULL:
        return None
    return ForebayError(f"what was to be printed or saved cannot be written: {error.strerror}")


def _stream() -> TextIO:
    if sys.stdout is None:
        raise ForebayError("standard output is closed", "what is printed has to go somewhere: >file or >/dev/null")
    return sys.stdout
