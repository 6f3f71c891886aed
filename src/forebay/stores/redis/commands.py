"""What a handler wants done in Redis together with the inbox row of its message."""

from __future__ import annotations

import re
from typing import Any

from redis import exceptions

from forebay.errors import UsageError

Word = str | bytes | int | float
_SURROGATE = re.compile("[\ud800-\udfff]")

MOST_WORDS = 7_000
"""Of one command; Lua cannot hand over more than 8,000 at once."""


class Commands:
    """What :meth:`RedisStore.once` yields: commands that are run together when it is left without an exception."""

    def __init__(self) -> None:
        self._words: list[Word] = []

    async def execute(self, *words: Word) -> None:
        """Have a command run in the script: ``await commands.execute("INCRBY", "stock:33", -1)``.

        Raises:
            UsageError: no word at all, more than 7,000, or one that is neither Unicode text, bytes nor number.
        """
        if not 0 < len(words) <= MOST_WORDS:
            hint = f"1 to {MOST_WORDS}; several commands are one step as well"
            raise UsageError(f"a command of {len(words)} words", hint)
        for word in words:
            if not _can_be_sent(word):
                raise UsageError(f"{word!r} is not a word of a command", "give str (of Unicode), bytes, int or float")
        self._words += (len(words), *words)

    @property
    def words(self) -> list[Word]:
        """All commands, each behind the number of its words."""
        return self._words


def _can_be_sent(word: object) -> bool:
    if isinstance(word, str):
        return word.isascii() or not _SURROGATE.search(word)
    return isinstance(word, bytes | int | float) and not isinstance(word, bool)


def check_run(answer: list[Any]) -> None:
    """Raise what the server said to a command that it refused; the row is taken back, not the commands before it.

    Raises:
        ResponseError: of redis-py, as the server's own words.
    """
    if answer:
        number, words = answer
        raise exceptions.ResponseError(f"{words.decode(errors='replace')} (command {number} of this effect)")
