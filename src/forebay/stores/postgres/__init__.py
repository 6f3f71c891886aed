"""The store in PostgreSQL: ``postgresql://user:password@host:5432/database?schema=forebay``

Results lie in the table `inbox` of the schema; the view `result` shows them with readable times. Each collection has a
table of its own name.

    address.py     the options, and what libpq is told
    server.py      its connections, and what is repeated on them
    failures.py    its errors, told apart
    tables.py      the tables, made by whoever comes first
    columns.py     parameters that hold a whole column
    bisecting.py   one value that is refused harms no neighbour
    store.py       results, claims, effects
    window.py      the last n values
    collection.py  documents by key and by number
"""

from forebay.stores.postgres.address import OPTIONS
from forebay.stores.postgres.store import PostgresStore, connect

__all__ = ["OPTIONS", "PostgresStore", "connect"]
