"""An application at work: its topics, pools and store open, its intakes answering."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from forebay.declared import wants_running
from forebay.errors import ForebayError, Missing, UsageError
from forebay.events import Event, Listener, Stalled
from forebay.message import Message, new_id
from forebay.queue.driver import Counts
from forebay.queue.options import EACH
from forebay.queue.topic import Topic
from forebay.settings import BY_NAME, Settings, text_of
from forebay.stores.opening import open_store
from forebay.stores.store import Store
from forebay.telemetry.health import Health
from forebay.telemetry.journal import Journal
from forebay.telemetry.metrics import Metrics
from forebay.url import parse
from forebay.wiring import direct, open_queues, reached, start_pools
from forebay.workers.direct import Direct
from forebay.workers.ledger import Ledger, ledger_of
from forebay.workers.pool import Pool

if TYPE_CHECKING:
    from forebay.app import App


SWITCH_SECONDS = 0.0005
"""How long a busy event loop may keep the interpreter from the threads that write: a tenth of Python's default."""

log = logging.getLogger("forebay.running")


class Running:
    """What runs of an application: made by `run`, ended by the end of its ``async with``.

    Arguments:
        app: what was declared.
        settings: how it runs.
        store: where results go.
    """

    def __init__(self, app: App, settings: Settings, store: Store) -> None:
        self.app = app
        self.settings = settings
        self.store = store
        self.topics: dict[str, Topic] = {}
        self.pools: dict[str, list[Pool]] = {}
        self.directs: dict[str, Direct] = {}
        self.metrics = Metrics()
        self.health = Health()
        self.given_back = 0
        self.listeners: list[Listener] = [self.metrics, self.health]

    def listen(self, listener: Listener) -> None:
        """Let one more listener hear of everything from now on; what it raises is logged and harms nobody else.

        A listener with an attribute `hears`, a set of types of events, is spared all others, and they are spared it.
        """
        hears = getattr(listener, "hears", None)

        def hear(event: Event) -> None:
            if hears is not None and type(event) not in hears:
                return
            try:
                listener(event)
            except Exception:  # it is called from the midst of publishing and working
                log.exception("a listener failed to hear %r", event)

        self.listeners.append(hear)

    def stalled(self, topic: str, error: ForebayError) -> None:
        """Tell who listens that the store did not answer a handler which keeps its own effect and will ask again.

        It is in the metrics and the log then, and /readyz says so until a message of the topic is done.

        Arguments:
            topic: one of the application's, or what the work on it is called: `Work.topic`.
            error: what the store said.
        """
        work = self.topics[topic].work_name if topic in self.topics else topic  # as messages are told of that end
        for listener in self.listeners:
            listener(Stalled(work, "save", str(error)))

    async def publish(
        self, topic: str, body: Any, *, key: str | None = None, priority: int = 0, delay: float = 0.0
    ) -> str:
        """Put a body into a topic, as its intake would, and return the reference of the message.

        Arguments:
            topic: one of the application's.
            body: bytes as they are, anything else as JSON.
            key: messages of one key belong together.
            priority: larger goes first under the discipline PRIORITY.
            delay: seconds before it may be delivered; it waits in the broker, and survives what other messages do.
        """
        payload = body if isinstance(body, bytes) else msgspec.json.encode(body)
        now = time.time()
        message = Message(new_id(), payload, key, {}, priority, now, now + delay if delay > 0 else 0.0)
        return await self.topic(topic).publish(message)

    def topic(self, name: str) -> Topic:
        """Return a topic of this application by its name.

        Raises:
            Missing: it has no such topic, or works inside the request and has none at all.
        """
        if name not in self.topics:
            raise Missing(f"{self.app.name} has no topic {name!r}", f"it has: {', '.join(self.topics) or 'none'}")
        return self.topics[name]

    async def ledgers(self) -> list[Ledger]:
        """Read the books of every topic, as the group of this process has them: ``orders``, or ``orders@audit``."""
        counts = await self.counts()  # before the store: what is saved and not yet settled must not seem missing there
        return [ledger_of(work, counted, await self._stored(work)) for work, counted in counts.items()]

    async def counts(self) -> dict[str, Counts]:
        """Return for each topic how many messages are where for the group of this process."""
        queued = {topic.work_name: await topic.counts() for topic in self.topics.values()}
        return queued | {name: direct.counts() for name, direct in self.directs.items()}

    async def drained(self, timeout: float | None = None) -> None:
        """Wait until all that was accepted is worked off, here or in other processes.

        Raises:
            TimeoutError: it was not within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            for topic in self.topics.values():
                while (await topic.counts()).unfinished:
                    await self._something_ends()

    def stopping(self) -> None:
        """Say by /readyz that this process will not be there much longer."""
        self.health.stopping = True

    async def _stored(self, work: str) -> int | None:
        return None if work.endswith(f"@{EACH}") or work in self._unkept() else await self.store.count(work)

    def _unkept(self) -> set[str]:
        """Return the works whose results are not kept, since their handlers keep what they do by themselves."""
        names = [name for name, declared in self.app.handlers.items() if not declared.results]
        return {self.topics[name].work_name if name in self.topics else name for name in names}

    async def _something_ends(self) -> None:
        ended = asyncio.Event()

        def hear(event: object) -> None:
            ended.set()

        self.listeners.append(hear)
        try:
            async with asyncio.timeout(0.05):  # other processes end messages without our hearing
                await ended.wait()
        except TimeoutError:
            pass
        finally:
            self.listeners.remove(hear)


@asynccontextmanager
async def run(app: App, settings: Settings) -> AsyncIterator[Running]:
    """Open what an application needs, start its workers, and end all in order.

    The end: topics refuse, pools finish what is in hand within the setting `drain`, all is told to the brokers, the
    store closes, the application's lifespan ends (one that was given what runs: before queues and store close).

    Arguments:
        app: what was declared.
        settings: how it runs.

    Raises:
        UsageError: the settings do not fit the application. Unavailable: a queue or store cannot be reached.
    """
    _check(app, settings)
    sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
    waits = wants_running(app.lifespan)
    async with AsyncExitStack() as stack:
        if not waits:
            await stack.enter_async_context(app.lifespan())
        store = await reached(lambda: open_store(_store_url(settings)), settings.reconnects)
        stack.push_async_callback(store.close)
        stack.push_async_callback(_end, asyncio.create_task(_forget_keys(store, settings.remember)))
        running = Running(app, settings, store)
        if settings.journal:
            journal = Journal(settings.journal, works=bool(settings.workers and app.handlers))
            running.listen(journal)
            stack.callback(journal.close)  # last of all: the pools tell of their ends until then
        if settings.places == 0:
            running.directs = {name: direct(running, name) for name in app.handlers}
        else:
            await open_queues(running, stack)
        if waits:
            await stack.enter_async_context(app.lifespan(running))
        start_pools(running, stack)
        yield running


async def _forget_keys(store: Store, seconds: float) -> None:
    """Forget idempotency keys when their time is over, looking a hundred times within it."""
    while True:
        await asyncio.sleep(max(1.0, seconds / 100))
        try:
            await store.forget(time.time() - seconds)
        except ForebayError:
            continue  # a store that is down is asked again
        except Exception:  # to end here would let the keys grow for ever without a word
            log.exception("old idempotency keys could not be forgotten")


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Return settings from keyword arguments, which may be values (in seconds, a second) or text; they count as flags.

    Raises:
        UsageError: one of them is not a setting.
    """
    for name in values:
        if name not in BY_NAME:
            raise UsageError(f"{name} is not a setting", f"known: {', '.join(BY_NAME)}")
    return Settings({name: None if value is None else text_of(name, value) for name, value in values.items()})


def _store_url(settings: Settings) -> str:
    """Return the address of the store; unless it is set, it lies beside the queue."""
    if settings.store:
        return str(settings.store)
    queue = parse(settings.queue)
    if queue.scheme == "memory":
        return f"memory://{queue.host}"
    if queue.scheme != "sqlite":
        return "sqlite:///forebay-results.db"
    if not queue.path:  # the store is opened first, and would leave a file of a name that nobody gave
        raise UsageError(f"{queue} names no file", "write sqlite:///orders.db, or sqlite:////var/lib/orders.db")
    stem = queue.path.removesuffix(".db")
    return f"sqlite:///{stem}-results.db"


def _check(app: App, settings: Settings) -> None:
    if not app.topics:
        raise UsageError(f"the application {app.name} declares neither an intake nor a handler")
    if settings.places == 0:
        if not settings.workers:
            raise UsageError("places 0 means that the work is done inside the request", "give it --workers, 1 or more")
        missing = [topic for intake in app.intakes for topic in intake.topics if topic not in app.handlers]
        if missing:
            raise UsageError(f"places 0, but {missing[0]} has no handler here")
