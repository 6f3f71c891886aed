"""The test of the tests: settings that are known to lose are seen to lose by the same means, the safe ones are not."""

import asyncio
import json
import urllib.request

import nats as nats_client
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from redis.asyncio import Redis as RedisClient

from forebay.durability import Durability
from forebay.errors import ForebayError, QueueFull, Unavailable
from forebay.lab.proof import Deployment, prove
from forebay.lab.servers import Kafka, Redis
from forebay.lab.witness import Witness, still_there
from forebay.load.ledger import read
from forebay.load.profiles.shapes import Const
from forebay.message import Message, new_id
from forebay.queue.driver import Settlement
from forebay.queue.opening import open_driver, open_topic
from forebay.url import parse

LIMIT = 50
PATIENCE = 30.0


class ForgetfulRedis(Redis):
    settings = {"appendonly": "no"}  # noqa: RUF012 - as the class that it changes has it


class HastyKafka(Kafka):
    """Looks every moment for what is too old; the retention is the topic's own."""

    def _text(self):
        return f"{super()._text()}log.retention.check.interval.ms=100\nlog.initial.task.delay.ms=100\n"


@pytest.mark.parametrize(("server", "kept"), [(Redis, True), (ForgetfulRedis, False)], ids=["always", "no file"])
def test_what_a_redis_without_a_file_acknowledged_is_gone_when_it_was_killed(server, kept, own_server, tmp_path):
    broker = own_server(server)
    url = f"{broker.url}/witnessed"
    with Witness(url, tmp_path) as witness:
        broker.kill()
        witness.kill()
        promised = witness.durability
        broker.start()
        acknowledged = witness.acknowledged()
        lost = acknowledged - set(asyncio.run(still_there(url, acknowledged)))
    assert (not lost) == kept
    assert promised is (Durability.FSYNC if kept else Durability.MEMORY)


# Queues that are full: what the operator has limited refuses, or drops without a word.


async def redis_full(url, drops):
    place = parse(url)
    async with RedisClient(host="127.0.0.1", port=int(place.host.rpartition(":")[2])) as client:
        await client.config_set("maxmemory-policy", "allkeys-random" if drops else "noeviction")
        used = (await client.info("memory"))["used_memory"]
        await client.config_set("maxmemory", used + 100_000)


async def redis_emptied(url):
    async with RedisClient(host="127.0.0.1", port=int(parse(url).host.rpartition(":")[2])) as client:
        await client.config_set("maxmemory", 0)
        await client.config_set("maxmemory-policy", "noeviction")


async def nats_full(url, drops):
    place = parse(url)
    client = await nats_client.connect(f"nats://{place.host}")
    stream = client.jetstream()
    config = (await stream.stream_info(place.path)).config
    config.max_msgs, config.discard = LIMIT, "old" if drops else "new"
    await stream.update_stream(config)
    await client.close()


def rabbitmq_full(server, url, drops):
    definition = {"max-length": LIMIT, "overflow": "drop-head" if drops else "reject-publish"}
    policy = {"pattern": f"^{parse(url).path}$", "definition": definition, "apply-to": "queues"}
    request = urllib.request.Request(
        f"{server.management}/api/policies/%2f/{parse(url).path}", json.dumps(policy).encode(), method="PUT"
    )
    request.add_header("Authorization", "Basic Z3Vlc3Q6Z3Vlc3Q=")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status < 300


async def make_full(broker, url, *, drops):
    if broker.name == "redis":
        await redis_full(url, drops)
    elif broker.name == "nats":
        await nats_full(url, drops)
    else:
        await asyncio.to_thread(rabbitmq_full, broker.server, url, drops)


async def fill(topic, count=2_000):
    """Publish far more than fits; return the ids that were accepted and those that were refused."""
    batch = [Message(new_id(), b"x" * 1_000) for _ in range(count)]
    answers = await asyncio.gather(*(topic.publish(message) for message in batch), return_exceptions=True)
    heard = list(zip((message.id for message in batch), answers, strict=True))
    return {id for id, a in heard if isinstance(a, str)}, {id for id, a in heard if isinstance(a, Unavailable)}


async def fill_until_seen(broker, topic, *, drops):
    """Fill, and wait until the limit shows: RabbitMQ's policy takes its time, and tells nobody."""
    accepted, refused = await fill(topic)
    async with asyncio.timeout(PATIENCE):
        while not (refused or drops):
            more, refused = await fill(topic)
            accepted |= more
        while drops and broker.name == "rabbitmq" and (await topic.counts()).waiting > LIMIT:
            await asyncio.sleep(0.05)
    return accepted, refused


async def drained(url):
    """Take out all that can be had; a broker that has lost what it needs may count what it can no longer give."""
    driver, found, silent = await open_driver(url), set(), 0
    while silent < 10 and (silent < 2 or await unfinished(driver)):
        try:
            deliveries = await driver.receive(500, 0.3)
            await driver.settle([Settlement(delivery) for delivery in deliveries])
        except ForebayError:
            deliveries = []
        found |= {delivery.message.id for delivery in deliveries}
        silent = 0 if deliveries else silent + 1
    await driver.close()
    return found


async def unfinished(driver):
    try:
        return (await driver.counts()).unfinished
    except ForebayError:
        return 1


@pytest.mark.parametrize("broker", ["redis", "nats", "rabbitmq"], indirect=True)  # Kafka has no limit, it drops by age
@pytest.mark.parametrize("drops", [False, True], ids=["refuses", "drops"])
async def test_a_limit_of_the_broker_refuses_or_is_seen_to_drop(broker, drops):
    url = broker.topic()
    topic = await open_topic(url, deadline=PATIENCE)
    accepted = {await topic.publish(Message(id, b"1")) and id for id in ("first", "second")}
    await make_full(broker, url, drops=drops)
    try:
        more, refused = await fill_until_seen(broker, topic, drops=drops)
    finally:
        if broker.name == "redis":
            await redis_emptied(url)
    await topic.close()
    found = await drained(url)
    lost = (accepted | more) - found
    assert refused & found == set()
    if drops:
        assert lost
    else:
        assert not lost
        assert refused


async def test_places_that_are_taken_refuse_and_drop_nothing(broker):
    url = broker.topic()
    topic = await open_topic(url, places=LIMIT)
    accepted, refused = set(), set()
    for _ in range(4):
        more, no = await fill(topic, 100)
        accepted, refused = accepted | more, refused | no
    with pytest.raises(QueueFull):
        await topic.publish(Message("one-more", b"1"))
    exact = topic._driver.features.exact_places
    await topic.close()
    found = await drained(url)
    assert found == accepted
    assert len(accepted) == LIMIT if exact else len(accepted) >= LIMIT
    assert refused


async def test_a_retention_shorter_than_the_wait_is_seen_to_lose(own_server):
    server = own_server(HastyKafka)
    url = f"{server.url}/forgotten?partitions=1"
    topic = await open_topic(url, deadline=PATIENCE)
    early, _ = await fill(topic, 100)
    await asyncio.to_thread(forget_soon, server, "forgotten")
    driver = await open_driver(url)
    async with asyncio.timeout(PATIENCE):
        while (await driver.counts()).unfinished:  # nobody works it off
            await asyncio.sleep(0.2)
    await driver.close()
    await topic.close()
    assert early
    assert await drained(url) == set()


def forget_soon(server, topic):
    client = AdminClient({"bootstrap.servers": f"127.0.0.1:{server.port}"})
    wishes = {"cleanup.policy": "delete", "retention.ms": "100"}
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in wishes.items()]
    [done] = client.incremental_alter_configs(
        [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)]
    ).values()
    done.result(10)


@pytest.mark.soak
async def test_a_worker_that_acknowledges_before_the_work_is_seen_to_lose(broker, tmp_path):
    async def kill_and_restart(deployment):
        async with asyncio.timeout(PATIENCE):
            while sum(tally.accepted for tally in read(deployment.folder / "ledger.jsonl").values()) < 50:
                await asyncio.sleep(0.05)
        deployment.kill(*deployment.workers)
        await asyncio.to_thread(deployment.restart, *deployment.workers)

    unsafe = ["--workers", "32", "--work", "300ms", "--guarantee", "at-most-once"]
    store = f"sqlite:///{tmp_path}/results.db"
    with Deployment(tmp_path, broker.topic(), store, intakes=1, workers=1, options=unsafe) as deployment:
        proof = await prove(deployment, Const(100), 4, kill_and_restart)
    assert proof.judgement.lost
    assert not proof.judgement.kept
