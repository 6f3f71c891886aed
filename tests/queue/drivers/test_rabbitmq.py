from __future__ import annotations

import asyncio
import math
import shutil
import subprocess
import time

import pytest
from pamqp import commands

from driving import messages, take, until_counts
from forebay.durability import Durability
from forebay.errors import QueueFull, TooLarge, Unavailable, UsageError
from forebay.lab.servers import RabbitMQ
from forebay.lab.servers.process import free_port
from forebay.message import new_id
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Driver, Ending, Settlement
from forebay.queue.drivers import rabbitmq as rabbitmq_driver
from forebay.queue.drivers.rabbitmq import FEATURES
from forebay.url import URL, parse
from rabbitmq_drivers import Broker, leave_without_a_word


class TestRabbitMQ(ConformanceSuite):
    features = FEATURES
    soon = 5.0
    moment = 0.1
    at_once = 12
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


@pytest.fixture
async def broker(rabbitmq):
    async with Broker(rabbitmq) as broker:
        yield broker


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
    assert delivery.message.body == sent.body
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
    async with asyncio.timeout(60):
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
