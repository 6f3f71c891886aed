"""A running application behind its own HTTP server, from its start to its orderly end."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from forebay.app import App
from forebay.errors import Unavailable
from forebay.intake.http import Limits
from forebay.intake.server import Server, serve
from forebay.running import Running, run
from forebay.settings import Settings
from forebay.site import site_of

_OF_THE_PORT = frozenset({errno.EADDRINUSE, errno.EACCES})
"""Why a host that is ours may not be listened on; anything else is the host's fault."""


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
            flag = "--port" if error.errno in _OF_THE_PORT else "--host"
            raise Unavailable(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}", f"name another {flag}"
            ) from error
        running.metrics.turned_away = server.refused
        try:
            yield running, server
        finally:
            running.stopping()
            await server.close(settings.drain)
