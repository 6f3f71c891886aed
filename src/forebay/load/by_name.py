"""A Python object by its name, ``module:function``: ammunition and guns of one's own."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from forebay.errors import UsageError


def by_name(text: str, what: str, hint: str) -> Callable[..., Any]:
    """Return the function of ``module:function``; modules of the current folder are found too.

    Arguments:
        what: it is to be, as in ``gun``. hint: how it is written.

    Raises:
        UsageError: there is none, or it cannot be called.
    """
    module, _, name = text.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), name, None)
    except (ImportError, ValueError) as error:
        raise UsageError(f"there is no {what} {text}: {error}", hint) from error
    if not callable(found):
        raise UsageError(f"{text} is not a function", hint)
    return found  # type: ignore[no-any-return]
