"""The Lua scripts of the store: each is one step for the server, whatever dies meanwhile."""

from __future__ import annotations

from importlib import resources
from typing import Final

from forebay.redisserver.script import Script

_FOLDER: Final = resources.files("forebay.stores.redis") / "lua"


def _script(name: str) -> Script:
    """Return one of the files in the folder ``lua``, behind what they share."""
    return Script("".join((_FOLDER / f"{part}.lua").read_text("utf-8") for part in ("shared", name)))


OPEN: Final = _script("open")
SAVE: Final = _script("save")
GET: Final = _script("get")
RESULTS: Final = _script("results")
ONCE: Final = _script("once")
PUT: Final = _script("put")
CLAIM: Final = _script("claim")
CONFIRM: Final = _script("confirm")
FORGET: Final = _script("forget")
KEEP: Final = _script("keep")
PAGE: Final = _script("page")
