"""A running application behind its own HTTP server, from its start to its orderly end."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from forebay.app import App
from forebay.errors import Unavailable, UsageError
from forebay.intake.http import Limits
from forebay.intake.server import Server, serve
from forebay.running import Running, run
from forebay.settings import Settings
from forebay.site import site_of


@asynccontextmanager
async def serving(app: App, settings: Settings, *, takes_in: bool = True) -> AsyncIterator[tuple[Running, Server]]:
    """Run an application and serve its site on the address that the settings name.

    The end comes in order: not ready any more, no new connections, the requests in hand answered, the handlers under
    way finished within `drain`, what was fetched and not begun given back, all endings told to the broker.

    Arguments:
        app: what was declared.
        settings: how it runs.
        takes_in: False: without the intakes, only what operators ask.

    Raises:
        Unavailable: the address is taken, or the queue or store cannot be reached.
    """
    async with run(app, settings) as running:
        limits = Limits(max_body=settings.max_body)
        try:
            server = await serve(site_of(running, takes_in=takes_in), settings.host, settings.port, limits=limits)
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}", "name another --port"
            ) from error
        running.metrics.turned_away = server.refused
        try:
            yield running, server
        finally:
            running.stopping()
            await server.close(settings.drain)


def load_app(target: str, services: Mapping[str, str], options: Mapping[str, Any] | None = None) -> App:
    """Return the application that a name stands for: a shipped service, or ``module:attribute``.

    Arguments:
        target: as in ``orders`` or ``myshop:app``; the attribute is an App, or a function that returns one.
        services: name of a shipped service: where the function is that makes it.
        options: keyword arguments for that function; those that are None are left out.

    Raises:
        UsageError: nothing of this name, or it is not an application, or it does not take an option.
    """
    if target not in services and not target.partition(":")[0]:
        raise UsageError(f"{target!r} names no module", "write it as module:app")
    if target not in services and ":" not in target:
        raise UsageError(
            f"there is no service {target!r}", f"known: {', '.join(services)}; or name your own: module:app"
        )
    module_name, _, attribute = services.get(target, target).partition(":")
    given = {name: value for name, value in (options or {}).items() if value is not None}
    found = getattr(_module(module_name), attribute, None)
    if callable(found) and not isinstance(found, App):
        found = _made(target, found, given)
    elif given:
        raise UsageError(f"{target} does not take --{min(given).replace('_', '-')}")
    if not isinstance(found, App):
        raise UsageError(f"{target} is not a forebay.App", "write it as module:app")
    return found


def _made(target: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    signature = inspect.signature(function)
    if unknown := options.keys() - signature.parameters.keys():
        raise UsageError(f"{target} does not take --{min(unknown).replace('_', '-')}")
    try:
        signature.bind(**options)
    except TypeError as error:
        raise UsageError(f"{target} cannot be called without arguments: {error}", "give them defaults") from error
    return function(**options)


def _module(name: str) -> Any:
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)  # a user's module lies where the command is given
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(f"there is no module {name}", "is it in this folder, or installed?") from error
        raise
