"""What the URL of a Redis topic says, read strictly: ``redis://host:6379/orders?group=workers``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from forebay.errors import UsageError
from forebay.queue.options import OPTIONS as COMMON_OPTIONS
from forebay.queue.options import Asked, asked_of
from forebay.redisserver import address
from forebay.redisserver.address import Address, read_database, read_server
from forebay.url import URL

OPTIONS: Final[Mapping[str, str]] = {
    **COMMON_OPTIONS,
    "db": "the number of the database; also the path, where ?topic= names the topic",
    **address.OPTIONS,
}


def read_topic(url: URL) -> tuple[Address, Asked, str]:
    """Return where a topic is, what is asked of it, and its order: empty where the URL does not say one.

    Raises:
        UsageError: an option is unknown, or something cannot be read.
    """
    if url.path and "topic" not in url.options:
        url = url.with_options(topic=url.path)
    server = read_address(url)
    return server, asked_of(url), url.options.get("order", "")


def read_address(url: URL) -> Address:
    """Return where the server is.

    Raises:
        UsageError: an option is unknown, or something cannot be read.
    """
    url.check_options(OPTIONS)
    return read_server(url, _database(url))


def _database(url: URL) -> int:
    """Return the number of the database: a path that is the name of the topic is that, and no number.

    An operator's URL need not name a topic: then a number is a database.
    """
    if "db" in url.options:
        return url.option("db", read_database, 0)
    if not url.path or url.path == url.options.get("topic", "" if url.path.isdigit() else url.path):
        return 0
    try:
        return read_database(url.path)
    except UsageError as error:
        hint = "write redis://host/orders, or redis://host/0?topic=orders"
        raise UsageError(f"the path of {url} is neither its topic nor the number of a database", hint) from error
