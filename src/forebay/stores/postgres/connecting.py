"""Connections of which it is known why the last one could not be made: a pool says only that it has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import psycopg

from forebay.stores.postgres.failures import one_line
from forebay.stores.postgres.tables import Connection


class Attempts:
    """What came of the attempts to connect.

    Attributes:
        reason: why the last one failed; empty: it did not.
    """

    def __init__(self) -> None:
        self.reason = ""

    def note(self, error: psycopg.Error | None) -> None:
        """Note the end of an attempt."""
        self.reason = "" if error is None else one_line(error)


def connections(note: Callable[[psycopg.Error | None], None]) -> type[Connection]:
    """Return a class of connections for a pool.

    Arguments:
        note: hears how each attempt to connect has ended.
    """

    class Noted(psycopg.AsyncConnection[tuple[Any, ...]]):
        @classmethod
        async def connect(cls, conninfo: str = "", **options: Any) -> Self:
            try:
                connection = await super().connect(conninfo, **options)
            except psycopg.Error as error:
                note(error)
                raise
            note(None)
            return connection

    return Noted
