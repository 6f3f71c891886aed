"""The operator's side of Kafka: what is told of topics and lags, and every bad setting on a broker that has it."""

from __future__ import annotations

import asyncio
import math

import pytest
from confluent_kafka import admin

from driving import messages, take, until_counts
from forebay.durability import Durability
from forebay.errors import Unavailable, UsageError
from forebay.lab.servers import Kafka as Broker
from forebay.lab.servers.process import free_port
from forebay.message import Message, new_id
from forebay.queue.admin import Finding, Severity
from forebay.queue.driver import Ending, Settlement
from forebay.queue.drivers import kafka as driver_of_kafka
from forebay.queue.drivers.kafka import cluster
from forebay.queue.drivers.kafka.examination import examine_broker, examine_partitions, examine_topic
from forebay.queue.drivers.kafka.soundness import TopicSettings, durability_of
from forebay.queue.opening import open_admin, open_driver
from forebay.url import parse
from kafka_drivers import opening, until_told

LOSES, WARNS, FINE = Severity.LOSES, Severity.WARNS, Severity.FINE


class Careless(Broker):
    """A broker whose settings lose what nobody has worked off."""

    def _text(self) -> str:
        return (
            super()._text().replace("auto.create.topics.enable=false", "auto.create.topics.enable=true")
            + "offsets.retention.minutes=60\nlog.retention.minutes=10\nmessage.max.bytes=100000\n"
        )


@pytest.fixture
async def opened(kafka):
    async with opening(kafka) as open_one:
        yield open_one


@pytest.fixture
async def operator(kafka):
    one = await driver_of_kafka.administer(parse(kafka.url))
    yield one
    await one.close()


@pytest.fixture
def client(kafka):
    return admin.AdminClient({"bootstrap.servers": f"127.0.0.1:{kafka.port}"})


async def alter(client: admin.AdminClient, topic: str, **settings: str) -> None:
    entries = [
        admin.ConfigEntry(name.replace("_", "."), value, incremental_operation=admin.AlterConfigOpType.SET)
        for name, value in settings.items()
    ]
    resource = admin.ConfigResource(admin.ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
    await asyncio.to_thread(client.incremental_alter_configs([resource])[resource].result, 20)
    wanted = {entry.name: entry.value for entry in entries}
    async with asyncio.timeout(30):  # the controller knows it a little earlier than the broker tells it
        while True:
            [asked] = client.describe_configs([admin.ConfigResource(admin.ConfigResource.Type.TOPIC, topic)]).values()
            told = await asyncio.to_thread(asked.result, 20)
            if {name: told[name].value for name in wanted} == wanted:
                return
            await asyncio.sleep(0.05)


def found(findings: list[Finding], setting: str) -> Finding:
    [one] = [finding for finding in findings if finding.setting == setting]
    assert one.severity is FINE or (one.why and one.mend)
    return one


async def test_a_topic_as_forebay_makes_it_on_one_broker_lacks_replicas_and_nothing_else(opened, operator):
    driver = await opened()
    examination = await operator.examine(opened.topic)
    bad = {one.setting.removeprefix(opened.topic): one.severity for one in examination.findings if one.why}
    topics = ("", ".later", ".retry", ".dead")
    assert bad == {f"{end}: replication": LOSES for end in topics} | {
        f"{end}: min.insync.replicas": WARNS for end in topics
    }
    assert examination.durability is driver.durability is Durability.OS
    assert "replication 1" in examination.proof
    assert found(examination.findings, "auto.create.topics.enable").severity is FINE


async def test_without_a_topic_all_are_examined_in_the_order_of_their_names(opened, operator):
    await opened()
    for name in ("zebra", "aardvark"):
        await operator.create(name)
    findings = (await operator.examine()).findings
    told = [one.setting.partition(": ")[0] for one in findings if one.setting.endswith(": replication")]
    queues = [name for name in told if "." not in name]
    assert queues == sorted(queues)
    assert told == [name for queue in queues for name in told if name.split(".")[0] == queue]  # its own beside it
    assert {"aardvark", "aardvark.retry", opened.topic, "zebra.dead"} <= set(told)
    for name in ("zebra", "aardvark"):
        await operator.remove(name)


async def test_bad_settings_of_topics_are_found_each_with_its_mend(opened, operator, client, kafka):
    driver, topic = await opened(), opened.topic
    await driver.publish([Message("old", b"", accepted_at=1.0)], math.inf)
    await alter(client, topic, retention_ms="3600000", cleanup_policy="compact,delete")
    await alter(client, f"{topic}.later", retention_ms="999999999999999", retention_bytes="1000000000")
    await alter(client, f"{topic}.retry", unclean_leader_election_enable="true", max_message_bytes="1000000")
    await alter(client, f"{topic}.dead", cleanup_policy="delete", retention_ms="3600000")
    findings = (await operator.examine(topic)).findings
    assert found(findings, f"{topic}: retention.ms").severity is LOSES
    assert "has waited" in found(findings, f"{topic}: retention.ms").why
    assert found(findings, f"{topic}: cleanup.policy").severity is LOSES
    mend = f"kafka-configs --bootstrap-server 127.0.0.1:{kafka.port} --alter --topic {topic} --add-config"
    assert found(findings, f"{topic}: cleanup.policy").mend == f"{mend} cleanup.policy=delete"
    assert found(findings, f"{topic}.later: retention.ms").severity is WARNS
    assert found(findings, f"{topic}.later: retention.bytes").severity is WARNS
    assert found(findings, f"{topic}.retry: unclean.leader.election.enable").severity is LOSES
    assert found(findings, f"{topic}.retry: max.message.bytes").severity is WARNS
    assert found(findings, f"{topic}.dead: cleanup.policy").severity is LOSES
    assert [one.severity for one in findings] == sorted((one.severity for one in findings), key=list(Severity).index)


async def test_partitions_that_were_added_to_one_topic_only_are_found(opened, operator, client):
    await opened(partitions=2)
    added = client.create_partitions([admin.NewPartitions(opened.topic, 3)])
    await asyncio.to_thread(added[opened.topic].result, 20)
    await until_told(client, opened.topic, 3)
    one = found((await operator.examine(opened.topic)).findings, "partitions")
    assert (one.severity, f"{opened.topic}: 3" in one.value, "--partitions 3" in one.mend) == (WARNS, True, True)


async def test_the_settings_of_a_careless_broker_are_found(own_server):
    broker = own_server(Careless)
    one = await driver_of_kafka.administer(parse(broker.url))
    examination = await one.examine()
    await one.close()
    names = ("auto.create.topics.enable", "offsets.retention.minutes", "log.retention.minutes", "message.max.bytes")
    assert [found(examination.findings, name).severity for name in names] == [WARNS] * 4
    assert [found(examination.findings, name).value for name in names] == ["true", "60", "10", "100000"]
    assert examination.durability is Durability.OS


def topic_of(**settings: str) -> TopicSettings:
    safe = {
        "min.insync.replicas": "2",
        "unclean.leader.election.enable": "false",
        "flush.messages": "9223372036854775807",
        "max.message.bytes": str(8 * 2**20),
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "cleanup.policy": "delete",
    }
    replicas = int(settings.pop("replicas", "3"))
    return TopicSettings("t", replicas, safe | {name.replace("_", "."): value for name, value in settings.items()})


@pytest.mark.parametrize(
    ("settings", "gives"),
    [
        ({}, Durability.REPLICATED),
        ({"min_insync_replicas": "1"}, Durability.OS),
        ({"replicas": "1"}, Durability.OS),
        ({"unclean_leader_election_enable": "true"}, Durability.OS),
        ({"replicas": "1", "flush_messages": "1"}, Durability.FSYNC),
        ({"replicas": "1", "flush_messages": "2"}, Durability.OS),
    ],
)
def test_the_durability_is_that_which_the_settings_prove(settings, gives):
    assert durability_of(topic_of(**settings)) is gives


@pytest.mark.parametrize(
    ("settings", "setting", "severity"),
    [
        ({"min_insync_replicas": "1"}, "t: min.insync.replicas", LOSES),
        ({"min_insync_replicas": "1", "replicas": "1"}, "t: min.insync.replicas", WARNS),
        ({"replicas": "1"}, "t: replication", LOSES),
        ({"replicas": "1", "flush_messages": "1"}, "t: replication", WARNS),
    ],
)
def test_where_one_broker_is_enough_that_is_found(settings, setting, severity):
    assert found(examine_topic(topic_of(**settings)), setting).severity is severity


def test_safe_settings_have_no_finding():
    assert {one.severity for one in examine_topic(topic_of(), 1e9)} == {FINE}
    assert {one.severity for one in examine_partitions({"a": 4, "a.retry": 4})} == {FINE}
    broker = {
        "auto.create.topics.enable": "false",
        "offsets.retention.minutes": "10080",
        "log.retention.hours": "168",
        "message.max.bytes": "1048588",
    }
    assert {one.severity for one in examine_broker(broker)} == {FINE}
    assert found(examine_broker(broker | {"log.retention.ms": "-1"}), "log.retention.ms").severity is FINE
    assert found(examine_broker(broker | {"log.retention.ms": "60000"}), "log.retention.ms").severity is WARNS


async def lags_when_told(operator, topic, group):
    """Return the lags once the broker has heard of all that a group has done: it is told a little later."""
    async with asyncio.timeout(30):
        while True:
            lags = {(lag.group, lag.partition): lag for lag in await operator.lags(topic)}
            if not any(lag.waiting for lag in lags.values() if lag.group == group):
                return lags
            await asyncio.sleep(0.05)  # it tells nobody when it has heard


async def test_lags_are_told_by_partition_and_group_with_the_oldest_age(opened, operator):
    driver, audit = await opened(partitions=2), await opened(group="audit")
    now = driver._clock.time()
    sent = [Message(str(n), b"", key=str(n), accepted_at=now - 100) for n in range(8)]
    places = [answer.split(".")[1] for answer in await driver.publish(sent, math.inf)]
    await driver.publish([Message("later", b"", key="0", not_before=now + 3600, accepted_at=now)], math.inf)
    [first] = await take(audit, 1)
    await audit.settle([Settlement(one) for one in [first, *await take(audit, 7)]])
    await until_counts(audit, done=8, waiting=0)
    lags = await lags_when_told(operator, opened.topic, "audit")
    assert lags.keys() == {(group, part) for group in (opened.topic, "audit") for part in "01"}
    for part in "01":
        lag = lags[opened.topic, part]
        assert (lag.waiting, lag.retrying) == (places.count(part), int(part == places[0]))
        assert lag.oldest_seconds == pytest.approx(100, abs=60)
        assert lags["audit", part].waiting == 0
    assert [topic.messages for topic in await operator.topics() if topic.name == opened.topic] == [9]


async def test_a_group_with_workers_stays_and_one_without_forgets_all(opened, operator):
    await (await opened(partitions=1)).publish(messages(3), math.inf)
    audit = await opened(group="audit")
    dead, *rest = await take(audit, 3)
    await audit.settle([Settlement(dead, Ending.DEAD), *(Settlement(one) for one in rest)])
    with pytest.raises(UsageError, match="has workers"):
        await operator.remove(opened.topic, "audit")
    await audit.close()
    await operator.remove(opened.topic, "audit")
    again = await opened(group="audit")
    assert len(await take(again, 3)) == 3
    assert list(await again.dead_letters()) == []


async def test_a_topic_is_made_as_the_url_asks(kafka):
    one = await driver_of_kafka.administer(parse(f"{kafka.url}?partitions=3&group=audit"))
    made = await one.create("made-as-asked")
    assert (made.partitions, made.replication, list(made.groups)) == (3, 1, ["made-as-asked", "audit"])
    assert (made.retention_seconds, made.messages) == (None, 0)
    with pytest.raises(UsageError, match="not a name"):
        await one.create("made.by.hand")
    await one.remove("made-as-asked")
    await one.close()
    with pytest.raises(Unavailable):
        await one.topics()


async def test_an_operator_of_a_broker_that_is_not_there_hears_so(monkeypatch):
    monkeypatch.setattr(cluster, "OPEN_SECONDS", 0.3)
    port = free_port()
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port} cannot be reached"):
        await driver_of_kafka.administer(parse(f"kafka://127.0.0.1:{port}"))


@pytest.mark.parametrize("open_one", [open_admin, open_driver])
async def test_certificates_that_are_not_there_are_a_wrong_url(open_one):
    with pytest.raises(UsageError, match="refuses its settings"):
        await open_one("kafka://127.0.0.1:1/orders?security=ssl&cafile=/none.pem")


async def test_more_replicas_than_there_are_brokers_are_a_wrong_url(kafka):
    with pytest.raises(UsageError, match="refuses the topic"):
        await open_driver(f"{kafka.url}/{'r' + new_id()}?replication=3")
