"""HTML that cannot be broken by what it shows: text is escaped unless it was made here."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

_VOID = {"meta", "br", "input"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | None | Iterable["Child"]
"""What an element may hold: `Markup` as it is, other text escaped, None for nothing, and any of them in sequence."""


def element(name: str, /, *children: Child, **attributes: str | bool | None) -> Markup:
    """Return an HTML element.

    Arguments:
        name: of the element.
        children: what it holds.
        attributes: an underscore stands for a hyphen, and one at the end is taken off (``class_``); True: without a
            value; False and None: absent.
    """
    begin = f"<{name}{''.join(_attribute(*pair) for pair in attributes.items())}>"
    return Markup(begin if name in _VOID else f"{begin}{joined(children)}</{name}>")


def joined(child: Child) -> Markup:
    """Return HTML of one child or many."""
    if child is None:
        return Markup("")
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return Markup(html.escape(child))
    return Markup("".join(map(joined, child)))


def embedded(value: Any) -> Markup:
    """Return JSON that can stand inside of a ``script`` element: nothing in it can end the element or begin another.

    Raises:
        ValueError: it holds nan or an infinity, which JSON does not know.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _attribute(name: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(value)}"'
