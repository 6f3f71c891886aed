"""An application as ASGI: under any server, or inside a FastAPI or Starlette program of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from forebay.errors import UsageError
from forebay.intake.asgi import ASGISite, Receive, Scope, Send, root_of
from forebay.intake.http import Limits
from forebay.intake.routes import split_path
from forebay.running import Running, run, settings_of
from forebay.site import site_of

if TYPE_CHECKING:
    from forebay.app import App


ASGIProgram = Callable[[Scope, Receive, Send], Awaitable[None]]


class MountedApp:
    """An application that starts with the program that holds it.

    Arguments:
        app: what was declared.
        settings: as for `App.running`.

    Example::

        levelled = app.asgi(queue="sqlite:///orders.db")
        api = FastAPI(lifespan=levelled.lifespan)
        api.mount("/shop", levelled)
    """

    def __init__(self, app: App, settings: Mapping[str, Any]) -> None:
        self._app = app
        self._settings = settings_of(settings)
        self._site: ASGISite | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()
        self._stack = AsyncExitStack()
        self.running: Running | None = None

    @asynccontextmanager
    async def lifespan(self, host: object = None) -> AsyncIterator[None]:
        """Start the application, and end it in order; takes and ignores the program that holds it."""
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    async def start(self) -> None:
        """Open queues and store and start the workers, unless it was done.

        Raises:
            UsageError: it runs in another event loop. Unavailable: a queue or store cannot be reached.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._site is not None or self._turn.locked():
                raise UsageError(
                    f"the application {self._app.name} runs in another event loop",
                    "give its lifespan to the program that mounts it; in tests: with TestClient(...) as client",
                )
            self._loop, self._turn = loop, asyncio.Lock()
        async with self._turn:
            if self._site is None:
                async with AsyncExitStack() as stack:
                    running = await stack.enter_async_context(run(self._app, self._settings))
                    self._site = ASGISite(site_of(running), Limits(max_body=self._settings.max_body))
                    self.running, self._stack = running, stack.pop_all()

    async def stop(self) -> None:
        """End in order; a further request would start it again."""
        if self.running is not None:
            self.running.stopping()
        async with self._turn:
            self._site, self.running = None, None
            try:
                await self._stack.aclose()
            finally:
                self._loop = None

    def in_front_of(self, program: ASGIProgram) -> ASGIProgram:
        """Return a program that answers the intakes, the status below them, and the application's own routes.

        Every other path, and the lifespan, is the given program's; this application starts before it and ends after it.
        Worth it where the middleware of the program costs more than an accepted request does.
        """
        is_ours = _paths_of(self._app)

        async def front(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                async with self.lifespan():
                    await program(scope, receive, send)
            elif scope["type"] == "http" and is_ours(scope["path"][len(root_of(scope)) :]):
                await self(scope, receive, send)
            else:
                await program(scope, receive, send)

        return front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or take part in the lifespan of a server that has no other application."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._site is None or self._loop is not asyncio.get_running_loop():
            await self.start()
        assert self._site is not None
        await self._site(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": _told(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await self.stop()
        except Exception as error:
            await send({"type": "lifespan.shutdown.failed", "message": _told(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})


def _paths_of(app: App) -> Callable[[str], bool]:
    """Return what says whether a path is one of an application's own."""
    declared = [split_path(route.path) for route in app.routes]
    exact = {intake.path for intake in app.intakes} | {stem for stem, name in declared if not name}
    stems = {intake.path.rstrip("/") + "/" for intake in app.intakes} | {stem for stem, name in declared if name}

    def is_ours(path: str) -> bool:
        stem, slash, tail = path.rpartition("/")
        return path in exact or (bool(tail) and stem + slash in stems)

    return is_ours


def _told(error: Exception) -> str:
    return f"{error}: {hint}" if (hint := getattr(error, "hint", "")) else str(error)
