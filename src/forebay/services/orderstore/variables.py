"""The settings of the order store under the names of variables that the original service has, all of them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

import msgspec

from forebay import UsageError
from forebay.services.setting import whole

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_TRUE = frozenset({"1", "t", "T", "true", "True", "TRUE"})
_FALSE = frozenset({"0", "f", "F", "false", "False", "FALSE"})
"""The words that Go reads as a truth value."""

Read = Callable[[str], str]


class Variable(msgspec.Struct, frozen=True):
    """One variable of the environment.

    Arguments:
        name: of the variable.
        setting: what it is with us; several variables make one URL.
        read: from its text to that of the setting, or of its part of the URL.
        about: one sentence.
        default: of a part of a URL, where other parts are set.
    """

    name: str
    setting: str
    read: Read
    about: str
    default: str = ""


def settings_of(environment: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the settings that the variables of an environment stand for: text and origin by name.

    A variable that is empty counts as not set, but for the password. The origin names the variables that were set.

    Raises:
        UsageError: one of them cannot be read; names it.
    """
    told = {v.name: _text(v, environment[v.name]) for v in VARIABLES if _is_set(v, environment)}
    settings: dict[str, tuple[str, str]] = {}
    for variable in VARIABLES:
        if variable.name in told and variable.setting not in settings:
            settings[variable.setting] = _setting(variable.setting, told)
    return settings


def _is_set(variable: Variable, environment: Mapping[str, str]) -> bool:
    return variable.name in environment and bool(environment[variable.name] or variable.name == _PASSWORD)


def _text(variable: Variable, text: str) -> str:
    try:
        return variable.read(text)
    except UsageError as error:
        raise UsageError(f"{variable.name}: {error}", error.hint or variable.about) from error


def _setting(name: str, told: Mapping[str, str]) -> tuple[str, str]:
    """Return text and origin of a setting of which at least one variable is set."""
    of_it = [variable for variable in VARIABLES if variable.setting == name]
    origin = ", ".join(variable.name for variable in of_it if variable.name in told)
    parts = {variable.name: told.get(variable.name, variable.default) for variable in of_it}
    if name == "store":
        return _store(parts), origin
    if name == "queue":
        return _queue(parts), origin
    return parts[origin], origin


def _store(parts: Mapping[str, str]) -> str:
    account = f"{parts['POSTGRES_USER']}:{parts[_PASSWORD]}".removesuffix(":")
    return f"{parts['DB_PROTOCOL']}://{account}@{parts['DB_HOST']}:{parts['DB_PORT']}/{parts['POSTGRES_DB']}"


def _queue(parts: Mapping[str, str]) -> str:
    brokers = parts["KAFKA_BROKERS"] or f"{parts['KAFKA_PROTOCOL']}:{parts['KAFKA_PORT']}"
    return f"kafka://{brokers}/{parts['KAFKA_TOPIC']}?group={parts['KAFKA_GROUP_ID']}"


# How they are read


def _one_of(*words: str) -> Read:
    def read(text: str) -> str:
        if text not in words:
            raise UsageError(f"{text!r} is not {' or '.join(words)}")
        return text

    return read


def _whole(least: int, most: int, unit: str = "") -> Read:
    def read(text: str) -> str:
        return f"{whole(text, least, most)}{unit}"

    return read


def _truth(yes: str, no: str) -> Read:
    def read(text: str) -> str:
        if text not in _TRUE | _FALSE:
            raise UsageError(f"{text!r} is not a truth value", "write 1 or 0")
        return yes if text in _TRUE else no

    return read


def _host(text: str) -> str:
    if _HOST.fullmatch(text):
        return text
    try:
        return f"[{ipaddress.IPv6Address(text.strip('[]'))}]"
    except ValueError:
        raise UsageError(f"{text!r} is not the name of a host") from None


def _brokers(text: str) -> str:
    def read(place: str) -> str:
        host, colon, port = place.strip().rpartition(":")
        return f"{_host(host)}:{_PORT(port)}" if colon else f"{_host(port)}:9092"

    if not (found := ",".join(read(place) for place in text.split(",") if place.strip())):
        raise UsageError(f"{text!r} names no broker")
    return found


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or text == "each":
        raise UsageError(f"{text!r} cannot be a name here", "letters, digits, - and _, at most 100; not 'each'")
    return text


def _quoted(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise UsageError("it is not UTF-8") from None


_PORT = _whole(1, 65_535)
_PASSWORD = "POSTGRES_PASSWORD"

VARIABLES = (
    Variable("DB_PROTOCOL", "store", _one_of("postgres", "postgresql"), "how the database is spoken to", "postgres"),
    Variable("DB_HOST", "store", _host, "the host of the database", "postgres"),
    Variable("DB_PORT", "store", _PORT, "its port", "5432"),
    Variable("POSTGRES_USER", "store", _quoted, "who connects", "user"),
    Variable(_PASSWORD, "store", _quoted, "with this password; empty: with none", "12345"),
    Variable("POSTGRES_DB", "store", _quoted, "to this database", "orders"),
    Variable("KAFKA_NETWORK", "queue", _one_of("tcp"), "how brokers are reached", "tcp"),
    Variable("KAFKA_PROTOCOL", "queue", _host, "the host of the broker", "kafka"),
    Variable("KAFKA_PORT", "queue", _PORT, "its port", "9092"),
    Variable("KAFKA_BROKERS", "queue", _brokers, "several brokers, in place of host and port: a:9092,b:9092"),
    Variable("KAFKA_TOPIC", "queue", _name, "the topic that orders come from", "go-orders"),
    Variable("KAFKA_GROUP_ID", "queue", _name, "the group of those who share them", "go-orders-1"),
    Variable("KAFKA_MAX_BYTES", "largest", _whole(1, 2**31), "the largest order, in bytes"),
    Variable("KAFKA_RECONNECT_ATTEMPTS", "reconnects", _whole(0, 1_000_000), "tries to reach the broker at the start"),
    Variable("KAFKA_READER_GOROUTINES", "readers", _whole(1, 1_000), "connections that fetch orders"),
    Variable("KAFKA_WRITE_EXAMPLES", "examples", _truth("yes", "no"), "whether generated orders are written"),
    Variable("KAFKA_WRITER_GOROUTINES", "writers", _whole(1, 64), "how many write them"),
    Variable("MEMORY_HANDLER_GOROUTINES", "workers", _whole(1, 100_000), "orders in work at once"),
    Variable("MEMORY_RESTORE_DATA", "restore", _truth("yes", "no"), "whether memory is filled at the start"),
    Variable("MEMORY_CLEANUP_MINUTES_INTERVAL", "cleanup", _whole(1, 1_000_000, "m"), "minutes between two clean-ups"),
    Variable("MEMORY_ORDERS_LIMIT", "orders_limit", _whole(1, 10**9), "orders in memory, at most"),
    Variable("SERVER_PORT", "port", _whole(0, 65_535), "the port to listen on"),
    Variable("SERVER_GET_ORDER_BY_ID", "by", _truth("number", "uid"), "whether id is the number of an order"),
)
"""The table of all of them."""
