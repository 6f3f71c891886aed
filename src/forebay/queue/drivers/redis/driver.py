"""One topic of a Redis server, and one group of its workers."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import random
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from forebay.clock import SYSTEM_CLOCK, Clock
from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import ForebayError, QueueFull, Unavailable, Unknown, UsageError
from forebay.message import Message
from forebay.queue.bell import rung
from forebay.queue.driver import Counts, DeadLetter, Delivery, Ending, Features, Found, Settlement
from forebay.queue.drivers.redis import scripts
from forebay.queue.drivers.redis.address import read_topic
from forebay.queue.drivers.redis.answers import counts_of, deliveries_of, found_of, letters_of
from forebay.queue.drivers.redis.bell import Bell
from forebay.queue.drivers.redis.payload import Part, pack, readable
from forebay.queue.drivers.redis.scripts import GroupGone, Script
from forebay.queue.options import Asked
from forebay.redisserver.address import Address
from forebay.redisserver.proof import prove
from forebay.redisserver.wire import Wire
from forebay.url import URL

log = logging.getLogger("forebay.queue.redis")

FEATURES: Final = Features(
    disciplines=frozenset(Discipline),
    orders=frozenset(Order),
    persistent=True,
    crosses_processes=True,
    exact_places=True,
    deduplicates=True,
    counts_crashes=True,
    finds=True,
    lanes=2,
)
KEEP_SECONDS: Final = 60.0
"""How long a subscriber of its own may give no sign of life before others remove it."""
PURGED_AT_ONCE: Final = 5_000
MOST_BYTES: Final = 4 * 2**20
"""Of one script: while it runs the server answers nobody else."""
OF_ONE_DRIVER: Final = 12  # hex digits at the beginning of its tokens; the number of the claim follows


async def connect(url: URL, *, clock: Clock = SYSTEM_CLOCK) -> RedisQueue:
    """Open a topic; topic and group are made where they do not exist.

    Arguments:
        url: as in ``redis://localhost/orders``.
        clock: another one than the system's stands in for the time of the server; tests move it.

    Raises:
        UsageError: an option is unknown or cannot be read, or the topic has another discipline and is not empty.
        Unavailable: the server cannot be reached, or refuses us.
    """
    address, asked, order = read_topic(url)
    queue = RedisQueue(address, asked, order, clock)
    try:
        await queue.open()
    except BaseException:
        await queue.close()
        raise
    return queue


class RedisQueue:
    """One topic and one group; made by :func:`connect`."""

    features = FEATURES

    def __init__(self, address: Address, asked: Asked, order: str, clock: Clock) -> None:
        self._topic = scripts.key_of(asked.topic)
        self._group = f"each-{secrets.token_hex(8)}" if asked.ephemeral else asked.group
        self._asked = asked
        self._order = order
        self._discipline = ""  # that of the topic
        self._clock = clock
        self._keep = repr(KEEP_SECONDS) if asked.ephemeral else ""
        self._writing = Wire(address)
        self._reading = Wire(address)
        self._bell = Bell(address, scripts.bell_of(asked.topic, self._group))
        self._name = secrets.token_hex(OF_ONE_DRIVER // 2)
        self._claims = itertools.count()
        self._doubtful: list[str] = []  # tokens of claims that nobody answered
        self._tasks: set[asyncio.Task[Any]] = set()
        self._heart: asyncio.Task[None] | None = None
        self._closed = False
        self._proved_for = 0
        self.durability = Durability.MEMORY  # nothing is proved yet

    async def open(self) -> None:
        """Prove the durability, make topic and group."""
        await self._prove()
        self._proved_for = self._writing.current
        await self._make()
        if self._asked.ephemeral:
            self._heart = asyncio.get_running_loop().create_task(self._beat())

    async def _prove(self) -> None:
        """Ask anew with each connection: it may lead to a server that was restarted with other settings."""
        self.durability = (await prove(self._writing)).durability

    async def _prove_again(self) -> None:
        try:
            await self._prove()
        except Unknown as error:  # of the settings: nothing was published
            raise Unavailable(error.what, error.hint) from error
        asked = self._asked.durability
        if not self.durability.covers(asked):
            what = f"Redis gives the durability {self.durability} since it was restarted, and {asked} is asked for"
            raise Unavailable(what, "forebay doctor says which settings are to blame")
        self._proved_for = self._writing.current

    async def _make(self) -> None:
        wish = self._asked.discipline or ""
        answer = await self._run(scripts.OPEN, self._asked.topic, wish, self._order, self._keep, self._discipline)
        self._discipline, order = (text.decode() for text in answer)
        self._order = self._order or order.replace("none", "")  # should all be erased, they are made as they were

    async def publish(self, messages: Sequence[Message], places: float) -> Sequence[str | ForebayError]:
        """Accept messages for all groups in one step; the reference of a message is its id."""
        self._check()
        results: list[str | ForebayError] = [message.id for message in messages]
        part, now = Part(), self._clock.time()
        for n, message in enumerate(messages):
            try:
                part.add(n, message, now)
            except UsageError as error:
                results[n] = error
            if part.size > MOST_BYTES:
                await self._publish(part, places, results)
                part = Part()
        if part.numbers:
            await self._publish(part, places, results)
        return results

    async def _publish(self, part: Part, places: float, results: list[str | ForebayError]) -> None:
        """Publish a part in one step, and put the errors into the results."""
        room = "" if math.isinf(places) else repr(places)
        try:
            if not 0 < self._writing.current == self._proved_for:  # also between two parts: it may have broken
                await self._prove_again()
            refused = await self._run_again(scripts.PUBLISH, room, part.plain, _seed(), *part.words)
        except ForebayError as error:
            for n in part.numbers:
                results[n] = error
            return
        for number in refused:
            full = QueueFull(f"all waiting places of {self._asked.topic!r} are taken", "try again later")
            results[part.numbers[number - 1]] = full

    async def receive(self, limit: int, wait: float) -> Sequence[Delivery]:
        """Lease messages; while there are none, wait for the bell or for the next that is due."""
        self._check()
        if limit < 1:
            return []
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        deliveries, _ = await self._claim(limit)
        if deliveries or wait <= 0:
            return deliveries
        with self._bell.listening() as bell:
            while True:
                self._check()
                await self._bell.open(self._reading.current)
                bell.clear()
                deliveries, due = await self._claim(limit)
                pause = min(due, end - loop.time())
                if deliveries or end <= loop.time():
                    return deliveries
                await rung(bell, pause)

    async def _claim(self, limit: int) -> tuple[list[Delivery], float]:
        """Lease messages; also return in how many seconds something is due, where there are none.

        A claim that has begun runs to its end; what came for a caller who was cancelled is given back.
        """
        claim = self._begin(self._claim_as(f"{self._name}{next(self._claims) % 2**32:08x}", limit))
        try:
            return await asyncio.shield(claim)
        except asyncio.CancelledError:
            self._begin(self._give_back(claim))
            raise

    async def _claim_as(self, token: str, limit: int) -> tuple[list[Delivery], float]:
        if self._doubtful:
            await self._release_doubtful()
        lease = repr(self._asked.lease)
        try:
            answer = await self._run(scripts.CLAIM, token, lease, limit, _seed(), self._keep, wire=self._reading)
        except GroupGone:
            await self._make_anew()
            hint = "was it flushed? what waited there is lost; the work goes on"
            raise Unavailable(f"the group {self._group!r} of {self._asked.topic!r} was gone from Redis", hint) from None
        except Unknown:
            self._doubtful.append(token)
            raise
        due, members, values, attempts, lost = answer
        if lost:
            log.error("%s: %d messages have lost their content in Redis; somebody removed it", self._asked.topic, lost)
        return deliveries_of(token, members, values, attempts), float(due) if due else math.inf

    async def _release_doubtful(self) -> None:
        """Give back what came under tokens that we never heard of: nobody would work on it until its lease ends."""
        tokens, self._doubtful = self._doubtful, []
        try:
            await self._run(scripts.RELEASE, _seed(), *tokens, wire=self._reading)
        except BaseException:
            self._doubtful += tokens
            raise

    async def _give_back(self, claim: asyncio.Task[tuple[list[Delivery], float]]) -> None:
        with suppress(ForebayError):
            deliveries, _ = await claim
            await self._settle([Settlement(delivery, Ending.RELEASE) for delivery in deliveries])

    async def settle(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        """End deliveries in one step."""
        self._check()
        return await self._settle(settlements)

    async def _settle(self, settlements: Sequence[Settlement]) -> Sequence[bool]:
        if not settlements:
            return []
        done = [n for n, settlement in enumerate(settlements) if settlement.ending is Ending.DONE]
        others = [n for n, settlement in enumerate(settlements) if settlement.ending is not Ending.DONE]
        words: list[str | bytes] = [settlements[n].delivery.handle for n in done]
        for n in others:
            words += self._words(settlements[n])
        held = [True] * len(settlements)
        try:
            lost = await self._run(scripts.SETTLE, _seed(), len(done), *words, wire=self._reading)
        except GroupGone:
            await self._make_anew()
            return [False] * len(settlements)
        for number in lost:
            held[(done + others)[number - 1]] = False
        return held

    def _words(self, settlement: Settlement) -> tuple[bytes, str, str, bytes]:
        ending, delivery, value = settlement.ending, settlement.delivery, b""
        if settlement.headers is not None and ending is not Ending.RELEASE:
            message = delivery.message.replace(headers=readable(settlement.headers))
            _, value = pack(message, self._clock.time())
        return delivery.handle, ending.value, repr(float(settlement.delay)), value

    async def extend(self, deliveries: Iterable[Delivery]) -> None:
        """Renew leases."""
        self._check()
        leases = [delivery.handle for delivery in deliveries]
        with suppress(GroupGone):  # so are the leases
            await self._run(scripts.EXTEND, repr(self._asked.lease), self._keep, *leases, wire=self._reading)

    async def counts(self) -> Counts:
        """Count the messages, and compare them with what the group has counted."""
        self._check()
        return counts_of(await self._run_again(scripts.COUNTS))

    async def find(self, reference: str) -> Found | None:
        """Return where the message of this id is."""
        self._check()
        return found_of(reference, await self._run_again(scripts.FIND, reference))

    async def dead_letters(self, limit: int = 100, after: str = "") -> Sequence[DeadLetter]:
        """Return dead letters in the order of their ids."""
        self._check()
        return letters_of(*await self._run_again(scripts.DEAD, limit, after))

    async def return_dead(self, ids: Sequence[str]) -> int:
        """Put dead letters back, to the place in the order that they had."""
        self._check()
        return int(await self._run_again(scripts.BRING_BACK, _seed(), "return", *ids))

    async def drop_dead(self, ids: Sequence[str]) -> int:
        """Remove dead letters for good."""
        self._check()
        return int(await self._run_again(scripts.BRING_BACK, _seed(), "drop", *ids))

    async def purge(self) -> int:
        """Remove what waits or retries, in steps that do not hold up the others."""
        self._check()
        purged = step = int(await self._run_again(scripts.PURGE, PURGED_AT_ONCE))
        while step == PURGED_AT_ONCE:
            try:
                step = await self._run_again(scripts.PURGE, PURGED_AT_ONCE)
            except Unavailable as error:
                raise Unknown(f"{purged} messages were removed, then: {error.what}", error.hint) from error
            purged += step
        return purged

    async def close(self) -> None:
        """Release what is leased to this driver; its waiting receivers end with `Unavailable`."""
        if self._closed:
            return
        self._closed = True
        if self._heart is not None:
            self._heart.cancel()
        try:
            await self._bell.close()
            while self._tasks:
                await asyncio.wait(self._tasks)
            with suppress(ForebayError):  # the leases end by themselves, the group is removed by others
                if self._asked.ephemeral:
                    await self._run(scripts.REMOVE)
                elif next(self._claims):  # not the first one: something was claimed
                    await self._run(scripts.RELEASE, _seed(), self._name, wire=self._reading)
        finally:  # also when it was cancelled: nobody else would end the connections
            await self._writing.close()
            await self._reading.close()

    async def _run(self, script: Script, *words: str | bytes | int, wire: Wire | None = None) -> Any:
        now = "" if self._clock is SYSTEM_CLOCK else repr(self._clock.time())
        return await script.run(wire or self._writing, self._topic, self._group, now, *words)

    async def _run_again(self, script: Script, *words: str | bytes | int) -> Any:
        """Run a script; where the group is gone nothing has happened, and it is made anew first."""
        try:
            return await self._run(script, *words)
        except GroupGone:
            await self._make_anew()
            return await self._run(script, *words)

    async def _make_anew(self) -> None:
        log.warning("the group %r of %r was gone from Redis: it is made anew", self._group, self._asked.topic)
        await self._make()

    async def _beat(self) -> None:
        """Tell that this subscriber of its own is there, also while nobody receives."""
        while True:
            await asyncio.sleep(KEEP_SECONDS / 4)
            with suppress(ForebayError):  # the next receive says so
                await self._run(scripts.EXTEND, repr(self._asked.lease), self._keep)

    def _begin(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _check(self) -> None:
        if self._closed:
            raise Unavailable(f"the queue {self._asked.topic!r} is closed")


def _seed() -> int:
    """Return a number for the discipline `random`: each script would draw the same numbers without it."""
    return random.getrandbits(31)
