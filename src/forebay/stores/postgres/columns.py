"""Columns for ``unnest``, in the binary form of PostgreSQL's arrays: one parameter a column instead of one a value.

psycopg's own way with lists is many times slower; this one joins bytes. The form is that of `array_send` in PostgreSQL:
dimensions, a flag for NULLs (there are none), the type of the elements, their number, the first index; then each
element with its length before it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format

_FLOAT, _INT, _BIG, _TEXT, _JSONB = 701, 23, 20, 25, 3802  # object identifiers of the element types
_FLOATS, _INTS, _BIGS, _TEXTS, _JSONBS = 1022, 1007, 1016, 1009, 3807  # and of their arrays


class Column(bytes):
    """An array in its binary form; its class is its type."""


class Texts(Column):
    """An array of text."""


class JSONBs(Column):
    """An array of jsonb."""


class Floats(Column):
    """An array of double precision."""


class Integers(Column):
    """An array of integer."""


class BigIntegers(Column):
    """An array of bigint."""


def texts(values: Sequence[str]) -> Texts:
    """Return a column of texts."""
    return Texts(_array(_TEXT, len(values), b"".join([_sized(value.encode()) for value in values])))


def jsonbs(values: Sequence[bytes]) -> JSONBs:
    """Return a column of JSON documents."""
    return JSONBs(_array(_JSONB, len(values), b"".join([_sized(b"\1" + value) for value in values])))


def floats(values: Sequence[float]) -> Floats:
    """Return a column of floats."""
    return Floats(_array(_FLOAT, len(values), _fixed("id", 8, values)))


def integers(values: Sequence[int]) -> Integers:
    """Return a column of integers of 32 bits."""
    return Integers(_array(_INT, len(values), _fixed("ii", 4, values)))


def big_integers(values: Sequence[int]) -> BigIntegers:
    """Return a column of integers of 64 bits."""
    return BigIntegers(_array(_BIG, len(values), _fixed("iq", 8, values)))


def register(adapters: AdaptersMap) -> None:
    """Let connections with these adapters take columns as parameters."""
    for kind, oid in ((Texts, _TEXTS), (JSONBs, _JSONBS), (Floats, _FLOATS), (Integers, _INTS), (BigIntegers, _BIGS)):
        adapters.register_dumper(kind, type(f"{kind.__name__}Dumper", (_ColumnDumper,), {"oid": oid}))


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column) -> Buffer:
        return obj


def _array(element: int, count: int, elements: bytes) -> bytes:
    return struct.pack(">iiIii", 1, 0, element, count, 1) + elements


def _sized(element: bytes) -> bytes:
    return len(element).to_bytes(4, "big") + element


def _fixed(form: str, width: int, values: Sequence[float]) -> bytes:
    flat = [part for value in values for part in (width, value)]
    return struct.pack(">" + form * len(values), *flat)
