"""Variables in a configuration: ``${env:NAME}``, ``${NAME}`` and ``${property:file#KEY}``, in any text of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from forebay.errors import UsageError

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")


def substituted(value: Any, folder: Path) -> Any:
    """Return a configuration with all its variables replaced.

    Arguments:
        value: what YAML or JSON holds. folder: in which property files are looked for, after the current one.

    Raises:
        UsageError: a variable, a file or a key that is not there.
    """
    if isinstance(value, dict):
        return {name: substituted(found, folder) for name, found in value.items()}
    if isinstance(value, list):
        return [substituted(found, folder) for found in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _found(match[1].strip(), folder), value)
    return value


def beside(name: str, folder: Path) -> Path:
    """Return a file that a configuration names: in the current folder, or else in that of the configuration."""
    return Path(name) if Path(name).exists() else folder / name


def _found(variable: str, folder: Path) -> str:
    kind, colon, name = variable.partition(":")
    if not colon or kind == "env":
        return _environment(name if colon else variable)
    if kind == "property":
        return _property(*name.partition("#")[::2], folder)
    raise UsageError(f"${{{variable}}} is not known", "write ${env:NAME} or ${property:file#KEY}")


def _environment(name: str) -> str:
    if name not in os.environ:
        raise UsageError(f"the environment has no {name}", f"set it: {name}=... forebay ...")
    return os.environ[name]


def _property(name: str, key: str, folder: Path) -> str:
    try:
        lines = beside(name, folder).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the properties {name} cannot be read: {error}", "write ${property:file#KEY}") from error
    for line in lines:
        found, equals, value = line.partition("=")
        if equals and found.strip() == key and not line.lstrip().startswith("#"):
            return value.strip()
    raise UsageError(f"{name} has no {key!r}", f"a line of it is {key or 'KEY'}=value")
