"""The text form of ammunition: a file of one of the formats, or a function.

orders.jsonl                   a file, its format told by its content
uri:paths.txt                  the format said
raw:shots.gz                   packed by gzip, in any format
forebay:orders?seed=7          built in
shop.shots:basket?users=100    a Python function: a generator, or a function of the index
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from forebay.errors import UsageError
from forebay.load.ammo.files import AmmoFile, Format, Source
from forebay.load.ammo.json import bodies, http_json, vegeta_json
from forebay.load.ammo.python import python_ammo
from forebay.load.ammo.raw import raw, stpd
from forebay.load.ammo.sniffing import sniffed
from forebay.load.ammo.uri import access, uri, uripost
from forebay.load.ammo.vegeta import vegeta
from forebay.load.ammo.wrappers import limited
from forebay.load.shot import Ammo, Shot

FORMATS: dict[str, Format] = {
    "uri": uri,
    "uripost": uripost,
    "raw": raw,
    "stpd": stpd,
    "http/json": http_json,
    "vegeta": vegeta,
    "vegeta/json": vegeta_json,
    "bodies": bodies,
    "access": access,
}
"""By name."""
ALIASES = {"phantom": "raw", "jsonline": "http/json"}
"""Other names of formats."""
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(\?.*)?", re.DOTALL)


def ammo_of(
    text: str,
    url: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    limit: int = 0,
    passes: int = 0,
    cases: Collection[str] = (),
) -> Ammo:
    """Return the ammunition that a text names.

    Arguments:
        text: see the top of this module.
        url: of the target, with which URLs in a file have to agree; empty: the first of them decides.
        headers: of every shot, below its own.
        limit: shots; 0: without end. passes: through a file; 0: without end.
        cases: the tags of a file that are fired; empty: all.

    Raises:
        UsageError: it cannot be read; names file and line.
    """
    kind, colon, path = text.partition(":")
    if colon and ALIASES.get(kind, kind) in FORMATS:
        file = Path(path)
        format = FORMATS[ALIASES.get(kind, kind)]
    elif _FUNCTION.fullmatch(text) and not Path(text).exists():
        return limited(python_ammo(text, headers or {}), limit)
    else:
        file = Path(text)
        if colon and not file.exists():
            raise UsageError(f"there is no format {kind!r} and no file {text}", f"formats: {', '.join(FORMATS)}")
        format = FORMATS[sniffed(Source.of_path(file))]
    return AmmoFile(Source.of_path(file), format, url, headers or {}, limit, passes, frozenset(cases))


def only(shot: Shot) -> Ammo:
    """Return ammunition that is always this shot."""
    return lambda index: shot
