"""The store that lives in this process: for tests, and for what may be forgotten. ``memory://name``

All who open the same name share what is in it, until the last of them has closed it.

    contents.py    what the stores of one name share
    store.py       results, claims, effects
    window.py      the last n values
    collection.py  documents by key and by number
"""

from forebay.stores.memory.store import Actions, MemoryStore, connect

__all__ = ["Actions", "MemoryStore", "connect"]
