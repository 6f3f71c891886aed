"""The store in a file, written by as many processes as like: ``sqlite:///results.db``

It may be the file of a queue as well: what both write at the same moment then shares one fsync.

    store.py       results, claims, effects
    tables.py      the tables that are there from the beginning
    window.py      the last n values
    collection.py  documents by key and by number
"""

from forebay.stores.sqlite.store import SQLiteStore, Statements, connect

__all__ = ["SQLiteStore", "Statements", "connect"]
