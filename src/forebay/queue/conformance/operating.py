"""What an operator does and sees: topics are made, listed, measured, examined and removed, in the same words."""

# ruff: noqa: D102 - the name of a test says what it proves

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest

from forebay.errors import ForebayError, UsageError
from forebay.message import new_id
from forebay.queue.admin import Admin, Lag, Severity
from forebay.queue.conformance.harness import INF, Harness, accepted, assert_same, done, message


class Operating(Harness):
    """The operator's side of a broker."""

    async def test_a_topic_is_made_listed_and_removed_by_the_operator(self) -> None:
        name = f"made-{new_id()}"
        async with self.operator() as admin:
            made = await admin.create(name)
            assert (made.name, name in made.groups) == (name, True)
            listed = [info for info in await admin.topics() if info.name == name]
            sizes = {"messages": made.messages, "bytes": made.bytes}  # which a broker may come to know a little later
            assert [msgspec.structs.replace(info, **sizes) for info in listed] == [made]
            with pytest.raises(UsageError, match=name):
                await admin.create(name)
            with pytest.raises(UsageError, match="not a name"):
                await admin.create(f"{name}.later")
            await admin.remove(name)
            assert name not in [info.name for info in await admin.topics()]

    async def test_an_operator_sees_a_topic_that_was_made_by_opening_it(self) -> None:
        driver, _audit = await self.opened(), await self.opened(group="audit")
        await accepted(driver, [message() for _ in range(3)])
        async with self.operator() as admin:
            [info] = [info for info in await admin.topics() if info.name == self.topic]
            assert set(info.groups) >= {self.topic, "audit"}
            assert info.partitions >= 1

    async def test_the_lag_of_each_group_is_told(self) -> None:
        driver, audit = await self.opened(), await self.opened(group="audit")
        await accepted(driver, [message(key="one") for _ in range(5)])
        await audit.settle([done(delivery) for delivery in await self.take(audit, 5)])
        await driver.settle([done(delivery) for delivery in await self.take(driver, 2)])
        await self.assert_counts(driver, waiting=3)
        async with self.operator() as admin:
            end = time.monotonic() + self.patience
            while (lags := await self.waiting(admin)) != (3, 0):  # a broker may hear of it a little later
                assert time.monotonic() < end, lags
                await asyncio.sleep(0.05)

    async def test_a_topic_that_does_not_exist_cannot_be_measured_or_removed(self) -> None:
        async with self.operator() as admin:
            with pytest.raises(UsageError, match="nowhere"):
                await admin.lags("nowhere")
            with pytest.raises(UsageError, match="nowhere"):
                await admin.remove("nowhere")

    async def test_a_removed_group_is_gone_and_the_others_stay(self) -> None:
        driver, audit = await self.opened(), await self.opened(group="audit")
        sent = await accepted(driver, [message()])
        await audit.close()
        async with self.operator() as admin:
            await admin.remove(self.topic, "audit")
            [info] = [info for info in await admin.topics() if info.name == self.topic]
            assert "audit" not in info.groups
            with pytest.raises(UsageError, match="audit"):
                await admin.remove(self.topic, "audit")
            with pytest.raises(UsageError, match="own"):
                await admin.remove(self.topic, self.topic)
        assert_same(await self.take(driver, 1), sent)

    async def test_a_topic_that_is_removed_under_its_workers_swallows_nothing(self) -> None:
        publisher, worker = await self.opened(), await self.opened()
        await accepted(publisher, [message()])
        await self.take(worker, 1)
        async with self.operator() as admin:
            await admin.remove(self.topic)
        sent = message()
        try:
            [result] = await publisher.publish([sent], INF)
        except ForebayError:
            return
        if isinstance(result, str):  # whoever says that it is accepted must deliver it
            assert_same(await self.take(await self.opened(), 1), [sent])

    async def test_the_examination_names_the_broker_and_what_must_be_mended(self) -> None:
        driver = await self.opened()
        async with self.operator() as admin:
            found = await admin.examine(self.topic)
        assert found.product
        assert found.version
        assert found.proof
        assert found.durability is driver.durability
        severities = [list(Severity).index(finding.severity) for finding in found.findings]
        assert severities == sorted(severities)
        assert [f.setting for f in found.findings if not f.setting] == []
        assert [f.setting for f in found.findings if f.severity is not Severity.FINE and not (f.why and f.mend)] == []

    async def waiting(self, admin: Admin) -> tuple[int, int]:
        """Return how many messages wait for the group of the topic, and for that of the audit."""
        lags = await admin.lags(self.topic)
        return _waiting(lags, self.topic), _waiting(lags, "audit")

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Admin]:
        admin = await self.administer()
        try:
            yield admin
        finally:
            await admin.close()


def _waiting(lags: Sequence[Lag], group: str) -> int:
    assert group in {lag.group for lag in lags}
    return sum(lag.waiting for lag in lags if lag.group == group)
