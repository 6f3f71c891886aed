"""Every setting, and where its value comes from: a flag, else the environment, else forebay.toml, else the default."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

import msgspec

from forebay.errors import UsageError
from forebay.quantity import duration, places, rate, size

PREFIX = "FOREBAY_"
FILE = "forebay.toml"


class Setting(msgspec.Struct, frozen=True):
    """One line of the table of settings.

    Arguments:
        name: as in the file and, upper-cased behind FOREBAY_, in the environment; as a flag with - for _.
        default: as text, in the words that a user would write.
        read: from text to value.
        about: one sentence.
        unit: what a bare number counts, for those who give one in Python.
    """

    name: str
    default: str
    read: Callable[[str], Any]
    about: str
    unit: str = ""


class Value(msgspec.Struct, frozen=True):
    """The value of a setting, its text and its origin: ``flag``, ``environment``, the path of a file, ``default``."""

    value: Any
    text: str
    origin: str


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise UsageError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return read


def _whole(least: int, most: int = 1_000_000) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise UsageError(f"{text!r} is not a whole number of {least} to {most}")
        return int(text)

    return read


def _time(text: str) -> float:
    if not math.isfinite(seconds := duration(text)):
        raise UsageError(f"{text!r} is too long", "write it as 80ms, 2s or 1h")
    return seconds


def _time_above_zero(text: str) -> float:
    if not (seconds := _time(text)):
        raise UsageError(f"{text!r} is no time at all", "write it as 80ms, 2s or 1h")
    return seconds


def _or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: None if text in {"", "none"} else read(text)


SETTINGS = (
    Setting(
        "queue",
        "sqlite:///forebay.db",
        str,
        "where messages wait: memory://, sqlite://, redis://, nats://, amqp:// or kafka://",
    ),
    Setting(
        "store",
        "",
        str,
        "where results are kept: memory://, sqlite://, redis:// or postgresql://; default: beside the queue",
    ),
    Setting("host", "127.0.0.1", str, "the address to listen on"),
    Setting("port", "8080", _whole(0, 65_535), "the port to listen on; 0: any free one"),
    Setting("workers", "8", _whole(0, 100_000), "n of A/B/n/q: messages in work at once; 0: intake only"),
    Setting("places", "inf", places, "q of A/B/n/q: waiting places; inf, a number, or 0: work inside the request"),
    Setting("limit", "none", _or_none(rate), "requests admitted, e.g. 50/s", "/s"),
    Setting(
        "burst",
        "none",
        _or_none(_whole(1)),
        "requests that may come at once within the limit; none: those of a tenth of a second, at least 2",
    ),
    Setting("overload", "kaput", _one_of("kaput", "429", "503"), "what a refused request hears when places are 0"),
    Setting("readers", "1", _whole(1, 1_000), "connections that fetch messages, each for its share of the workers"),
    Setting(
        "reconnects",
        "0",
        _whole(0),
        "how often a queue or store that cannot be reached at the start is tried again, after 0.5s, 1s ... 5s",
    ),
    Setting("attempts", "5", _whole(1, 1_000), "deliveries of a message before it is a dead letter"),
    Setting("backoff", "1s", _time, "the pause before the second attempt; each further one is 3 times longer", "s"),
    Setting(
        "guarantee",
        "at-least-once",
        _one_of("at-least-once", "at-most-once"),
        "whether a message is acknowledged after its handler, or before it and then perhaps lost",
    ),
    Setting("timeout", "none", _or_none(_time_above_zero), "how long a handler may take", "s"),
    Setting("drain", "30s", _time, "how long a stop waits for what is in work", "s"),
    Setting(
        "deadline", "5s", _time_above_zero, "how long a publish may take before its outcome counts as unknown", "s"
    ),
    Setting("remember", "24h", duration, "how long an Idempotency-Key is remembered", "s"),
    Setting("max_body", "256KiB", size, "the largest body of a request"),
    Setting("journal", "", str, "a file that gets a row for every message as it ends, for `forebay fit`"),
)
"""The table of all settings."""

BY_NAME = {setting.name: setting for setting in SETTINGS}


def text_of(name: str, value: Any) -> str:
    """Return the text of a setting that is given as a value: a bare number counts seconds, or events a second."""
    if isinstance(value, int | float) and math.isfinite(value) and (unit := BY_NAME[name].unit):
        return f"{value:.9f}{unit}"
    return str(value)


class Settings:
    """The settings of one program, each with its origin; read them as attributes.

    Arguments:
        flags: text by name, None where the flag was not given.
        environment: where FOREBAY_<NAME> is looked up.
        folder: where the search for forebay.toml begins; it goes upwards.
        own: defaults of the settings that only the application at hand has, by name; their text is in `own`.
        variables: text and origin, by name, from variables that have other names; they come behind FOREBAY_<NAME>.
        elsewhere: returns the names that only other applications have, which are passed over: a file or an environment
            may be that of several. It is asked about unknown names alone.

    Raises:
        UsageError: a value cannot be read, or a name in the file or the environment is not a setting.
    """

    def __init__(
        self,
        flags: Mapping[str, str | None] | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        *,
        own: Mapping[str, str] | None = None,
        variables: Mapping[str, tuple[str, str]] | None = None,
        elsewhere: Callable[[], Set[str]] = frozenset,
    ) -> None:
        known = _Known(BY_NAME.keys() | (own or {}).keys(), elsewhere)
        from_flags = {name: (text, "flag") for name, text in (flags or {}).items() if text is not None}
        from_environment = _from_environment(os.environ if environment is None else environment, known)
        from_file = _from_file(folder or Path.cwd(), known)
        given = {**from_file, **(variables or {}), **from_environment, **from_flags}
        self.values = {setting.name: _resolve(setting, given) for setting in SETTINGS}
        self.own = {name: _resolve(Setting(name, default, str, ""), given) for name, default in (own or {}).items()}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["values"][name].value
        except KeyError:
            raise AttributeError(f"there is no setting {name!r}") from None


class _Known:
    """Which names are settings: here, or of others alone."""

    def __init__(self, names: Set[str], elsewhere: Callable[[], Set[str]]) -> None:
        self._names = names
        self._elsewhere = elsewhere

    def has(self, name: str, where: str) -> bool:
        """Say whether a name is a setting here.

        Raises:
            UsageError: it is none anywhere.
        """
        if name in self._names:
            return True
        if name not in self._elsewhere():
            raise UsageError(f"{where} is not a setting", f"known: {', '.join(sorted(self._names))}")
        return False


def _resolve(setting: Setting, given: Mapping[str, tuple[str, str]]) -> Value:
    text, origin = given.get(setting.name, (setting.default, "default"))
    try:
        return Value(setting.read(text), text, origin)
    except UsageError as error:
        raise UsageError(f"{setting.name} ({origin}): {error}", error.hint) from error


def _from_environment(environment: Mapping[str, str], known: _Known) -> dict[str, tuple[str, str]]:
    texts = {}
    for name, text in environment.items():
        if name.startswith(PREFIX):
            key = name.removeprefix(PREFIX).lower()
            if known.has(key, f"{name} in the environment"):
                texts[key] = text, "environment"
    return texts


def _from_file(folder: Path, known: _Known) -> dict[str, tuple[str, str]]:
    path = next((p / FILE for p in (folder, *folder.parents) if (p / FILE).is_file()), None)
    if path is None:
        return {}
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    content = {name: value for name, value in content.items() if known.has(name, f"{name} in {path}")}
    for name, value in content.items():
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise UsageError(f"{name} in {path} must be text or a number")
    return {name: (str(value), str(path)) for name, value in content.items()}
