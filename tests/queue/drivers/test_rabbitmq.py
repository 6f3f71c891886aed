from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import Counter

import pytest
from pamqp import commands

from forebay.durability import Durability
from forebay.errors import ForebayError, QueueFull, TooLarge, Unavailable, Unknown, UsageError
from forebay.lab.servers import RabbitMQ
from forebay.lab.servers.process import free_port
from forebay.message import Message, new_id
from forebay.queue.admin import Severity
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Delivery, Driver, Ending, Settlement
from forebay.queue.drivers import rabbitmq as rabbitmq_driver
from forebay.queue.drivers.rabbitmq import FEATURES, frames, lanes
from forebay.queue.drivers.rabbitmq.address import address_of
from forebay.queue.drivers.rabbitmq.link import Link
from forebay.url import URL, parse


class TestRabbitMQ(ConformanceSuite):
    features = FEATURES
    patience = 10.0
    moment = 0.1
    at_once = 4
    leases_end_by_time = False
    first_death_counts = False

    @pytest.fixture(autouse=True)
    def _broker(self, rabbitmq):
        self.broker = rabbitmq

    def url(self, topic: str, **options: str) -> URL:
        return parse(f"{self.broker.url}/{topic}?management={self.broker.management}").with_options(
            topic=topic, **options
        )

    async def die(self, driver: Driver) -> None:
        leave_without_a_word(driver)


def leave_without_a_word(driver: Driver) -> None:
    """Let go of the broker as a process that was killed."""
    driver._publishing.kill()
    driver._consuming.kill()


class Broker:
    """Opens queues of the test's own topic on one broker, and knows the broker from outside."""

    def __init__(self, server: RabbitMQ) -> None:
        self.server = server
        self.topic = f"t{new_id()}"
        self.drivers: list[Driver] = []

    def url(self, **options: str) -> URL:
        return parse(f"{self.server.url}/?management={self.server.management}").with_options(
            topic=self.topic, **options
        )

    async def open(self, **options: str) -> Driver:
        self.drivers.append(await rabbitmq_driver.connect(self.url(**options)))
        return self.drivers[-1]

    @contextlib.asynccontextmanager
    async def bare(self):
        """A channel of a program that is not ours."""
        link = Link(address_of(self.url()).account, "another program")
        async with link.asking() as channel:
            yield channel
        await link.close()

    async def puts(self, *bodies: bytes, headers: dict | None = None) -> None:
        """Let another program publish, straight into the queue."""
        async with self.bare() as channel:
            await channel.ask(commands.Confirm.Select())
            method = frames.publish_method("", self.topic)
            content = [("", frames.content_header(len(b), frames.Properties(headers or {})), b) for b in bodies]
            await channel.publish([method] * len(bodies), content).done

    def rules(self, pattern: str, definition: dict) -> None:
        """Set a policy of the operator."""
        body = {"pattern": pattern, "definition": definition, "apply-to": "queues"}
        account = base64.b64encode(b"guest:guest").decode()
        request = urllib.request.Request(
            f"{self.server.management}/api/policies/%2F/p{new_id()}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Basic {account}", "Content-Type": "application/json"},
            method="PUT",
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status in {201, 204}

    async def close(self) -> None:
        for driver in self.drivers:
            await driver.close()


@pytest.fixture
async def broker(rabbitmq):
    broker = Broker(rabbitmq)
    yield broker
    await broker.close()


@pytest.fixture
async def own_broker(own_server):
    broker = Broker(own_server(RabbitMQ))
    yield broker
    await broker.close()


@pytest.fixture(scope="module")
def narrow_server(rabbitmq, tmp_path_factory):
    """A broker that speaks TLS on one more port, and takes messages of 1 MiB at most."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificates")
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    places = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    subprocess.run([*words.split(), *places], check=True, capture_output=True)
    tls_port = free_port()
    settings = {"listeners.ssl.1": f"127.0.0.1:{tls_port}", "max_message_size": "1048576"}
    settings |= {"ssl_options.certfile": str(folder / "ca.pem"), "ssl_options.keyfile": str(folder / "key.pem")}
    with RabbitMQ(settings=settings) as server:
        server.tls = f"amqps://guest:guest@127.0.0.1:{tls_port}/?topic=orders"
        server.cafile = str(folder / "ca.pem")
        yield server


async def test_a_connection_may_be_encrypted_and_its_certificate_must_be_trusted(narrow_server):
    driver = await rabbitmq_driver.connect(parse(narrow_server.tls).with_options(cafile=narrow_server.cafile))
    [sent] = messages(1, body=b"x" * 500_000)
    assert await driver.publish([sent], math.inf) == [sent.id]
    [delivery] = await take(driver, 1)
    assert delivery.message == sent
    await driver.close()
    with pytest.raises(UsageError, match="not trusted"):
        await rabbitmq_driver.connect(parse(narrow_server.tls))


async def test_a_message_that_is_larger_than_the_broker_takes_is_refused_alone(narrow_server):
    driver = await rabbitmq_driver.connect(parse(narrow_server.url + "/").with_options(topic=new_id()))
    small, large = messages(2)
    large = large.replace(body=b"x" * 1_048_577)
    for _ in range(2):  # the first time the broker says so by closing the channel
        [accepted, refused] = await driver.publish([small, large], math.inf)
        assert isinstance(refused, TooLarge)
    assert accepted == small.id
    assert list(await driver.publish([small], math.inf)) == [small.id]
    await driver.close()


def messages(count: int, **fields: object) -> list[Message]:
    return [Message(new_id(), b"%d" % n, accepted_at=time.time()).replace(**fields) for n in range(count)]


async def take(driver: Driver, count: int) -> list[Delivery]:
    taken: list[Delivery] = []
    async with asyncio.timeout(20):
        while len(taken) < count:
            taken += await driver.receive(count - len(taken), 1.0)
    return taken


async def until_counts(driver: Driver, **expected: int) -> None:
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(Unavailable):  # a broker that has just come back
                counts = await driver.counts()
                if all(getattr(counts, name) == value for name, value in expected.items()):
                    return
            await asyncio.sleep(0.05)


class Load:
    """Publishes and works off until it is told to stop; remembers what was accepted and what was ended."""

    def __init__(self, publisher: Driver, workers: list[Driver]) -> None:
        self.accepted: set[str] = set()
        self.ended: Counter[str] = Counter()
        self.stopped = False
        self.tasks = [
            asyncio.create_task(self.publish(publisher)),
            *(asyncio.create_task(self.work(w)) for w in workers),
        ]

    async def publish(self, driver: Driver) -> None:
        while not self.stopped:
            batch = messages(20)
            try:
                answers = await driver.publish(batch, math.inf)
            except ForebayError:
                await asyncio.sleep(0.05)
                continue
            self.accepted |= {answer for answer in answers if isinstance(answer, str)}
            await asyncio.sleep(0.005)

    async def work(self, driver: Driver) -> None:
        while not (self.stopped and self.accepted <= set(self.ended)):
            try:
                taken = await driver.receive(50, 0.2)
                held = await driver.settle([Settlement(one) for one in taken])
            except ForebayError:
                await asyncio.sleep(0.05)
                continue
            self.ended.update(one.message.id for one, ours in zip(taken, held, strict=True) if ours)

    async def until_some_ended(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.ended) < count:
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Publish no more, and wait until all that was accepted has ended."""
        self.stopped = True
        async with asyncio.timeout(30):
            await asyncio.gather(*self.tasks)


async def test_a_broker_that_is_killed_under_load_loses_nothing_that_was_accepted(own_broker):
    publisher, *workers = [await own_broker.open() for _ in range(3)]
    load = Load(publisher, workers)
    await load.until_some_ended(200)
    own_broker.server.kill()
    await asyncio.sleep(0.1)
    await asyncio.to_thread(own_broker.server.restart)
    before = len(load.ended)
    await load.until_some_ended(before + 200)
    await load.stop()
    assert load.accepted <= set(load.ended)


async def test_a_broker_that_stands_still_is_given_up_and_found_again(own_broker):
    driver = await own_broker.open(lease="2s")
    sent = messages(5)
    assert list(await driver.publish(sent, math.inf)) == [one.id for one in sent]
    held = await take(driver, 2)
    own_broker.server.pause()
    begin = time.monotonic()
    publishing = asyncio.create_task(driver.publish(messages(1), math.inf))
    with pytest.raises(ForebayError):
        await driver.settle([Settlement(one) for one in held])
    [answer] = await publishing
    assert isinstance(answer, Unknown)
    assert time.monotonic() - begin < 12
    own_broker.server.resume()
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(ForebayError):
                taken = await driver.receive(10, 1.0)
                await driver.settle([Settlement(one) for one in taken])
                sent = [one for one in sent if one.id not in {each.message.id for each in taken}]
                if not sent or {one.id for one in sent} <= {one.message.id for one in held}:
                    return


KILLED = """
import asyncio, sys
from forebay.queue.drivers import rabbitmq
from forebay.url import URL, parse

async def main():
    driver = await rabbitmq.connect(parse(sys.argv[1]).with_options(topic=sys.argv[2]))
    taken = []
    while len(taken) < 3:
        taken += await driver.receive(3 - len(taken), 1.0)
    print("taken", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_what_a_killed_process_had_in_hand_goes_to_another(broker):
    driver = await broker.open()
    sent = messages(5)
    await driver.publish(sent, math.inf)
    words = [sys.executable, "-c", KILLED, f"{broker.server.url}/", broker.topic]
    victim = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
    async with asyncio.timeout(20):
        assert await victim.stdout.readline() == b"taken\n"
    assert len(await take(driver, 2)) == 2
    victim.kill()
    await victim.wait()
    again = await take(driver, 3)
    assert {one.message.id for one in again} == {one.id for one in sent[:3]}
    assert {one.attempt for one in again} == {1}


async def test_a_queue_that_is_deleted_under_its_worker_is_made_anew_and_served(broker):
    driver, publisher = await broker.open(), await broker.open()
    waiting = asyncio.create_task(driver.receive(1, 20.0))
    await asyncio.sleep(0.1)
    async with broker.bare() as channel:
        await channel.ask(commands.Queue.Delete(queue=broker.topic))
    with pytest.raises(Unavailable):
        await waiting
    [result] = await publisher.publish(messages(1), math.inf)
    if not isinstance(result, str):  # no queue, no acceptance; but the next one finds it made anew
        [result] = await publisher.publish(messages(1), math.inf)
    assert isinstance(result, str)
    [delivery] = await take(driver, 1)
    assert delivery.message.id == result


async def test_a_publish_that_no_queue_takes_is_not_accepted(broker):
    driver = await broker.open()
    async with broker.bare() as channel:
        await channel.ask(commands.Queue.Delete(queue=broker.topic))
    [answer] = await driver.publish(messages(1), math.inf)
    assert isinstance(answer, Unavailable)
    assert isinstance((await driver.publish(messages(1), math.inf))[0], str)


async def test_messages_of_other_programs_get_an_id_that_stays(broker):
    driver = await broker.open()
    await broker.puts(b"same", b"same", headers={"x": "y"})
    taken = await take(driver, 2)
    ids = {one.message.id for one in taken}
    assert len(ids) == 2
    assert [(one.message.body, one.message.headers, one.attempt) for one in taken] == [(b"same", {"x": "y"}, 1)] * 2
    leave_without_a_word(driver)
    again = await take(await broker.open(), 2)
    assert {one.message.id for one in again} == ids


async def test_priorities_go_first_and_the_class_is_that_of_a_classic_queue(broker):
    driver = await broker.open(discipline="priority")
    assert driver.durability is Durability.OS
    assert (await broker.open()).durability is Durability.OS  # as the topic has it
    sent = [one.replace(priority=n) for n, one in enumerate(messages(4))]
    await driver.publish(sent, math.inf)
    taken = await take(driver, 4)
    assert [one.message.id for one in taken] == [one.id for one in reversed(sent)]
    for attempt in (1, 2, 3):  # the first death is not counted
        leave_without_a_word(driver)
        driver = await broker.open(discipline="priority")
        assert [one.attempt for one in await take(driver, 4)] == [attempt] * 4


@pytest.mark.parametrize(
    ("made", "asked", "named"),
    [
        ({"order": "key"}, {}, "order=key"),
        ({}, {"order": "key"}, "order=none"),
        ({"order": "partition"}, {"order": "key"}, "order=partition"),
        ({"discipline": "priority"}, {"discipline": "fifo"}, "discipline=priority"),
        ({}, {"discipline": "priority"}, "discipline=fifo"),
    ],
)
async def test_a_topic_is_not_opened_for_something_else_than_it_was_made_for(broker, made, asked, named):
    await broker.open(**made)
    with pytest.raises(UsageError, match=named):
        await broker.open(**asked)


async def test_a_queue_of_somebody_else_is_not_taken_over(broker):
    async with broker.bare() as channel:
        await channel.ask(commands.Queue.Declare(queue=broker.topic, durable=True))
    with pytest.raises(UsageError, match="not as forebay makes it"):
        await broker.open()


async def test_a_wrong_password_is_refused_and_never_printed(broker):
    url = parse(broker.server.url.replace("guest:guest", "guest:geheim")).with_options(topic=broker.topic)
    with pytest.raises(UsageError) as caught:
        await rabbitmq_driver.connect(url)
    with pytest.raises(UsageError) as also:
        await rabbitmq_driver.administer(url.with_options(management=broker.server.management))
    for error in (caught.value, also.value):
        assert "geheim" not in f"{error!r} {error.what} {error.hint} {error.__cause__!r}"
        assert "user" in error.hint


async def test_a_broker_that_is_not_there_is_unavailable():
    with pytest.raises(Unavailable, match="cannot be reached"):
        await rabbitmq_driver.connect(parse(f"amqp://127.0.0.1:{free_port()}/").with_options(topic="orders"))


async def test_a_long_retry_takes_several_steps_and_comes_in_its_time(broker):
    driver = await broker.open()
    await driver.publish(messages(1), math.inf)
    [delivery] = await take(driver, 1)
    due = time.time() + 2.0  # one step of 1.6 s, and the rest
    await driver.settle([Settlement(delivery, Ending.RETRY, 2.0, {"why": "slow"})])
    [again] = await take(driver, 1)
    assert time.time() >= due
    assert (again.attempt, again.message.headers) == (2, {"why": "slow"})


async def test_an_operator_with_a_limit_makes_the_queue_full_and_not_silent(broker):
    driver = await broker.open()
    broker.rules(f"^{broker.topic}$", {"max-length": 3, "overflow": "reject-publish"})
    async with asyncio.timeout(20):
        while not isinstance((await driver.publish(messages(1), math.inf))[0], QueueFull):
            await asyncio.sleep(0.01)


async def test_batches_that_are_published_at_once_fill_the_places_and_no_more(broker):
    driver = await broker.open()
    batches = [driver.publish(messages(20), 30) for _ in range(5)]
    answers = [answer for batch in await asyncio.gather(*batches) for answer in batch]
    assert sum(isinstance(answer, str) for answer in answers) == 30
    assert sum(isinstance(answer, QueueFull) for answer in answers) == 70


async def test_dead_letters_are_read_by_one_at_a_time_and_all_stay(broker):
    drivers = [await broker.open() for _ in range(2)]
    sent = messages(50)
    await drivers[0].publish(sent, math.inf)
    await drivers[0].settle([Settlement(one, Ending.DEAD) for one in await take(drivers[0], 50)])
    pages = await asyncio.gather(*(driver.dead_letters() for driver in drivers * 3))
    assert [[letter.message.id for letter in page] for page in pages] == [sorted(one.id for one in sent)] * 6
    returned = await asyncio.gather(*(driver.return_dead([one.id for one in sent[:25]]) for driver in drivers))
    assert sorted(returned) == [0, 25]
    await until_counts(drivers[0], dead=25, waiting=25)


async def test_whoever_dies_while_he_reads_dead_letters_loses_none(broker):
    driver, reader = await broker.open(), await broker.open()
    await driver.publish(messages(20), math.inf)
    await driver.settle([Settlement(one, Ending.DEAD) for one in await take(driver, 20)])
    async with reader._letters._reading(lambda arrival, one: None):
        leave_without_a_word(reader)
    async with asyncio.timeout(20):
        while len(await driver.dead_letters()) < 20:
            await asyncio.sleep(0.02)


async def test_a_subscriber_of_its_own_hears_again_when_its_connection_was_lost(broker):
    publisher, subscriber = await broker.open(), await broker.open(group="each")
    subscriber._consuming._connection.abort("cut by the test")
    sent = messages(2)
    await publisher.publish(sent, math.inf)
    async with asyncio.timeout(20):
        taken: list[Delivery] = []
        while len(taken) < 2:
            with contextlib.suppress(Unavailable):
                taken += await subscriber.receive(10, 1.0)
    assert [one.message.id for one in taken] == [one.id for one in sent]


async def test_two_processes_share_a_key_and_the_second_takes_over_in_order(broker):
    first, second = await broker.open(order="key"), await broker.open(order="key")
    sent = messages(6, key="a")
    await first.publish(sent, math.inf)
    [held] = await take(first, 1)
    assert list(await second.receive(5, 0.2)) == []
    leave_without_a_word(first)
    for one in sent:
        [delivery] = await take(second, 1)
        assert delivery.message.id == one.id
        assert await second.settle([Settlement(delivery)]) == [True]
    with pytest.raises(Unavailable):
        await first.receive(1, 0)
    assert held.message.id == sent[0].id


async def test_a_process_that_asks_no_more_makes_room_for_one_that_stands_by(broker, monkeypatch):
    monkeypatch.setattr(lanes, "IDLE_SECONDS", 0.1)
    first, second = await broker.open(order="key"), await broker.open(order="key")
    sent = messages(4, key="a")
    await first.publish(sent, math.inf)
    [delivery] = await take(first, 1)
    standing_by = asyncio.create_task(take(second, 1))
    await asyncio.sleep(0.3)
    assert not standing_by.done()  # as long as the first has something in hand
    await first.settle([Settlement(delivery)])
    [delivery] = await standing_by
    assert delivery.message.id == sent[1].id


async def test_a_broker_with_an_alarm_takes_nothing_and_says_so(own_broker):
    driver = await own_broker.open()
    await driver.publish(messages(3), math.inf)
    environment = {**os.environ, **own_broker.server._environment()}
    program = own_broker.server.program().parent / "rabbitmqctl"
    words = [str(program), "-n", environment["RABBITMQ_NODENAME"], "set_vm_memory_high_watermark", "0.000001"]
    await asyncio.to_thread(subprocess.run, words, env=environment, check=True, capture_output=True)
    async with asyncio.timeout(40):
        answers: list[object] = []
        while not any("memory" in str(answer) for answer in answers):
            try:
                answers += await driver.publish(messages(1), math.inf)
            except Unavailable as error:
                answers.append(error)
    taken = await take(driver, 3)  # what is there can be worked off: that ends the alarm
    assert await driver.settle([Settlement(one) for one in taken]) == [True] * 3
    admin = await rabbitmq_driver.administer(own_broker.url())
    async with asyncio.timeout(20):
        while not [f for f in (await admin.examine()).findings if f.setting.startswith("memory alarm")]:
            await asyncio.sleep(0.2)
    await admin.close()


@pytest.mark.parametrize(
    ("definition", "severity", "setting"),
    [
        ({"max-length": 10}, Severity.LOSES, "max-length"),
        ({"max-length-bytes": 10_000_000, "overflow": "drop-head"}, Severity.LOSES, "max-length-bytes"),
        ({"message-ttl": 60_000}, Severity.LOSES, "message-ttl"),
        ({"expires": 60_000}, Severity.LOSES, "expires"),
        ({"delivery-limit": 5}, Severity.LOSES, "delivery-limit"),
        ({"delivery-limit": 5, "dead-letter-exchange": "x"}, Severity.WARNS, "delivery-limit"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else str(value),
)
async def test_the_examination_finds_the_policy_that_loses_messages(broker, definition, severity, setting):
    broker.rules(f"^{broker.topic}$", definition)
    await broker.open()
    assert await findings(broker, f"{setting} of {broker.topic}") == [severity]


async def findings(broker: Broker, setting: str) -> list[Severity]:
    """Return how bad a setting of the topic of the test is found to be."""
    admin = await rabbitmq_driver.administer(broker.url())
    try:
        return [one.severity for one in (await admin.examine(broker.topic)).findings if one.setting == setting]
    finally:
        await admin.close()


async def test_a_topic_as_it_is_made_has_no_setting_that_loses_messages(broker):
    broker.rules(f"^{broker.topic}$", {"max-length": 10, "overflow": "reject-publish"})
    driver = await broker.open(group="audit")
    await driver.publish(messages(1, not_before=time.time() + 60), math.inf)
    admin = await rabbitmq_driver.administer(broker.url())
    [info] = [info for info in await admin.topics() if info.name == broker.topic]
    told = await admin.examine(broker.topic)
    await admin.close()
    assert (info.limit, info.groups, info.messages) == (10, sorted(["audit", broker.topic]), 1)
    assert [one for one in told.findings if one.severity is Severity.LOSES] == []


async def test_without_the_http_api_the_examination_says_what_it_did_not_see(broker):
    driver = await broker.open()
    url = broker.url().with_options(management=f"http://127.0.0.1:{free_port()}")
    admin = await rabbitmq_driver.administer(url)
    told = await admin.examine(broker.topic)
    with pytest.raises(Unavailable, match="HTTP API"):
        await admin.topics()
    await admin.close()
    assert told.durability is driver.durability
    assert "management" in {one.setting for one in told.findings}
