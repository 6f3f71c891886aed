"""What an operator sees of a RabbitMQ: policies and alarms are found on a broker that has them."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import time

import pytest

from driving import messages, take
from forebay.errors import Unavailable
from forebay.lab.servers import RabbitMQ
from forebay.lab.servers.process import free_port
from forebay.queue.admin import Severity
from forebay.queue.driver import Settlement
from forebay.queue.drivers import rabbitmq as rabbitmq_driver
from rabbitmq_drivers import Broker


@pytest.fixture
async def broker(rabbitmq):
    async with Broker(rabbitmq) as broker:
        yield broker


@pytest.fixture
async def own_broker(own_server):
    async with Broker(own_server(RabbitMQ)) as broker:
        yield broker


async def test_a_broker_with_an_alarm_takes_nothing_and_says_so(own_broker):
    driver = await own_broker.open()
    await driver.publish(messages(3), math.inf)
    environment = {**os.environ, **own_broker.server._environment()}
    program = own_broker.server.program().parent / "rabbitmqctl"
    words = [str(program), "-n", environment["RABBITMQ_NODENAME"], "set_vm_memory_high_watermark", "0.000001"]
    await asyncio.to_thread(subprocess.run, words, env=environment, check=True, capture_output=True)
    async with asyncio.timeout(60):
        answers: list[object] = []
        while not any("memory" in str(answer) for answer in answers):
            try:
                answers += await driver.publish(messages(1), math.inf)
            except Unavailable as error:
                answers.append(error)
    taken = await take(driver, 3)  # what is there can be worked off: that ends the alarm
    assert await driver.settle([Settlement(one) for one in taken]) == [True] * 3
    admin = await rabbitmq_driver.administer(own_broker.url())
    async with asyncio.timeout(60):
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


async def test_without_the_http_api_a_look_makes_no_group_and_takes_a_topic_as_it_was_made(broker):
    driver = await broker.open(order="key")
    url = broker.url(group="mistyped").with_options(management=f"http://127.0.0.1:{free_port()}")
    admin = await rabbitmq_driver.administer(url)
    told = await admin.examine(broker.topic)
    await admin.close()
    assert told.durability is driver.durability
    admin = await rabbitmq_driver.administer(broker.url())
    [info] = [info for info in await admin.topics() if info.name == broker.topic]
    await admin.close()
    assert info.groups == [broker.topic]


async def test_a_user_whom_the_http_api_refuses_is_told_what_was_not_seen_and_the_mend(broker):
    driver = await broker.open()
    admin = await rabbitmq_driver.administer(broker.url_of_user(""))
    told = await admin.examine(broker.topic)
    with pytest.raises(Unavailable, match="refuses the user"):
        await admin.topics()
    await admin.close()
    assert told.durability is driver.durability
    assert "set_user_tags" in next(one.mend for one in told.findings if one.setting == "management")


async def test_the_tag_monitoring_is_enough_for_an_examination_which_says_where_it_is_not(broker):
    await broker.open()
    admin = await rabbitmq_driver.administer(broker.url_of_user("monitoring"))
    told = await admin.examine(broker.topic)
    await admin.close()
    settings = {one.setting for one in told.findings}
    assert broker.topic in settings
    assert "management" not in settings
    if told.version.startswith("3.10."):
        assert "feature flag stream_queue" in settings
