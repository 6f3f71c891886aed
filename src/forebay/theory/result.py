"""What every answer of the theory can do: be printed, become JSON, show itself in a notebook."""

from __future__ import annotations

import html
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

Row = tuple[str, str]
"""What is told, and its value as people write it."""


class Result(ABC):
    """An answer with typed fields; a subclass says its rows for people and its form for programs."""

    __slots__ = ()

    @abstractmethod
    def rows(self) -> Sequence[Row]:
        """Return what is told, in the order of reading."""

    @abstractmethod
    def as_dict(self) -> dict[str, Any]:
        """Return every field in a form that JSON can hold; what is infinite or unknown becomes None."""

    def __str__(self) -> str:
        return text(self.rows())

    def _repr_html_(self) -> str:
        """Return a table, for notebooks."""
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self.rows()
        )
        return f"<table>{cells}</table>"


def text(rows: Sequence[Row]) -> str:
    """Return rows as lines, the values under each other."""
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}".rstrip() for name, value in rows)


def finite(value: Any) -> Any:
    """Return the value with what JSON cannot say (inf, nan) as None, inside of lists and mappings too."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None  # a float of numpy's is one, and JSON does not take it
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value
