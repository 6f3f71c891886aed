"""Results, claims and effects in Redis, each written by one script together with its inbox row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain

from forebay.durability import Durability
from forebay.errors import ForebayError
from forebay.stores.batching import Batcher
from forebay.stores.opened import Opened
from forebay.stores.redis import scripts
from forebay.stores.redis.collection import RedisCollection
from forebay.stores.redis.commands import Commands, check_run
from forebay.stores.redis.rows import claim_of, pairs, result_of, row_of, words_of
from forebay.stores.redis.server import Server
from forebay.stores.redis.steps import in_steps
from forebay.stores.redis.window import RedisWindow
from forebay.stores.storable import can_be_name, check_claims, check_names, refusal
from forebay.stores.store import Claim, Result
from forebay.stores.turns import Turns
from forebay.url import URL

FORGET_AT_ONCE = 1_000  # claims and rows removed by one script: while it runs the server answers nobody else


async def connect(url: URL) -> RedisStore:
    """Open the store on a server.

    Raises:
        UsageError: a wrong option, keys of somebody else or of a newer forebay, a server that drops keys.
        Unavailable: the server cannot be reached, or does not let us in.
    """
    return RedisStore(await Server.open(url))


class RedisStore:
    """Results and claims under the keys of a prefix.

    Arguments:
        server: open; the store closes it.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._keep = "" if server.place.keep is None else repr(server.place.keep)
        self._turns = Turns()
        self._results = Batcher[Result, bool | ForebayError](self._save_all, _weight)
        self._claims = Batcher[Claim, Claim](self._claim_all, lambda claim: 500)
        self._confirmed = Batcher[tuple[str, str], None](self._confirm_all, lambda pair: 500)
        self._windows = Opened[tuple[str, int], RedisWindow]()
        self._collections = Opened[str, RedisCollection]()

    @property
    def durability(self) -> Durability:
        """What is stored survives, as far as it is proved for the connection that is open."""
        return self._server.durability

    async def save(self, results: Sequence[Result]) -> Sequence[bool | ForebayError]:
        """Keep results; see :meth:`forebay.stores.store.Store.save`."""
        refusals = [refusal(result) for result in results]
        good = [result for result, refused in zip(results, refusals, strict=True) if refused is None]
        answers = iter(await in_steps(self._results.submit, good, _weight))
        return [refused or next(answers) for refused in refusals]

    async def get(self, id: str) -> Result | None:
        """Return the result of a message, None while there is none; of several topics' the one done last."""
        if not can_be_name(id):
            return None
        found = pairs(await self._server.read(scripts.GET, id))
        results = [result_of(id, topic.decode(), row) for topic, row in found]
        return max(results, key=lambda result: result.done_at, default=None)

    async def results(self, topic: str, limit: int = 100, after: str = "") -> Sequence[Result]:
        """Return results of a topic in the order of their ids, those after the id `after` only."""
        if not can_be_name(topic):
            return []
        ids, rows = await self._server.read(scripts.RESULTS, topic, after, limit)
        return [result_of(id.decode(), topic, row) for id, row in zip(ids, rows, strict=True) if row]

    async def count(self, topic: str) -> int:
        """Return how many messages of a topic have been in the inbox, also when their rows have gone (?keep=)."""
        if not can_be_name(topic):
            return 0
        return int(await self._server.ask("HGET", f"{self._server.place.prefix}:counts", topic) or 0)

    @asynccontextmanager
    async def once(self, id: str, topic: str) -> AsyncIterator[Commands | None]:
        """Run commands in one script with the inbox row of `id`; yields :class:`Commands`, or None.

        The commands are gathered, and run at the end, so they give nothing back; what depends on what is in Redis is
        said by the command (``INCRBY``, ``SET ... NX``). Redis undoes nothing: when it refuses a command, the row is
        taken back, the commands before it are not; so let the one that may be refused be the first. The
        second of two that come for one id waits for the first; in another process it does not wait, and its commands
        are dropped if it ends later.

        Raises:
            ResponseError: of redis-py; the server refuses a command of the handler's own.
        """
        check_names(id, topic)
        async with self._turns.of((id, topic)):
            if await self._server.ask("HEXISTS", self._server.key("inbox", topic), id):
                yield None
                return
            commands = Commands()
            yield commands
            check_run(await self._server.write(scripts.ONCE, self._keep, topic, id, *commands.words))

    async def claim(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Remember keys; the first claim of a key stays."""
        check_claims(claims)
        return await in_steps(self._claims.submit, claims, lambda claim: 500)

    async def confirm(self, key: str, reference: str) -> None:
        """Note the reference of an accepted message with its key."""
        check_names(key, reference)
        await self._confirmed.submit([(key, reference)])

    async def forget(self, before: float) -> int:
        """Remove claims older than `before`; return how many. Rows whose time is over (?keep=) go as well."""
        forgotten, full = 0, True
        while full:
            claims, rows = await self._server.write(scripts.FORGET, repr(float(before)), FORGET_AT_ONCE)
            forgotten += claims
            full = FORGET_AT_ONCE in (claims, rows)
        return forgotten

    async def window(self, name: str, size: int) -> RedisWindow:
        """Return the window of a name: the list ``PREFIX:window:NAME``, which redis-cli can read."""
        return await self._windows.get((name, size), lambda: RedisWindow.open(self._server, name, size, self._keep))

    async def collection(self, name: str) -> RedisCollection:
        """Return the collection of a name: the hash ``PREFIX:collection:NAME``."""
        return await self._collections.get(name, lambda: RedisCollection.open(self._server, name))

    async def close(self) -> None:
        """Finish what is under way and close the connection."""
        for batcher in (self._results, self._claims, self._confirmed):
            await batcher.drain()
        await self._windows.drain()
        await self._collections.drain()
        await self._server.close()

    async def _save_all(self, results: list[Result]) -> list[bool | ForebayError]:
        first: dict[str, dict[str, Result]] = {}  # of one id in one topic only the first can be kept
        for result in results:
            first.setdefault(result.topic, {}).setdefault(result.id, result)
        words: list[str | bytes | int] = [self._keep]
        for topic, rows in first.items():
            words += (topic, len(rows))
            words += chain.from_iterable((id, row_of(result)) for id, result in rows.items())
        flags = await self._server.write(scripts.SAVE, *words)
        order = [(topic, id) for topic, rows in first.items() for id in rows]
        kept = {row for row, flag in zip(order, flags, strict=True) if flag}
        answers: list[bool | ForebayError] = []
        for result in results:
            answers.append((result.topic, result.id) in kept)
            kept.discard((result.topic, result.id))
        return answers

    async def _claim_all(self, claims: list[Claim]) -> list[Claim]:
        words = [word for claim in claims for word in words_of(claim)]
        standing, references = await self._server.write(scripts.CLAIM, *words)
        return [
            claim if rest is None else claim_of(claim.key, rest, reference)
            for claim, rest, reference in zip(claims, standing, references, strict=True)
        ]

    async def _confirm_all(self, confirmed: list[tuple[str, str]]) -> list[None]:
        await self._server.write(scripts.CONFIRM, *(word for pair in confirmed for word in pair))
        return [None] * len(confirmed)


def _weight(result: Result) -> int:
    return len(result.value) + 200
