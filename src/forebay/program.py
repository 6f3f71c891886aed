"""What a name on the command line stands for: a shipped service, or ``module:app`` of the user's own."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from forebay.app import App
from forebay.errors import UsageError
from forebay.settings import BY_NAME

Variables = Callable[[Mapping[str, str]], Mapping[str, tuple[str, str]]]
"""From an environment to settings that it names otherwise: text and origin by the name of the setting."""

NOTHING: dict[str, tuple[str, str]] = {}

WORDS_OF_COMMANDS = {"name", "env", "help", "json"}
"""What the commands that take a program are told beside its settings."""


class Service(msgspec.Struct, frozen=True):
    """A shipped service.

    Arguments:
        target: the function that makes its application, as module:function.
        variables: what reads the variables under which its settings are known elsewhere, as module:function.
    """

    target: str
    variables: str = ""


class Own(msgspec.Struct, frozen=True):
    """A setting of an application's own: its default as text, and one sentence about it."""

    default: str
    about: str


class Program:
    """An application before its own settings are known.

    Arguments:
        target: as it was named.
        found: an App, or a function that returns one; its parameters are settings of its own.
        variables: reads settings under other names.
    """

    def __init__(self, target: str, found: Any, variables: Variables = lambda environment: NOTHING) -> None:
        self.target = target
        self.variables = variables
        self._found = found
        self.own = {} if isinstance(found, App) else own_settings(found)
        if clash := next((name for name in self.own if name in BY_NAME.keys() | WORDS_OF_COMMANDS), None):
            raise UsageError(f"{target} has a parameter {clash}, which means the same to all", "give it another name")

    def app(self, options: Mapping[str, Any] | None = None) -> App:
        """Return the application.

        Arguments:
            options: keyword arguments for the function that makes it; those that are None are left out.

        Raises:
            UsageError: it does not take one of them, or is not an application.
        """
        given = {name: value for name, value in (options or {}).items() if value is not None}
        if unknown := given.keys() - self.own.keys():
            raise UsageError(f"{self.target} does not take --{min(unknown).replace('_', '-')}")
        made = self._found if isinstance(self._found, App) else self._made(given)
        if not isinstance(made, App):
            raise UsageError(f"{self.target} is not a forebay.App", "write it as module:app")
        return made

    def _made(self, options: Mapping[str, Any]) -> Any:
        try:
            inspect.signature(self._found).bind(**options)
        except TypeError as error:
            raise UsageError(f"{self.target} cannot be called: {error}", "give its parameters defaults") from error
        return self._found(**options)


def find_program(target: str, services: Mapping[str, Service]) -> Program:
    """Return what a name stands for.

    Arguments:
        target: as in ``orders`` or ``myshop:app``; the attribute is an App, or a function that returns one.
        services: the shipped ones by their names.

    Raises:
        UsageError: nothing of this name, or it is not an application.
    """
    service = services.get(target)
    if service is None and not target.partition(":")[0]:
        raise UsageError(f"{target!r} names no module", "write it as module:app")
    if service is None and ":" not in target:
        raise UsageError(
            f"there is no service {target!r}", f"known: {', '.join(services)}; or name your own: module:app"
        )
    if service is None:
        found = _attribute(target)
        if not callable(found) and not isinstance(found, App):
            raise UsageError(f"{target} is not a forebay.App", "write it as module:app")
        return Program(target, found)
    if not service.variables:
        return Program(target, _attribute(service.target))
    return Program(target, _attribute(service.target), _attribute(service.variables))


def own_settings(function: Callable[..., Any]) -> dict[str, Own]:
    """Return the parameters of a function as settings, told by the section "Arguments" of its docstring."""
    about = _arguments(inspect.getdoc(function) or "")
    parameters = inspect.signature(function).parameters.values()
    named = [p for p in parameters if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}]
    texts = {p.name: "" if p.default is p.empty or p.default is None else str(p.default) for p in named}
    return {name: Own(text, about.get(name, "")) for name, text in texts.items()}


def _arguments(docstring: str) -> dict[str, str]:
    _, _, section = docstring.partition("Arguments:\n")
    told: dict[str, str] = {}
    for name, text in re.findall(r"^    (\w+): (.+(?:\n {5,}.+)*)", section.partition("\n\n")[0], re.MULTILINE):
        told[name] = " ".join(text.split())
    return told


def _attribute(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(_module(module), attribute, None)


def _module(name: str) -> Any:
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)  # a user's module lies where the command is given
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(f"there is no module {name}", "is it in this folder, or installed?") from error
        raise
