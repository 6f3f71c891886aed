"""Dead letters: a queue that is read whole, by one process at a time, and left as it was.

RabbitMQ lets nobody look into a queue without taking messages out. So whoever reads takes all of them, unsettled, under
a lock that the broker frees should he die; what he does not remove goes back to its place, and he does not let go
before it is there.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from pamqp import commands

from forebay.errors import ForebayError, Unavailable, Unknown, UsageError
from forebay.queue.driver import DeadLetter
from forebay.queue.drivers.rabbitmq.channel import Channel
from forebay.queue.drivers.rabbitmq.copies import Copies
from forebay.queue.drivers.rabbitmq.frames import Arrival
from forebay.queue.drivers.rabbitmq.link import Link, answered
from forebay.queue.drivers.rabbitmq.records import Came, came
from forebay.queue.drivers.rabbitmq.topology import message_count, seen

LOCK_SECONDS = 10.0
READ_SECONDS = 30.0
"""Without a further letter, although there are some."""
PAUSE = 0.01
MOST_OF_ONE_CONSUMER = 65_535


class Letters:
    """The dead letters of one group.

    Arguments:
        link: for questions.
        queue: where the letters lie.
        copies: puts them back to wait.
    """

    def __init__(self, link: Link, queue: str, copies: Copies) -> None:
        self._link = link
        self._queue = queue
        self._copies = copies
        self._lock = asyncio.Lock()

    async def count(self) -> int:
        """Return how many there are; while somebody reads them they are waited for."""
        async with self._lock, self._link.asking() as channel:
            await message_count(channel, self._queue)  # makes it anew, should somebody have deleted it
            end = asyncio.get_running_loop().time() + 1.0
            while True:
                ready, readers = await seen(channel, self._queue)
                if not readers or asyncio.get_running_loop().time() > end:
                    return ready
                await asyncio.sleep(PAUSE)

    async def page(self, limit: int, after: str) -> Sequence[DeadLetter]:
        """Return letters in the order of their ids, those after the id `after` only."""
        best: dict[str, Came] = {}

        def look(_: Arrival, one: Came) -> None:
            if one.message.id > after:
                best[one.message.id] = one
                if len(best) > 2 * limit + 1_000:  # bodies of letters that are not asked for need not be kept
                    for id in sorted(best)[limit:]:
                        del best[id]

        async with self._reading(look):
            pass
        return [DeadLetter(best[id].message, best[id].tried) for id in sorted(best)[: max(limit, 0)]]

    async def put_back(self, ids: Sequence[str]) -> int:
        """Put letters back to wait, with their attempts at zero; return how many there were."""
        wanted, found = set(ids), []

        def look(arrival: Arrival, one: Came) -> None:
            if one.message.id in wanted:
                found.append((arrival.tag, one))

        async with self._reading(look) as gone:
            once = {_letter_of(tag, one): self._copies.again(one.message, 0) for tag, one in found}
            results = dict(zip(once, await self._copies.publisher.insist(list(once.values())), strict=True))
            gone += [tag for tag, one in found if results[_letter_of(tag, one)] is None]
        errors = [error for error in results.values() if error is not None]
        if errors:
            raise errors[0]
        return len(results)

    async def drop(self, ids: Sequence[str]) -> int:
        """Remove letters for good; return how many there were."""
        wanted, found = set(ids), []

        def look(arrival: Arrival, one: Came) -> None:
            if one.message.id in wanted:
                found.append((arrival.tag, one))

        async with self._reading(look) as gone:
            gone += [tag for tag, _ in found]
        return len({_letter_of(tag, one) for tag, one in found})

    @asynccontextmanager
    async def _reading(self, look: Callable[[Arrival, Came], None]) -> AsyncIterator[list[int]]:
        """Show every letter to `look`; afterwards remove those whose tags stand in the list, and leave the others."""
        async with self._lock, self._link.asking() as channel:
            await self._alone()
            try:
                tags = await self._take_all(channel, look)
                gone: list[int] = []
                try:
                    yield gone
                finally:
                    await self._leave(channel, tags, gone)
            finally:
                await self._unlock()

    async def _alone(self) -> None:
        """Take the lock: a queue that belongs to this connection alone, and ends with it."""
        end = asyncio.get_running_loop().time() + LOCK_SECONDS
        while True:
            try:
                await self._try_alone()
                return
            except UsageError as error:
                if "RESOURCE_LOCKED" not in error.what:
                    raise
                if asyncio.get_running_loop().time() > end:
                    raise Unavailable(f"another process reads the dead letters of {self._queue!r}") from error
                await asyncio.sleep(PAUSE)

    async def _try_alone(self) -> None:
        lock = f"{self._queue}.lock"
        async with self._link.asking() as trial:
            try:
                await answered(trial.ask(commands.Queue.Declare(queue=lock, exclusive=True)))
            except BaseException:  # cancelled, it may be ours all the same, and would be for as long as we live
                trial.ask(commands.Queue.Delete(queue=lock))
                raise

    async def _unlock(self) -> None:
        with suppress(ForebayError):  # the connection is gone, and the lock with it
            async with self._link.asking() as channel:
                await answered(channel.ask(commands.Queue.Delete(queue=f"{self._queue}.lock")))

    async def _take_all(self, channel: Channel, look: Callable[[Arrival, Came], None]) -> list[int]:
        total = await message_count(channel, self._queue)
        tags: list[int] = []
        heard = asyncio.Event()

        def hear(arrival: Arrival) -> None:
            tags.append(arrival.tag)
            look(arrival, came(arrival, _name_of(arrival)))
            heard.set()

        consumers = [str(n) for n in range(math.ceil(total / MOST_OF_ONE_CONSUMER))]
        for tag in consumers:
            await answered(channel.consume(self._queue, tag, MOST_OF_ONE_CONSUMER, hear, heard.set))
        while len(tags) < total:
            heard.clear()
            try:
                async with asyncio.timeout(READ_SECONDS):
                    await heard.wait()
            except TimeoutError as error:
                raise Unavailable(f"RabbitMQ does not hand out the letters of {self._queue!r}") from error
            if channel.closed is not None:
                raise Unavailable(f"RabbitMQ: {channel.closed}")
        for tag in consumers:
            await answered(channel.cancel(tag))
        return tags

    async def _leave(self, channel: Channel, tags: Sequence[int], gone: Sequence[int]) -> None:
        """Remove and put back; return once the others can be read again."""
        removed = set(gone)
        channel.ack(gone)
        channel.requeue([tag for tag in tags if tag not in removed])
        end = asyncio.get_running_loop().time() + 2.0
        try:
            while await message_count(channel, self._queue) < len(tags) - len(removed):
                if asyncio.get_running_loop().time() > end:
                    break  # somebody removes letters by other means
                await asyncio.sleep(PAUSE)
        except ForebayError as error:  # the connection is gone, and the broker puts all back by itself
            if gone:
                raise Unknown(f"RabbitMQ may not have heard which dead letters are over: {error.what}") from error


def _letter_of(tag: int, one: Came) -> str | int:
    """Return what tells letters apart: copies of one message are one; those without an id may only look alike."""
    return tag if one.foreign else one.message.id


def _name_of(arrival: Arrival) -> str:
    """Return an id for a letter that somebody else laid there without one."""
    return f"foreign-{hashlib.sha1(arrival.body, usedforsecurity=False).hexdigest()[:20]}"
