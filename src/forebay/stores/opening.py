"""A store by its address: ``sqlite:///results.db`` becomes the module that knows it, imported only then."""

from __future__ import annotations

import importlib

from forebay.errors import UsageError
from forebay.stores.store import Store
from forebay.url import URL, parse

SCHEMES = {
    "memory": ("forebay.stores.memory", ""),
    "sqlite": ("forebay.stores.sqlite", ""),
    "redis": ("forebay.stores.redis", "redis"),
    "rediss": ("forebay.stores.redis", "redis"),
    "postgresql": ("forebay.stores.postgres", "postgres"),
    "postgres": ("forebay.stores.postgres", "postgres"),
}
"""The module that knows an address, and the extra that installs what it needs."""
KNOWN = "memory://name, sqlite:///results.db, redis://host/0, rediss://host/0, postgresql://user:password@host/database"


async def open_store(url: str | URL) -> Store:
    """Open the store at an address.

    Raises:
        UsageError: an unknown scheme or option, a package that is not installed, a wrong password or database.
        Unavailable: the store cannot be reached.
    """
    place = parse(url) if isinstance(url, str) else url
    if place.scheme not in SCHEMES:
        raise UsageError(f"there is no store for {place.scheme!r} in {place}", f"known: {KNOWN}")
    name, extra = SCHEMES[place.scheme]
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("forebay"):
            raise
        hint = f'install it: pip install "forebay[{extra}]"'
        raise UsageError(f"{place.scheme}:// needs the package {error.name}", hint) from error
    store: Store = await module.connect(place)
    return store
