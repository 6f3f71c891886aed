"""What the URL of a Redis store says, read strictly: ``redis://host:6379/0?prefix=shop&keep=720h``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from forebay.durability import Durability
from forebay.errors import UsageError
from forebay.quantity import duration
from forebay.redisserver import address
from forebay.redisserver.address import Address, read_database, read_server
from forebay.url import URL

OPTIONS: Final[Mapping[str, str]] = {
    "prefix": "what all keys begin with; in a cluster with a {tag}, which puts them on one server",
    "keep": "how long results and inbox rows stay, e.g. 720h; longer than any redelivery can take; default: for ever",
    "durability": "memory, os or fsync: a server that gives less is refused",
    **address.OPTIONS,
}
DEFAULT_PREFIX: Final = "forebay:store"

_WORD = r"[A-Za-z0-9_.:-]"
_PREFIX = re.compile(rf"(?=.{{1,100}}$)(?!forebay:\{{)({_WORD}*\{{{_WORD}+\}}{_WORD}*|{_WORD}+)")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a store is.

    Arguments:
        address: of the server.
        prefix: what all keys begin with.
        keep: seconds that results and inbox rows stay; None: for ever.
        durability: the least class that will do.
    """

    address: Address
    prefix: str = DEFAULT_PREFIX
    keep: float | None = None
    durability: Durability = Durability.MEMORY


def read_place(url: URL) -> Place:
    """Return where a store is.

    Raises:
        UsageError: an option is unknown, or something cannot be read.
    """
    url.check_options(OPTIONS)
    return Place(
        address=read_server(url, _database(url)),
        prefix=url.option("prefix", _prefix, DEFAULT_PREFIX),
        keep=url.option("keep", _keep, None),
        durability=url.option("durability", _durability, Durability.MEMORY),
    )


def _database(url: URL) -> int:
    try:
        return read_database(url.path or "0")
    except UsageError as error:
        hint = "write redis://localhost:6379/0; what the keys begin with is ?prefix=..."
        raise UsageError(f"the path of {url} is not the number of a database", hint) from error


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        hint = "letters, digits and _ . : -, at most 100, one {tag} among them; forebay:{ is for topics"
        raise UsageError("keys cannot begin so", hint)
    return text


def _keep(text: str) -> float:
    seconds = duration(text)
    if not 0 < seconds < math.inf:
        raise UsageError("results that would go at once, or never", "write keep=720h; leave it out to keep for ever")
    return seconds


def _durability(text: str) -> Durability:
    try:
        asked = Durability(text)
    except ValueError:
        asked = Durability.REPLICATED
    if asked is Durability.REPLICATED:
        raise UsageError("not what one Redis can give", "memory, os or fsync")
    return asked
