"""A mapping of a configuration: typed values asked for by name, and whatever nobody asked for is named."""

from __future__ import annotations

import difflib
from typing import Any

from forebay.errors import UsageError
from forebay.quantity import duration

_NEEDED: Any = object()
_FLAGS: dict[str, Any] = {"true": True, "false": False}


class Section:
    """One mapping; its keys are the same in upper and lower case.

    Arguments:
        value: the mapping. place: where it stands, for errors: ``pools[0].gun``.
        notes: where is written what was accepted and means nothing here.

    Raises:
        UsageError: it is no mapping.
    """

    def __init__(self, value: object, place: str, notes: list[str]) -> None:
        if not isinstance(value, dict):
            raise UsageError(f"{place or 'the file'} is {shown(value)}, not a mapping", "write it as `name: value`")
        self._values = {str(name).lower(): found for name, found in value.items() if found is not None}
        self._names = {str(name).lower(): str(name) for name in value}
        self._known: list[str] = []
        self.place = place
        self.notes = notes

    def has(self, name: str) -> bool:
        """Return whether there is a value of this name."""
        self._known.append(name)
        return name.lower() in self._values

    def value(self, name: str, default: Any = _NEEDED) -> Any:
        """Return the value of a name, of whatever type.

        Raises:
            UsageError: it is needed, and not there.
        """
        if not self.has(name) and default is _NEEDED:
            raise UsageError(f"{self.at(name)} is missing", self._near(name))
        return self._values.get(name.lower(), default)

    def text(self, name: str, default: str = _NEEDED) -> str:
        """Return a text; a number is one, too."""
        found = self.value(name, default)
        return str(found) if isinstance(found, int | float) else self._of(name, found, str, "a text")

    def number(self, name: str, default: float = _NEEDED) -> float:
        """Return a number of 0 or more."""
        found = self.value(name, default)
        try:
            number = float(found) if isinstance(found, str) else found
        except ValueError:
            number = None
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < float("inf"):
            raise UsageError(f"{self.at(name)}: {shown(found)} is not a number of 0 or more")
        return float(number)

    def whole(self, name: str, default: int = _NEEDED) -> int:
        """Return a whole number of 0 or more."""
        number = self.number(name, default)
        if number != int(number):
            raise UsageError(f"{self.at(name)}: {number:g} is not a whole number")
        return int(number)

    def flag(self, name: str, default: bool = _NEEDED) -> bool:
        """Return true or false."""
        found = self.value(name, default)
        flag = _FLAGS.get(found.lower(), found) if isinstance(found, str) else found
        return bool(self._of(name, flag, bool, "true or false"))

    def seconds(self, name: str, default: float = _NEEDED) -> float:
        """Return the seconds of a duration: 300ms, 1m30s; 0 needs no unit."""
        found = self.value(name, default)
        if isinstance(found, float) and found == default:
            return found
        try:
            return duration(str(found))
        except UsageError as error:
            raise UsageError(f"{self.at(name)}: {error}", error.hint) from error

    def texts(self, name: str) -> list[str]:
        """Return a list of texts; without one an empty list."""
        found = self.value(name, [])
        if not isinstance(found, list) or not all(isinstance(one, str | int | float) for one in found):
            raise UsageError(f"{self.at(name)}: {shown(found)} is not a list of texts")
        return [str(one) for one in found]

    def section(self, name: str, default: Any = _NEEDED) -> Section:
        """Return a mapping within this one."""
        return Section(self.value(name, default), self.at(name), self.notes)

    def meaningless(self, why: str, *names: str) -> None:
        """Accept values that change nothing here, and note each that is there."""
        for name in names:
            if self.has(name):
                self.notes.append(f"{self.at(name)} is accepted and changes nothing: {why}")

    def close(self) -> None:
        """Make sure that everything has been asked for.

        Raises:
            UsageError: names what is not known, and what was meant perhaps.
        """
        known = {name.lower() for name in self._known}
        for name in self._values:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
                raise UsageError(f"{self.at(self._names[name])} is not known", hint)

    def at(self, name: str) -> str:
        """Return where a value stands."""
        return f"{self.place}.{name}" if self.place else name

    def _near(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._values, n=1)
        return f"there is {self._names[near[0]]!r}: is it meant?" if near else ""

    def _of(self, name: str, found: object, kind: type, wanted: str) -> Any:
        if not isinstance(found, kind):
            raise UsageError(f"{self.at(name)}: {shown(found)} is not {wanted}")
        return found


def shown(value: object) -> str:
    """Return a value as an error shows it."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else repr(value)
