"""Programs that stay: serve (intake and workers) and work (workers only)."""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click

from forebay.app import App
from forebay.cli.env_option import ENV
from forebay.cli.output import Exit
from forebay.cli.own_flags import ProgramCommand, made
from forebay.cli.running import Interruption, run
from forebay.cli.settings import flags
from forebay.errors import UsageError
from forebay.running import Running
from forebay.running import run as run_app
from forebay.serving import serving
from forebay.settings import Settings
from forebay.telemetry.logs import LogLines
from forebay.url import parse


@click.command(cls=ProgramCommand)
@click.argument("name")
@flags(
    "queue", "store", "host", "port", "workers", "places", "readers", "limit", "burst", "overload", "attempts",
    "backoff", "timeout", "guarantee", "drain", "deadline", "remember", "max_body", "reconnects",
    "journal",
)  # fmt: skip
@ENV
def serve(name: str, **texts: str | None) -> None:
    """Serve the application NAME: orders, ratings, orderstore or messagelog, or module:app of your own.

    What is posted to its paths is answered once it is durable, and worked off by the pool. With --workers 0 it only
    takes in, and `forebay work` elsewhere works off; any number of both share one queue. Settings that only NAME has
    are flags as well: `forebay serve NAME --help` lists them.

    \b
    forebay serve orders --workers 6 --work 100ms --places 1000
    curl -d '{"product_id":"33","count":"3","username":"me"}' http://127.0.0.1:8080/orders
    """
    app, settings = made(name, texts)
    run(_serve(app, settings))


@click.command(cls=ProgramCommand)
@click.argument("name")
@flags(
    "queue", "store", "host", "port", "workers", "readers", "attempts", "backoff", "timeout", "guarantee", "drain",
    "reconnects", "journal",
    otherwise={"port": "none: it does not listen"},
)  # fmt: skip
@ENV
def work(name: str, **texts: str | None) -> None:
    """Work off what waits for the application NAME, without an intake.

    With --port it answers /metrics, /healthz, /readyz and /ledger there.
    """
    app, settings = made(name, texts)
    if not settings.workers or not app.handlers:
        raise UsageError(f"nothing of {name} would be worked off", "it needs a handler, and --workers, 1 or more")
    if settings.places == 0:
        raise UsageError("places 0 means that the work is done inside the request", "forebay serve does that")
    run(_work(app, settings))


async def _serve(app: App, settings: Settings) -> None:
    async with Interruption(begun=False) as interruption, serving(app, settings) as (running, server):
        interruption.begun = True
        running.listen(LogLines())
        gc.freeze()  # what start-up made stays: the collector need not look at it again, and no answer waits for that
        for path in [intake.path for intake in app.intakes] or ["/"]:
            _say(f"{app.name}  {_at(settings.host, server.port)}{path}")
        _say_places(running)
        await interruption.wished.wait()
        _say("stopping: finishing what is in hand")
    _check_end(running)


async def _work(app: App, settings: Settings) -> None:
    listens = settings.values["port"].origin == "flag"  # many of these run on one machine: no port by default
    async with Interruption(begun=False) as interruption, _working(app, settings, listens) as running:
        interruption.begun = True
        running.listen(LogLines())
        _say(f"{app.name}  working off {', '.join(app.handlers)}")
        _say_places(running)
        await interruption.wished.wait()
        _say("stopping: finishing what is in hand")
    _check_end(running)


@asynccontextmanager
async def _working(app: App, settings: Settings, listens: bool) -> AsyncIterator[Running]:
    if not listens:
        async with run_app(app, settings) as running:
            yield running
        return
    async with serving(app, settings, takes_in=False) as (running, server):
        _say(f"{app.name}  {_at(settings.host, server.port)}/metrics")
        yield running


def _at(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _say_places(running: Running) -> None:
    settings = running.settings
    _say(f"queue  {parse(settings.queue) if settings.places else 'none: the work is done inside the request'}")
    workers = [f"{sum(pool.workers for pool in pools)} on {topic}" for topic, pools in running.pools.items()]
    workers += [f"{direct.workers} on {topic}" for topic, direct in running.directs.items()]
    _say(f"workers {', '.join(workers) or 'none here'}; places {settings.places:g}")


def _check_end(running: Running) -> None:
    if running.given_back:
        _say(f"{running.given_back} messages were given back unfinished; they will be delivered again")
        os._exit(Exit.FAILED)  # all is closed; Python itself would wait for the thread of a handler that does not end
    _say("stopped; nothing was in hand any more")


def _say(text: str) -> None:
    click.echo(text, err=True)
