"""A setting of a shipped service, read from its text; what cannot be read is told by the setting's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from forebay import UsageError

T = TypeVar("T")


def read_setting(name: str, text: str, read: Callable[[str], T]) -> T:
    """Return the value of a setting.

    Arguments:
        name: as the function has it that makes the application: `forebay serve` tells its origin beside it.
        text: as it was given.
        read: from a text to its value.

    Raises:
        UsageError: that of `read`, with the name before it.
    """
    try:
        return read(text)
    except UsageError as error:
        raise UsageError(f"{name}: {error.what}", error.hint) from error
