"""A witness: writes down what a queue or a store acknowledged, and looks afterwards what is still there.

    python -m forebay.lab.witness redis://127.0.0.1:6379/orders acknowledged.txt

publishes without an end and notes each id once it was acknowledged; being a process, it can be killed like everything.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from forebay.durability import Durability
from forebay.errors import ForebayError, Unavailable
from forebay.lab.programs import Program
from forebay.message import Message, new_id
from forebay.queue.driver import Delivery, Driver, Settlement
from forebay.queue.opening import DRIVERS, open_driver, open_topic
from forebay.queue.topic import Topic
from forebay.stores.opening import open_store
from forebay.stores.store import Result, Store

IN_FLIGHT = 256
BODY = b'"' + b"x" * 510 + b'"'
TOPIC = "witnessed"
QUIET_SECONDS = 0.5
PATIENCE_SECONDS = 10.0
PAGE = 1_000


class Witness(Program):
    """The witness as a process of its own.

    Arguments:
        url: of a queue or a store.
        folder: where it writes.
    """

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__([url, str(folder / "acknowledged.txt")], folder)

    @property
    def output(self) -> Path:
        """The file with all that it has said: the durability that it was promised, or what went wrong."""
        return self.folder / "witness.txt"

    def acknowledged(self) -> set[str]:
        """Return the ids that were acknowledged so far; a last line that was torn by a kill is left out."""
        lines = Path(self._arguments[-1]).read_text().split("\n")
        return set(lines[:-1])

    def until_acknowledged(self, count: int) -> None:
        """Return once so many were acknowledged.

        Raises:
            Unavailable: it has ended, or it takes too long.
        """
        self._wait_until(lambda: len(self.acknowledged()) >= count)

    @property
    def durability(self) -> Durability:
        """What it was told that acknowledged messages survive."""
        return Durability(self.output.read_text().split()[-1])

    def _command(self) -> list[str]:
        return [str(self.program()), "-m", "forebay.lab.witness", *self._arguments]

    def _answers(self) -> bool:
        return self.output.read_text().split()[:1] == ["promised"] and bool(self.acknowledged())


async def make(url: str) -> None:
    """Open a queue or a store once, so that it is there, with all that it needs."""
    await (await (open_store(url) if _is_store(url) else open_driver(url, TOPIC))).close()


async def still_there(url: str, wanted: Collection[str] = ()) -> Counter[str]:
    """Take out everything that a queue or a store still has; return how often it gave each id.

    A queue that is recovering may say for seconds that it is empty: who looks for certain ids waits for them longer.
    """
    if _is_store(url):
        return await _stored(await open_store(url))
    return await _drained(await open_driver(url, TOPIC), set(wanted))


def _is_store(url: str) -> bool:
    return url.partition("://")[0] not in DRIVERS


async def _stored(store: Store) -> Counter[str]:
    found: list[str] = []
    try:
        while page := await store.results(TOPIC, PAGE, found[-1] if found else ""):
            found += [result.id for result in page]
    finally:
        await store.close()
    return Counter(found)


async def _drained(driver: Driver, wanted: set[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    patience = 0.0 if driver.features.totals else PATIENCE_SECONDS
    quiet_since = time.monotonic()
    try:
        while True:
            deliveries = await _taken(driver)
            found.update(delivery.message.id for delivery in deliveries)
            if deliveries:
                quiet_since = time.monotonic()
                continue
            at_its_end = wanted <= found.keys() or time.monotonic() > quiet_since + patience
            if at_its_end and not (await driver.counts()).unfinished:
                return found
    finally:
        await driver.close()


async def _taken(driver: Driver) -> Sequence[Delivery]:
    """Take what there is and end it; a broker that has just started may not be up to that yet."""
    try:
        deliveries = await driver.receive(PAGE, QUIET_SECONDS)
        await driver.settle([Settlement(delivery) for delivery in deliveries])
    except ForebayError:
        await asyncio.sleep(QUIET_SECONDS)
        return []
    return deliveries


class _Notes:
    """The file of the ids that were acknowledged; a line has reached the system when `add` returns."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def add(self, ids: Sequence[str]) -> None:
        os.write(self._file, "".join(f"{id}\n" for id in ids).encode())


async def _publish(topic: Topic, notes: _Notes) -> None:
    """Keep so many messages in flight until somebody ends us."""
    loop = asyncio.get_running_loop()

    def send() -> None:
        message = Message(new_id(), BODY, accepted_at=time.time())
        topic.publish_soon(message, heard_of(message.id))

    def heard_of(id: str) -> Callable[[str | ForebayError], None]:
        def heard(answer: str | ForebayError) -> None:
            if isinstance(answer, ForebayError):
                loop.call_later(0.05, send)  # the broker is away: it will come back, or we shall be ended
            else:
                notes.add([id])
                send()

        return heard

    for _ in range(IN_FLIGHT):
        send()
    await loop.create_future()


async def _save(store: Store, notes: _Notes) -> None:
    while True:
        now = time.time()
        results = [Result(new_id(), TOPIC, BODY, now, now, now) for _ in range(IN_FLIGHT // 4)]
        try:
            await store.save(results)
        except ForebayError:
            await asyncio.sleep(0.05)
        else:
            notes.add([result.id for result in results])


async def _testify(url: str, path: str) -> None:
    notes = _Notes(path)
    if _is_store(url):
        store = await open_store(url)
        print("promised", store.durability, flush=True)
        await asyncio.gather(*(_save(store, notes) for _ in range(4)))
    else:
        topic = await open_topic(url, TOPIC)
        print("promised", topic.durability, flush=True)
        await _publish(topic, notes)


def main(arguments: Sequence[str]) -> int:
    """Publish until the process is ended; return the exit code when it cannot even begin."""
    if len(arguments) != 2:
        print("usage: python -m forebay.lab.witness URL FILE", file=sys.stderr)
        return 2
    try:
        asyncio.run(_testify(*arguments))
    except ForebayError as error:
        print(f"{error.what}\n{error.hint}", file=sys.stderr)
        return 3 if isinstance(error, Unavailable) else 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
