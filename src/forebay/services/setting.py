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


def whole(text: str, least: int, most: int) -> int:
    """Return a whole number.

    Raises:
        UsageError: the text says none, or one that is out of bounds.
    """
    # The digits are counted first: thousands of them are more than Python turns into a number.
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise UsageError(f"{text!r} is not a whole number of {least} to {most}")
    return int(text)
