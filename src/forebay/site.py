"""Everything that a running application answers over HTTP: its intakes, and what its operators ask."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from forebay.errors import Unavailable, Unknown
from forebay.intake.admission import Limiter
from forebay.intake.answers import retry_after
from forebay.intake.http import Request, Response, json_response, problem, text_response
from forebay.intake.intake import Intake
from forebay.intake.openapi import openapi
from forebay.intake.routes import Routes
from forebay.queue.topic import Topic
from forebay.telemetry.metrics import CONTENT_TYPE
from forebay.version import __version__
from forebay.workers.direct import Direct

if TYPE_CHECKING:
    from forebay.declared import DeclaredIntake
    from forebay.running import Running

COUNTING_SECONDS = 5.0
"""How long brokers may count for one scrape, which is given up after ten seconds by default."""

METRICS = ((b"content-type", CONTENT_TYPE.encode()),)


def site_of(running: Running, *, takes_in: bool = True) -> Routes:
    """Return the site of a running application.

    ``POST <path>`` and ``GET <path>/{id}`` of each intake, the routes of its own; /metrics, /healthz, /readyz, /ledger
    and /openapi.json.

    Arguments:
        running: the application.
        takes_in: False: without the intakes and routes, for a process that only works off.
    """
    intakes = [_intake(running, declared) for declared in running.app.intakes if takes_in]
    routes = Routes(listeners=running.listeners)
    for intake in intakes:
        intake.mount(routes)
    own = running.app.routes if takes_in else []
    for route in own:
        routes.answer(route)
    operations = Operations(running)
    described = json_response(openapi(intakes, own, title=running.app.name, version=__version__))
    routes.add("GET", "/healthz", operations.alive)
    routes.add("GET", "/readyz", operations.ready)
    routes.add("GET", "/ledger", operations.ledger)
    routes.add("GET", "/metrics", operations.metrics)
    routes.add("GET", "/openapi.json", lambda request, respond: respond(described))
    return routes


def _intake(running: Running, declared: DeclaredIntake) -> Intake:
    settings = running.settings
    limiter = None if settings.limit is None else Limiter(settings.limit, settings.burst)
    handlers = running.app.handlers
    places: Mapping[str, Topic | Direct] = running.directs if settings.places == 0 else running.topics
    return Intake(
        declared.path,
        declared.body,
        [places[topic] for topic in declared.topics],
        answers=declared.answers,
        key=declared.key,
        read=declared.read,
        parameters=declared.parameters,
        decode=declared.decode,
        methods=declared.methods,
        results=all(handlers[topic].results for topic in declared.topics if topic in handlers),
        store=running.store,
        limiter=limiter,
        overload=settings.overload,
        listeners=running.listeners,
    )


class Operations:
    """Answers what operators and their machines ask of a running application."""

    def __init__(self, running: Running) -> None:
        self._running = running

    async def alive(self, request: Request) -> Response:
        """Say that the process and its event loop live; nothing of brokers, or one of them would restart a fleet."""
        return text_response("ok\n")

    async def ready(self, request: Request) -> Response:
        """Say whether messages can be accepted and worked off: 200, or 503 with what does not work."""
        troubles = self._running.health.troubles()
        return json_response({"ready": not troubles, "troubles": troubles}, 503 if troubles else 200)

    async def ledger(self, request: Request) -> Response:
        """Tell the books of every topic: 503 while a broker or the store does not tell them."""
        try:
            ledgers = await self._running.ledgers()
        except (Unavailable, Unknown) as error:
            return retry_after(problem(503, f"the books cannot be read: {error.what}"), 1)
        books = [{**msgspec.to_builtins(ledger), "balanced": ledger.balanced} for ledger in ledgers]
        return json_response({"topics": books, "lost": sum(ledger.lost for ledger in ledgers)})

    async def metrics(self, request: Request) -> Response:
        """Tell all metrics in the text format of Prometheus: none of the queues while a broker does not count them."""
        metrics = self._running.metrics
        try:
            async with asyncio.timeout(COUNTING_SECONDS):
                counted = await self._running.counts()
        except (Unavailable, Unknown, TimeoutError):
            metrics.forget_counts()
        else:
            for topic, counts in counted.items():
                metrics.update_counts(topic, counts)
        return Response(200, metrics.exposition(), METRICS)
