"""What NATS proves of itself, and which of its settings the examination finds."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator

import pytest

from driving import ids, take, until_counts
from forebay.durability import Durability
from forebay.errors import Unsupported, UsageError
from forebay.lab.servers import NATS
from forebay.message import Message, new_id
from forebay.queue.admin import Examination, Severity
from forebay.queue.driver import Settlement
from forebay.queue.drivers import nats as driver_of_nats
from forebay.queue.drivers.nats import durability
from forebay.queue.drivers.nats.admin import NATSAdmin
from forebay.queue.drivers.nats.api import Api
from forebay.queue.opening import open_driver
from forebay.url import parse

LOSES, WARNS, FINE = Severity.LOSES, Severity.WARNS, Severity.FINE


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on a busy machine may take its time to tell of itself: without that nothing is proved."""
    monkeypatch.setattr(durability, "PROOF_SECONDS", 30.0)


@pytest.fixture
async def admin(nats: NATS) -> AsyncIterator[NATSAdmin]:
    admin = await driver_of_nats.administer(parse(f"{nats.url}?monitor={nats.monitor}"))
    yield admin
    await admin.close()


@pytest.fixture
def topic() -> str:
    return f"t{new_id()}"


def severity(examination: Examination, setting: str) -> Severity:
    [finding] = [one for one in examination.findings if one.setting == setting]
    assert finding.severity is FINE or (finding.why and finding.mend)
    return finding.severity


async def test_a_server_that_syncs_proves_it_over_its_monitoring(nats, topic):
    driver = await open_driver(f"{nats.url}/{topic}?durability=fsync&monitor={nats.monitor}")
    assert driver.durability is Durability.FSYNC
    await driver.close()


@pytest.mark.parametrize("monitor", ["", "&monitor=http://127.0.0.1:1"], ids=["no address", "nobody there"])
async def test_what_is_not_proved_is_not_claimed(nats, topic, monitor):
    driver = await open_driver(f"{nats.url}/{topic}?durability=os{monitor}")
    assert driver.durability is Durability.OS
    await driver.close()
    with pytest.raises(Unsupported, match="durability os"):
        await open_driver(f"{nats.url}/{topic}?durability=fsync{monitor}")


async def test_another_servers_monitoring_proves_nothing(nats, topic, own_server):
    other = own_server(NATS)
    driver = await open_driver(f"{nats.url}/{topic}?monitor={other.monitor}")
    assert driver.durability is Durability.OS
    await driver.close()


@pytest.fixture(scope="module")
def careless() -> Iterator[NATS]:
    with NATS(jetstream="") as broker:
        yield broker


async def test_a_server_that_syncs_now_and_then_is_said_to_lose(careless, topic):
    url = parse(f"{careless.url}/{topic}?monitor={careless.monitor}")
    driver, admin = await driver_of_nats.connect(url), await driver_of_nats.administer(url)
    found = await admin.examine(topic)
    assert (found.durability, driver.durability) == (Durability.OS, Durability.OS)
    assert severity(found, "sync_interval") is LOSES
    assert found.findings[0].severity is LOSES
    assert "sync_interval" in found.proof
    await driver.close()
    await admin.close()


async def test_a_topic_that_forebay_has_made_loses_nothing(admin, topic):
    await admin.create(topic)
    found = await admin.examine(topic)
    assert [one for one in found.findings if one.severity is LOSES] == []
    assert severity(found, "sync_interval") is FINE
    assert severity(found, f"stream {topic}: num_replicas") is WARNS
    assert severity(found, "authorization") is WARNS
    assert found.durability is Durability.FSYNC


@pytest.mark.parametrize(
    ("setting", "change", "expected"),
    [
        ("discard", {"discard": "old", "max_msgs": 10}, LOSES),
        ("discard", {"discard": "old"}, WARNS),
        ("max_age", {"max_age": 3_600_000_000_000}, LOSES),
        ("max_msgs_per_subject", {"max_msgs_per_subject": 1}, LOSES),
        ("max_msgs", {"max_msgs": 1_000}, WARNS),
        ("max_bytes", {"max_bytes": 1_000_000}, WARNS),
        ("duplicate_window", {"duplicate_window": 1_000_000_000}, WARNS),
        ("no_ack", {"no_ack": True}, LOSES),
        ("allow_rollup_hdrs", {"allow_rollup_hdrs": True}, WARNS),
    ],
)
async def test_a_bad_setting_of_a_stream_is_found(admin, topic, setting, change, expected):
    await admin.create(topic)
    config = (await admin._api.ask(f"STREAM.INFO.{topic}"))["config"]
    await admin._api.ask(f"STREAM.UPDATE.{topic}", {**config, **change})
    assert severity(await admin.examine(topic), f"stream {topic}: {setting}") is expected


async def test_what_is_alike_in_the_streams_of_a_topic_is_said_once_and_what_differs_by_itself(admin, topic):
    await admin.create(topic)
    config = (await admin._api.ask(f"STREAM.INFO.{topic}-dead"))["config"]
    await admin._api.ask(f"STREAM.UPDATE.{topic}-dead", {**config, "max_age": 3_600_000_000_000})
    found = await admin.examine(topic)
    [copies] = [one for one in found.findings if one.setting.endswith("num_replicas")]
    assert copies.mend.endswith(f"--replicas=3; likewise {topic}-later, {topic}-notes, {topic}-dead")
    assert severity(found, f"stream {topic}: max_age") is FINE
    assert severity(found, f"stream {topic}-dead: max_age") is LOSES


@pytest.mark.parametrize(
    ("setting", "made"),
    [("storage", {"storage": "memory"}), ("retention", {"retention": "workqueue"}), ("persist_mode", None)],
)
async def test_a_setting_that_cannot_be_changed_is_found_too(admin, topic, setting, made):
    made = made or {"persist_mode": "async"}
    request = {"name": topic, "subjects": [f"{topic}.>"], "description": "forebay topic", **made}
    await admin._api.ask(f"STREAM.CREATE.{topic}", request)
    found = await admin.examine(topic)
    expected = WARNS if setting == "retention" else LOSES
    assert severity(found, f"stream {topic}: {setting}") is expected
    assert found.durability is (Durability.FSYNC if setting == "retention" else Durability.MEMORY)


@pytest.mark.parametrize(
    ("setting", "change", "expected"),
    [
        ("max_deliver", {"max_deliver": 5}, LOSES),
        ("max_ack_pending", {"max_ack_pending": 100}, WARNS),
        ("inactive_threshold", {"inactive_threshold": 60_000_000_000}, LOSES),
    ],
)
async def test_a_bad_setting_of_a_consumer_is_found(admin, topic, setting, change, expected):
    await admin.create(topic)
    config = (await admin._api.ask(f"CONSUMER.INFO.{topic}.{topic}"))["config"]
    request = {"stream_name": topic, "config": {**config, **change}}
    await admin._api.ask(f"CONSUMER.DURABLE.CREATE.{topic}.{topic}", request)
    assert severity(await admin.examine(topic), f"consumer {topic}/{topic}: {setting}") is expected


async def test_a_group_that_is_paused_is_found(admin, topic):
    await admin.create(topic)
    await admin._api.ask(f"CONSUMER.PAUSE.{topic}.{topic}", {"pause_until": "2099-01-01T00:00:00Z"})
    assert severity(await admin.examine(topic), f"consumer {topic}/{topic}: paused") is WARNS


async def test_a_group_that_acknowledges_without_working_is_found(admin, topic):
    request = {"name": topic, "subjects": [f"{topic}.>"], "description": "forebay topic"}
    await admin._api.ask(f"STREAM.CREATE.{topic}", request)
    config = {"durable_name": topic, "ack_policy": "none"}
    await admin._api.ask(f"CONSUMER.DURABLE.CREATE.{topic}.{topic}", {"stream_name": topic, "config": config})
    assert severity(await admin.examine(topic), f"consumer {topic}/{topic}: ack_policy") is LOSES


async def test_a_consumer_that_is_missing_is_found(admin, topic):
    await admin.create(topic)
    await admin._api.ask(f"CONSUMER.DELETE.{topic}-later._later-{topic}")
    assert severity(await admin.examine(topic), f"consumer {topic}-later/_later-{topic}") is LOSES


async def test_the_group_of_the_topic_cannot_be_removed_alone(admin, topic):
    await admin.create(topic)
    with pytest.raises(UsageError, match="own"):
        await admin.remove(topic, topic)
    with pytest.raises(UsageError, match="not a name"):
        await admin.create("a.b")


async def test_what_all_groups_have_done_is_trimmed_and_what_one_has_not_is_kept(nats, admin, topic):
    driver = await driver_of_nats.connect(parse(f"{nats.url}/{topic}"))
    audit = await driver_of_nats.connect(parse(f"{nats.url}/{topic}?group=audit"))
    await driver.publish([Message(new_id(), b"x") for _ in range(10)], math.inf)
    for one, count in ((driver, 10), (audit, 4)):
        taken = await take(one, count)
        assert all(await one.settle([Settlement(delivery) for delivery in taken]))
        await one.close()
    [info] = [info for info in await admin.topics() if info.name == topic]
    assert info.messages == 6
    audit = await driver_of_nats.connect(parse(f"{nats.url}/{topic}?group=audit"))
    taken = await take(audit, 6)
    assert all(await audit.settle([Settlement(delivery) for delivery in taken]))
    await audit.close()
    [info] = [info for info in await admin.topics() if info.name == topic]
    assert (info.messages, info.groups) == (0, sorted([topic, "audit"]))


async def test_answers_reach_whoever_listens_and_nobody_else(nats, topic):
    url = parse(f"{nats.url}/{topic}")
    asker, worker = await driver_of_nats.connect(url), await driver_of_nats.connect(url)
    heard: asyncio.Queue[Message] = asyncio.Queue()
    address = await asker.listen(heard.put_nowait)
    answer = Message("answer", b"42", None, {"forebay-correlation": "question", "\n": "odd"}, 0, 1.5)
    await worker.reply("_INBOX.nobody", answer)
    await worker.reply(address, answer)
    async with asyncio.timeout(30):
        assert await heard.get() == answer
    assert heard.empty()
    assert (await worker.counts()).accepted == 0
    for driver in (asker, worker):
        await driver.close()


async def test_a_batch_is_stored_as_one_and_a_repeated_message_is_stored_once(nats, topic):
    driver = await driver_of_nats.connect(parse(f"{nats.url}/{topic}"))
    batch = [Message(new_id(), b"%d" % n) for n in range(1_200)]
    first = await driver.publish(batch[:1_100], math.inf)
    assert first == [f"{one.id}.now-{n}" for n, one in enumerate(batch[:1_100], 1)]
    again = await driver.publish(batch[1_000:], math.inf)
    assert again[:100] == first[1_000:]
    assert (await driver.counts()).accepted == 1_200
    assert ids(await take(driver, 1_200)) == [one.id for one in batch]
    await until_counts(driver, accepted=1_200, waiting=0, in_work=1_200)  # nothing beyond those
    await driver.close()


async def test_a_stream_that_refuses_at_its_limit_says_that_the_queue_is_full(nats, topic):
    driver = await driver_of_nats.connect(parse(f"{nats.url}/{topic}"))
    api = Api(driver._wire)
    config = (await api.ask(f"STREAM.INFO.{topic}"))["config"]
    await api.ask(f"STREAM.UPDATE.{topic}", {**config, "max_msgs": 5})
    answers = await driver.publish([Message(new_id(), b"x") for _ in range(8)], math.inf)
    assert [isinstance(one, str) for one in answers] == [True] * 5 + [False] * 3
    assert {type(one).__name__ for one in answers[5:]} == {"QueueFull"}
    await driver.close()
