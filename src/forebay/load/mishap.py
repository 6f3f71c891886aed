"""An error that nobody foresaw, in a process that fires: what is told of it, since its traceback ends there too."""

from __future__ import annotations

import os
import sysconfig
import traceback
from pathlib import Path

from forebay.errors import ForebayError

_NOT_THEIRS = (
    "<frozen",
    f"{Path(__file__).parents[1]}{os.sep}",  # not forebay_shop beside it
    *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)
"""Beginnings of the files that are no ammunition and no gun of a user: of forebay, of Python, of what is installed."""


def mishap(error: BaseException) -> ForebayError:
    """Return what is told of an error: the last line of somebody's ammunition or gun that led to it, else its own."""
    frames = traceback.extract_tb(error.__traceback__)
    where = ([one for one in frames if not one.filename.startswith(_NOT_THEIRS)] or frames)[-1]
    return ForebayError(f"the cannon failed: {error!r}", f"line {where.lineno} of {where.filename}")
