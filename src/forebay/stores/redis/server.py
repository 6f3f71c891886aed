"""One Redis as a store sees it: its keys, its outages told apart, and what its settings prove.

With the prefix ``forebay:store`` the keys are

    forebay:store:inbox:TOPIC        hash: id to times, attempts and value of the result; empty: an effect without one
    forebay:store:ids:TOPIC          sorted set: the ids that have a result, in their order
    forebay:store:counts             hash: topic to the number of effects
    forebay:store:expiries           sorted set: id NUL topic by the second when the row may go (?keep=)
    forebay:store:claims             hash: idempotency key to fingerprint, message id and time
    forebay:store:references         hash: idempotency key to the reference of its message
    forebay:store:claim-ages         sorted set: idempotency keys by their time
    forebay:store:window:NAME        list: the values, the newest first
    forebay:store:collection:NAME    hash: key to number and document
    forebay:store:numbers:NAME       sorted set: the keys of the documents by their numbers
    forebay:store:version            the version of all this

None of them expires by itself, so that a server with a ``volatile`` policy of eviction drops none.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from redis import exceptions

from forebay.durability import Durability
from forebay.errors import ForebayError, Unavailable, Unknown, Unsupported, UsageError
from forebay.redisserver import failures
from forebay.redisserver.failures import first_word, refusal
from forebay.redisserver.proof import Proof, prove
from forebay.redisserver.script import Script
from forebay.redisserver.wire import Wire
from forebay.stores.redis import scripts
from forebay.stores.redis.place import Place, read_place
from forebay.url import URL

log = logging.getLogger("forebay.stores.redis")

VERSION: Final = 1
FOREIGN: Final = "FOREIGN"


class Server:
    """A Redis with our keys in it; made by :meth:`open`."""

    def __init__(self, url: URL, place: Place) -> None:
        self.name = str(url)
        self.place = place
        self._wire = Wire(place.address)
        self._proof = Proof({}, {})
        self._proved_for = 0
        self._proving = asyncio.Lock()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._hints = _hints(place.prefix)

    @classmethod
    async def open(cls, url: URL) -> Server:
        """Connect, prove what the settings of the server promise, and begin to use the keys.

        Raises:
            UsageError: a wrong option, keys of somebody else or of a newer forebay, a server that drops keys.
            Unavailable: the server cannot be reached, or does not let us in.
        """
        server = cls(url, read_place(url))
        try:
            await server._begin()
        except BaseException as error:
            await server.close()
            if isinstance(error, Unknown):
                raise _harmless(error) from error
            raise
        return server

    @property
    def durability(self) -> Durability:
        """What is stored survives, as far as it is proved for the connection that is open."""
        return self._proof.durability

    def key(self, kind: str, name: str) -> str:
        """Return a key of ours."""
        return f"{self.place.prefix}:{kind}:{name}"

    async def write(self, script: Script, *words: str | bytes | float) -> Any:
        """Run a script that changes something, on a server whose promises are known.

        Raises:
            Unavailable: certainly nothing was done. Unknown: cannot say.
        """
        if not self._proven:
            await self._prove_again()
        return await self._answered(script.run(self._wire, self.place.prefix, *words))

    async def read(self, script: Script, *words: str | bytes | float) -> Any:
        """Run a script that only reads.

        Raises:
            Unavailable: there is no answer, and nothing was done.
        """
        return await self._seen(script.run(self._wire, self.place.prefix, *words))

    async def ask(self, *words: str | bytes | float) -> Any:
        """Run a command that only reads.

        Raises:
            Unavailable: there is no answer, and nothing was done.
        """
        return await self._seen(self._wire.call(*words))

    async def check_kind(self, key: str, kind: str) -> None:
        """Refuse a key where there is something else than what we keep there.

        Raises:
            UsageError: it is of another type.
        """
        found = (await self.ask("TYPE", key)).decode()
        if found not in {"none", kind}:
            raise UsageError(f"{key} in {self.name} is a {found}, which is not one of ours", self._hints[FOREIGN])

    async def close(self) -> None:
        """Let what is under way end, and close the connection."""
        self._closed = True
        await self._idle.wait()
        await self._wire.close()

    async def _begin(self) -> None:
        proof = await prove(self._wire)
        self._proved(proof)
        _check_settings(proof, self.name, self.place)
        if self._short_of(proof):
            what = f"{self.name} gives the durability {proof.durability} ({proof.words})"
            hint = f"{self.place.durability} is asked for; forebay doctor says which settings are to blame"
            raise Unsupported(what, hint)
        try:
            version = int(await scripts.OPEN.run(self._wire, self.place.prefix, VERSION))
        except exceptions.RedisError as error:
            told = self._told(error)
            raise UsageError(told.what, told.hint) if first_word(error) == FOREIGN else told from error
        if version > VERSION:
            raise UsageError(f"{self.name} was written by a newer forebay (store version {version})", "upgrade forebay")

    async def _prove_again(self) -> None:
        """Ask anew with each connection: it may lead to a server that was restarted with other settings."""
        async with self._proving:
            if self._proven:
                return
            try:
                proof = await prove(self._wire)
            except Unknown as error:
                raise _harmless(error) from error
            if proof.evicts or self._short_of(proof):
                what = f"{self.name} keeps less since it was restarted: {proof.words}"
                raise Unavailable(what, "forebay doctor says which settings are to blame")
            self._proved(proof)

    @property
    def _proven(self) -> bool:
        return 0 < self._wire.current == self._proved_for

    def _proved(self, proof: Proof) -> None:
        if proof.durability is Durability.MEMORY:
            log.warning("%s: what is stored may not survive a restart of the server: %s", self.name, proof.words)
        self._proof, self._proved_for = proof, self._wire.current

    def _short_of(self, proof: Proof) -> bool:
        return not proof.durability.covers(self.place.durability)

    async def _seen(self, call: Any) -> Any:
        try:
            return await self._answered(call)
        except Unknown as error:
            raise _harmless(error) from error

    async def _answered(self, call: Any) -> Any:
        if self._closed:
            call.close()
            raise Unavailable("the store is closed")
        self._under_way += 1
        self._idle.clear()
        try:
            return await call
        except exceptions.RedisError as error:
            raise self._told(error) from error
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    def _told(self, error: Exception) -> ForebayError:
        if first_word(error) == FOREIGN:
            what = f"{str(error).removeprefix('FOREIGN ')} in {self.name}, which is not one of ours"
            return Unavailable(what, self._hints[FOREIGN])
        return refusal(error, self._hints)


def _harmless(error: Unknown) -> Unavailable:
    """Return what it means that a question was not answered: whatever became of it, nothing was stored."""
    return Unavailable(error.what, error.hint)


def _check_settings(proof: Proof, name: str, place: Place) -> None:
    if proof.evicts:
        policy = proof.settings.get("maxmemory-policy") or proof.facts.get("maxmemory_policy")
        what = f"{name} drops keys when its memory is full ({policy}): results would vanish, effects happen twice"
        raise UsageError(what, "CONFIG SET maxmemory-policy noeviction, or take another Redis than the cache")
    if proof.facts.get("cluster_enabled") == "1" and "{" not in place.prefix:
        hint = "put a tag in braces into the prefix, which keeps them together: ?prefix={forebay}"
        raise UsageError(f"{name} is a cluster, and would scatter the keys {place.prefix}:* over its servers", hint)


def _hints(prefix: str) -> dict[str, str]:
    ours = f"somebody else uses the keys {prefix}:*: take another database or another ?prefix="
    return {
        **failures.HINTS,
        "NOPERM": f"the account needs: on ~{prefix}* +@read +@write +@scripting +@connection +time",
        "WRONGTYPE": ours,
        FOREIGN: ours,
    }
