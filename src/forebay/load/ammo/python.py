"""Ammunition made by Python: ``module:function``, with options behind a question mark.

    def orders(seed=0):                         def order(index):
        while True:                                 return {"path": f"/orders/{index}", "method": "GET"}
            yield b'{"product_id": "3"}'

A shot is a `Shot`, a dict of its fields, or bytes: the body of a POST. `forebay:orders` and `forebay:rates` are built
in.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from forebay.errors import UsageError
from forebay.load.ammo.orders import orders
from forebay.load.ammo.rates import rates
from forebay.load.ammo.wrappers import dressed
from forebay.load.by_name import by_name
from forebay.load.shot import Ammo, Shot, UsedUp

BUILT_IN: dict[str, Callable[..., Ammo]] = {"orders": orders, "rates": rates}
_HINT = "forebay:orders, forebay:rates, or module:function of a module in this folder"


def python_ammo(text: str, headers: Mapping[str, str]) -> Ammo:
    """Return the ammunition of a function.

    A function that can be called without an index is a generator of shots, which each process runs through for itself;
    one that needs an index makes the shot of it.

    Arguments:
        text: ``module:function?option=value``; numbers are passed as numbers.
        headers: of every shot, below its own.

    Raises:
        UsageError: there is no such function, or it does not take the options.
    """
    name, _, query = text.partition("?")
    written = dict(parse_qsl(query, keep_blank_values=True))
    module, _, function = name.partition(":")
    if module == "forebay":
        return dressed(_built_in(text, function, written), headers)
    options = {key: _value(value) for key, value in written.items()}
    made = by_name(name, "ammunition", _HINT)
    needed = _needed(text, made, options)
    if needed > 1:
        raise UsageError(f"{name} needs {needed} arguments", "an index, or none")
    if needed:
        return dressed(lambda index: _shot(name, made(index, **options)), headers)
    return dressed(_Generated(name, lambda: made(**options)), headers)


def _built_in(text: str, function: str, written: Mapping[str, str]) -> Ammo:
    if function not in BUILT_IN:
        raise UsageError(f"forebay:{function} is not built in", _HINT)
    _needed(text, BUILT_IN[function], written)
    options = {}
    for name, value in written.items():
        kind = type(inspect.signature(BUILT_IN[function]).parameters[name].default)
        try:
            options[name] = kind(value)
        except ValueError as error:
            raise UsageError(f"{text}: {name}={value} is not a number", f"write {name}=1") from error
    return BUILT_IN[function](**options)


def _needed(text: str, function: Callable[..., Any], options: Mapping[str, Any]) -> int:
    """Return how many arguments are needed besides the options."""
    signature = inspect.signature(function)
    try:
        signature.bind_partial(**options)
    except TypeError as error:
        known = ", ".join(signature.parameters) or "none"
        raise UsageError(f"{text}: {error}", f"its options: {known}") from error
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(
        parameter.kind in places and parameter.default is parameter.empty and name not in options
        for name, parameter in signature.parameters.items()
    )


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


class _Generated:
    """The shots of a generator, in rising order of their indices; each process runs through it for itself."""

    def __init__(self, name: str, begin: Callable[[], Any]) -> None:
        self._name = name
        self._begin = begin
        self._process = 0
        self._shots: Iterator[Any] = iter(())
        self._next = 0

    def __call__(self, index: int) -> Shot:
        if index < self._next or self._process != os.getpid():
            self._process, self._shots, self._next = os.getpid(), self._iterator(), 0
        for made in self._shots:
            self._next += 1
            if self._next > index:
                return _shot(self._name, made)
        raise UsedUp("the ammunition is used up")

    def _iterator(self) -> Iterator[Any]:
        try:
            return iter(self._begin())
        except TypeError as error:
            raise UsageError(
                f"{self._name} yields no shots: {error}", "a generator, or a function of the index"
            ) from error


def _shot(name: str, made: object) -> Shot:
    if isinstance(made, Shot):
        return made
    if isinstance(made, bytes):
        return Shot(made)
    try:
        fields: dict[str, Any] = dict(made)  # type: ignore[call-overload]
        if unknown := fields.keys() - set(Shot.__struct_fields__):
            raise ValueError(f"{min(unknown)!r} is not known")
        body = fields.get("body", b"")
        fields["body"] = body.encode() if isinstance(body, str) else body
        return msgspec.convert(fields, Shot, builtin_types=(bytes,))
    except (TypeError, ValueError) as error:
        known = ", ".join(Shot.__struct_fields__)
        raise UsageError(f"{name}: {made!r:.60}: {error}", f"bytes, a Shot, or a dict of {known}") from error
