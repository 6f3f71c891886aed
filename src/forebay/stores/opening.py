"""A store by its address: ``sqlite:///results.db`` becomes the module that knows it, imported only then."""

from __future__ import annotations

import importlib

from forebay.errors import UsageError
from forebay.stores.store import Store
from forebay.url import URL, parse

SCHEMES = {
    "memory": "forebay.stores.memory",
    "sqlite": "forebay.stores.sqlite",
    "postgresql": "forebay.stores.postgres",
    "postgres": "forebay.stores.postgres",
}


async def open_store(url: str | URL) -> Store:
    """Open the store at an address.

    Raises:
        UsageError: an unknown scheme or option, a package that is not installed, a wrong password or database.
        Unavailable: the store cannot be reached.
    """
    place = parse(url) if isinstance(url, str) else url
    if place.scheme not in SCHEMES:
        known = "memory://name, sqlite:///results.db, postgresql://user:password@host/database"
        raise UsageError(f"there is no store for {place.scheme!r} in {place}", f"known: {known}")
    try:
        module = importlib.import_module(SCHEMES[place.scheme])
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("forebay"):
            raise
        raise UsageError(
            f"{place.scheme}:// needs the package {error.name}", 'install it: pip install "forebay[postgres]"'
        ) from error
    store: Store = await module.connect(place)
    return store
