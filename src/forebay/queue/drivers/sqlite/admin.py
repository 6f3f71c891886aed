"""The operator's side of an SQLite file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

import apsw

from forebay.errors import ForebayError, Unavailable
from forebay.queue.admin import Examination, Finding, Lag, TopicInfo, check_new, check_removable, no_topic, worst_first
from forebay.queue.drivers.sqlite import groups, reading, tables
from forebay.queue.drivers.sqlite.disk import file_system
from forebay.queue.drivers.sqlite.driver import place_of
from forebay.queue.drivers.sqlite.examination import (
    durability_on,
    examine_books,
    examine_file,
    examine_place,
    unreadable,
)
from forebay.queue.drivers.sqlite.rows import one_row
from forebay.queue.options import asked_of
from forebay.sqlitefile import Operation, SQLiteFile, look
from forebay.url import URL

T = TypeVar("T")


async def administer(url: URL) -> SQLiteAdmin:
    """Open the operator's side of a file; only `create` makes one.

    Raises:
        UsageError: an option is unknown or cannot be read, or the URL names no file.
    """
    path, synchronous = place_of(url)
    asked_of(url)
    return SQLiteAdmin(url, path, synchronous)


class SQLiteAdmin:
    """The topics of one file; made by :func:`administer`."""

    def __init__(self, url: URL, path: str, synchronous: str) -> None:
        self._url = url
        self._path = path
        self._synchronous = synchronous

    async def topics(self) -> Sequence[TopicInfo]:
        """Return all topics, by name; none of a file that is missing, or of another kind."""
        return await self._look(reading.topics) if await self._has_queues() else []

    async def create(self, name: str) -> TopicInfo:
        """Make a topic, and the file where it is missing."""
        asked, now = asked_of(self._url.with_options(topic=name)), time.time()
        if asked.ephemeral:  # nobody listens yet
            asked = asked_of(self._url.with_options(topic=name, group=name))

        def make(connection: apsw.Connection) -> None:
            tables.prepare(connection)
            check_new(name, exists=bool(one_row(connection, "SELECT 1 FROM topic WHERE name = ?", (name,))))
            groups.open_group(connection, asked, "nobody", now)

        await self._change(name, make)
        return next(topic for topic in await self.topics() if topic.name == name)

    async def remove(self, name: str, group: str | None = None) -> None:
        """Remove a topic, or one of its groups, in small portions; who has it open hears `Unavailable`."""
        topic, known = await self._found(name)
        if group is None:
            await self._change(name, lambda connection: groups.remove_topic(connection, topic))
        else:
            check_removable(name, group, known)
            await self._change(name, lambda connection: groups.remove_group(connection, known[group]))
        while await self._change(name, lambda connection: groups.sweep(connection, time.time())):
            pass

    async def lags(self, name: str) -> Sequence[Lag]:
        """Return how far each group is behind."""
        _, known = await self._found(name)
        now = time.time()
        return await self._look(lambda connection: [reading.lag(connection, *group, now) for group in known.items()])

    async def examine(self, name: str = "") -> Examination:
        """Look at the disk, the file and the books of its topics."""
        if name:
            with suppress(Unavailable):  # a file that cannot be read is a finding
                await self._found(name)
        kind = file_system(self._path)
        findings = list(examine_place(self._path, kind, self._synchronous))
        if os.path.exists(self._path):  # noqa: ASYNC240 - a local disk, and an operator who waits
            findings += await self._findings(lambda connection: examine_file(connection, self._path))
            findings += await self._findings(lambda connection: examine_books(connection, name, time.time()))
        return self._told(kind, findings)

    async def _findings(self, examine: Callable[[apsw.Connection], Iterable[Finding]]) -> list[Finding]:
        try:
            return await self._look(lambda connection: list(examine(connection)))
        except ForebayError as error:
            return [unreadable(error)]

    async def close(self) -> None:
        """Nothing is held."""

    def _told(self, kind: str, findings: Sequence[Finding]) -> Examination:
        synced = "an fsync for each commit" if self._synchronous == "full" else "no fsync for a commit"
        disk = kind or "an unknown file system"
        return Examination(
            product="SQLite",
            version=apsw.sqlite_lib_version(),
            durability=durability_on(kind, self._synchronous),
            proof=f"synchronous={self._synchronous} ({synced}), journal_mode=wal, on {disk}",
            findings=worst_first(findings),
        )

    async def _found(self, name: str) -> tuple[int, dict[str, int]]:
        """Return the number of a topic, and its groups."""
        if await self._has_queues():
            numbered = "SELECT number FROM topic WHERE name = ?"
            topic = await self._look(lambda connection: one_row(connection, numbered, (name,)))
            if topic is not None:
                return topic[0], await self._look(lambda connection: groups.groups_of(connection, *topic))
        raise no_topic(name, f"in {self._path}")

    async def _has_queues(self) -> bool:
        """Return whether the file has topics; one of an older layout gets this one."""
        if not os.path.exists(self._path):  # noqa: ASYNC240 - a local disk, and an operator who waits
            return False
        layout = await self._look(tables.layout_of)
        if layout == tables.FIRST:
            await self._change("", tables.prepare)
        return layout is not None

    async def _look(self, operation: Operation[T]) -> T:
        return await look(self._path, operation)

    async def _change(self, name: str, operation: Operation[T]) -> T:
        file = await SQLiteFile.open(self._path, "", self._synchronous)
        try:
            return await file.write(operation)
        finally:
            file.ring(name)
            await file.close()
