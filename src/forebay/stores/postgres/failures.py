"""The errors of PostgreSQL, told apart: wrong words, refused data, a lost connection, nothing done."""

from __future__ import annotations

import re
from typing import Final

import psycopg

from forebay.errors import ForebayError, Unavailable, Undecodable, Unknown, UsageError

# libpq gives no code for a connection that was refused, only the server's words
_MISTAKES: Final = {
    r"invalid [\w ]*(value|number)": "write postgresql://user:password@host:5432/database",
    r"password authentication failed|no password supplied|role \".*\" does not exist|no pg_hba.conf entry": (
        "write the account as postgresql://user:password@host/database"
    ),
    r"database \".*\" does not exist": "make it with createdb, or name another one",
}


def explained(error: psycopg.Error, name: str) -> ForebayError:
    """Return what an error means: the data is refused, or the connection lost, or nothing was changed."""
    what = f"{name}: {one_line(error)}"
    if _refused(error):
        return Undecodable(what, "trying again will not help")
    if lost(error):
        return Unknown(what, "it is not known whether it was done; is PostgreSQL up?")
    return Unavailable(what, "nothing was changed; look at the log of PostgreSQL")


def unreachable(error: psycopg.Error, name: str, schema: str) -> ForebayError:
    """Return what an error on the way to our tables means: wrong words in the address, or an outage."""
    text = one_line(error)
    for pattern, hint in _MISTAKES.items():
        if re.search(pattern, text):
            return UsageError(f"{name}: {text}", hint)
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return UsageError(f"{name}: {text}", f"let the account use, or create, the schema {schema}")
    return Unavailable(f"cannot reach {name}: {text}", "is PostgreSQL up?")


def forbidden(error: psycopg.Error, table: str) -> UsageError:
    """Return what to say when the account may not make a table that is asked for, or not use it."""
    return UsageError(one_line(error), f"let the account make tables, or make {table} for it")


def lost(error: psycopg.Error) -> bool:
    """Say whether the connection broke, so that the fate of what ran on it is not known."""
    if not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return False
    return error.sqlstate is None or error.diag.severity_nonlocalized in {"FATAL", "PANIC"}


def one_line(error: psycopg.Error) -> str:
    """Return the words of an error without its line breaks."""
    return " ".join(str(error).split())


def _refused(error: psycopg.Error) -> bool:
    """Say whether the server refuses the data itself, so that no repetition will help."""
    return isinstance(error, psycopg.DataError) or (error.sqlstate or "").startswith("54")
