"""The operator's side of a Kafka cluster: the topics of forebay on it, how far behind groups are, what is unsafe."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
from confluent_kafka import KafkaError, KafkaException

from forebay.clock import SYSTEM_CLOCK
from forebay.durability import Durability
from forebay.errors import Unavailable
from forebay.queue.admin import Examination, Finding, Lag, TopicInfo, check_new, check_removable, no_topic, worst_first
from forebay.queue.drivers.kafka.address import DEAD, RETRY, Address, read_address
from forebay.queue.drivers.kafka.cluster import Cluster
from forebay.queue.drivers.kafka.examination import (
    HERE,
    examine_broker,
    examine_partitions,
    examine_topic,
    proof_of,
)
from forebay.queue.drivers.kafka.failures import reading_error
from forebay.queue.drivers.kafka.ledger import Ledger
from forebay.queue.drivers.kafka.soundness import durability_of
from forebay.queue.drivers.kafka.surveyor import Surveyor
from forebay.queue.options import NAME
from forebay.url import URL

T = TypeVar("T")


async def administer(url: URL) -> KafkaAdmin:
    """Open the operator's side of a cluster; the URL need not name a topic.

    Raises:
        UsageError: the URL is wrong. Unavailable: no broker answers.
    """
    try:
        admin = KafkaAdmin(url)
    except KafkaException as failure:
        raise reading_error(failure) from failure
    try:
        await admin.reach()
    except BaseException:
        await admin.close()
        raise
    return admin


class KafkaAdmin:
    """One cluster; made by :func:`administer`. A thread of its own asks the brokers.

    Arguments:
        url: where it is; its options say how topics are created.
    """

    def __init__(self, url: URL) -> None:
        self._url = url
        client = read_address(url).client
        self._servers: str = client["bootstrap.servers"]
        self._cluster = Cluster(client)
        self._ledgers: dict[tuple[str, str], Ledger] = {}
        self._background = ThreadPoolExecutor(1, thread_name_prefix="forebay-kafka-admin")
        self._closed = False

    async def reach(self) -> None:
        """Ask the brokers whether they are there.

        Raises:
            Unavailable: none answers.
        """
        await self._ask(self._cluster.topics)

    async def topics(self) -> Sequence[TopicInfo]:
        """Return all topics that forebay has made, or has made its own, by name."""
        return await self._ask(self._all)

    async def create(self, name: str) -> TopicInfo:
        """Make a topic with all that lies beside it, and the group that the URL names."""
        return await self._ask(lambda: self._create(name))

    async def remove(self, name: str, group: str | None = None) -> None:
        """Remove a topic with all that lies beside it, or what belongs to one of its groups.

        Raises:
            UsageError: there is no such topic or group; the group still has workers, or is the topic's own.
        """
        await self._ask(lambda: self._remove(name) if group is None else self._remove_group(name, group))

    async def lags(self, name: str) -> Sequence[Lag]:
        """Return how far each group is behind, partition by partition; what is in work counts as waiting."""
        return await self._ask(lambda: [lag for group in self._groups_of(name) for lag in self._lags(name, group)])

    async def examine(self, name: str = "") -> Examination:
        """Look at the brokers' settings, and at those of the topics of one queue or of all."""
        return await self._ask(lambda: self._examine(name))

    async def close(self) -> None:
        """Let go of the brokers."""
        if not self._closed:
            self._closed = True
            for ledger in self._ledgers.values():
                self._background.submit(ledger.close)
            self._background.shutdown(wait=False)

    def _queues(self) -> dict[str, list[str]]:
        """Return the groups of each topic of forebay: one of that name with retries and dead letters beside it."""
        names = self._cluster.topics()
        queues = {}
        for name in sorted(names):
            if NAME.fullmatch(name) and {name + RETRY, name + DEAD} <= names.keys():
                marked = (other[len(name) + 1 : -len(RETRY)] for other in names if other.startswith(f"{name}."))
                others = {group for group in marked if f"{name}.{group}{RETRY}" in names and NAME.fullmatch(group)}
                queues[name] = [name, *sorted(others - {name})]
        return queues

    def _groups_of(self, name: str) -> list[str]:
        queues = self._queues()
        if name not in queues:
            raise no_topic(name)
        return queues[name]

    def _address(self, name: str, group: str) -> Address:
        return read_address(self._url.with_options(topic=name)).of_group(group)

    def _beside(self, name: str, groups: Iterable[str]) -> dict[str, int]:
        """Return all topics of a queue that are there, with their partitions."""
        wanted = {topic for group in groups for topic in self._address(name, group).topics}
        return {topic: count for topic, count in sorted(self._cluster.topics().items()) if topic in wanted}

    def _all(self) -> list[TopicInfo]:
        told = []
        for name, groups in self._queues().items():
            try:
                told.append(self._told(name, groups))
            except KafkaException as failure:
                if failure.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:  # it was removed meanwhile
                    raise
        return told

    def _told(self, name: str, groups: list[str]) -> TopicInfo:
        working = [name, *(one for one in self._beside(name, groups) if one != name and not one.endswith(DEAD))]
        settings = self._cluster.settings(working)
        kept = [one.number("retention.ms") / 1000 for one in settings if one.number("retention.ms") >= 0]
        held = [one.number("retention.bytes") for one in settings if one.number("retention.bytes") >= 0]
        return TopicInfo(
            name=name,
            groups=groups,
            partitions=settings[0].partitions,
            replication=min(one.replicas for one in settings),
            retention_seconds=min(kept, default=None),
            retention_bytes=min(held, default=None),
            largest=min(one.number("max.message.bytes") for one in settings) or None,
            in_sync=min(one.number("min.insync.replicas") for one in settings) or None,
            messages=self._cluster.held(working, [self._address(name, group) for group in groups]),
        )

    def _create(self, name: str) -> TopicInfo:
        check_new(name, exists=name in self._cluster.topics())
        surveyor = Surveyor(read_address(self._url.with_options(topic=name)))
        try:
            surveyor.open(quiet=True)  # who makes a topic has said what it shall drop
        finally:
            surveyor.close()
        return self._told(name, self._groups_of(name))

    def _remove(self, name: str) -> None:
        groups = self._groups_of(name)
        self._forget(name, groups)
        self._cluster.remove(list(self._beside(name, groups)))

    def _remove_group(self, name: str, group: str) -> None:
        groups = self._groups_of(name)
        check_removable(name, group, groups)
        address = self._address(name, group)
        self._forget(name, [group])
        self._cluster.remove_group(address.members)
        self._cluster.remove([address.retry, address.dead])

    def _forget(self, name: str, groups: Iterable[str]) -> None:
        for group in groups:
            if (ledger := self._ledgers.pop((name, group), None)) is not None:
                ledger.close()

    def _lags(self, name: str, group: str) -> list[Lag]:
        """Ask with clients that are kept: whoever watches a lag asks again in a second."""
        if (name, group) not in self._ledgers:
            address = self._address(name, group)
            self._ledgers[name, group] = Ledger(address, Surveyor(address), SYSTEM_CLOCK)
        return self._ledgers[name, group].lags()

    def _examine(self, name: str) -> Examination:
        queues = {name: self._groups_of(name)} if name else self._queues()
        findings = [finding for values in self._cluster.brokers() for finding in examine_broker(values)]
        topics = []
        for queue, groups in queues.items():
            partitions = self._beside(queue, groups)
            settings = self._cluster.settings(list(partitions))
            whole = [group for group in groups if self._address(queue, group).topics.keys() <= partitions.keys()]
            lags = [lag for group in whole for lag in self._lags(queue, group)]
            oldest = max((lag.oldest_seconds or 0.0 for lag in lags), default=0.0)
            findings += [finding for one in settings for finding in examine_topic(one, oldest)]
            findings += examine_partitions(_working(partitions))
            topics += settings
        return Examination(
            product="Apache Kafka",
            version=self._cluster.version(),
            durability=min((durability_of(one) for one in topics), key=list(Durability).index, default=Durability.OS),
            proof=proof_of(topics) if topics else "there is no topic yet whose settings could prove more",
            findings=worst_first(_each_once(self._addressed(one) for one in findings)),
        )

    def _addressed(self, finding: Finding) -> Finding:
        return msgspec.structs.replace(finding, mend=finding.mend.replace(HERE, self._servers))

    async def _ask(self, question: Callable[[], T]) -> T:
        if self._closed:
            raise Unavailable("the operator's side of this cluster is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._background, question)
        except KafkaException as failure:
            raise reading_error(failure, self._servers) from failure


def _working(partitions: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in partitions.items() if not name.endswith(DEAD)}


def _each_once(findings: Iterable[T]) -> list[T]:
    """Return what several brokers say alike once."""
    return list(dict.fromkeys(findings))
