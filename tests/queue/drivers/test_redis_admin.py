"""What an operator sees of a Redis server: every unsafe setting is found on a server that was started with it."""

from __future__ import annotations

import asyncio
import math

import pytest
import redis.asyncio as client

from forebay.durability import Durability
from forebay.errors import Unavailable, UsageError
from forebay.lab.servers import Redis
from forebay.lab.servers.process import free_port
from forebay.message import Message, new_id
from forebay.queue.admin import Finding, Severity
from forebay.queue.drivers import redis as driver_of_redis
from forebay.queue.drivers.redis.scripts import key_of
from forebay.queue.opening import open_driver
from forebay.url import parse
from redis_drivers import server_with


async def examined(url: str, topic: str = "") -> tuple[Durability, dict[str, Finding]]:
    admin = await driver_of_redis.administer(parse(url))
    try:
        examination = await admin.examine(topic)
    finally:
        await admin.close()
    return examination.durability, {finding.setting: finding for finding in examination.findings}


SAFE = {"maxmemory": "100mb"}
MEMORY, OS, FSYNC = Durability.MEMORY, Durability.OS, Durability.FSYNC
LOSES, WARNS, FINE = Severity.LOSES, Severity.WARNS, Severity.FINE


@pytest.mark.parametrize(
    ("settings", "named", "severity", "durability"),
    [
        ({}, "appendfsync", FINE, FSYNC),
        ({"appendonly": "no"}, "appendonly", LOSES, MEMORY),
        ({"appendfsync": "everysec"}, "appendfsync", WARNS, OS),
        ({"appendfsync": "no"}, "appendfsync", LOSES, OS),
        ({"no_appendfsync_on_rewrite": "yes"}, "no-appendfsync-on-rewrite", WARNS, OS),
        ({"maxmemory_policy": "allkeys-lru"}, "maxmemory-policy", LOSES, MEMORY),
        ({"maxmemory_policy": "allkeys-random", "maxmemory": "0"}, "maxmemory-policy", WARNS, FSYNC),
        ({"maxmemory_policy": "volatile-lru"}, "maxmemory-policy", FINE, FSYNC),
        ({"maxmemory": "0"}, "maxmemory", WARNS, FSYNC),
        ({"maxmemory": "1mb"}, "maxmemory", WARNS, FSYNC),
        ({"protected_mode": "no", "bind": "0.0.0.0"}, "protected-mode", WARNS, FSYNC),
        ({"min_replicas_to_write": "1"}, "min-replicas-to-write", WARNS, FSYNC),
    ],
    ids=str,
)
async def test_an_unsafe_setting_is_found_and_mended(own_server, settings, named, severity, durability):
    server = own_server(server_with(**{**SAFE, **settings}))
    found, findings = await examined(server.url)
    finding = findings[named]
    assert (finding.severity, found) == (severity, durability)
    assert bool(finding.why) is bool(finding.mend) is (severity is not FINE)


async def test_a_replica_is_no_place_for_a_topic_and_a_master_with_replicas_is_told_to_wait_for_one(own_server):
    master = own_server(server_with(**SAFE, repl_diskless_sync_delay="0"))
    replica = own_server(server_with(**SAFE, replicaof=f"127.0.0.1 {master.port}"))
    async with client.Redis(port=replica.port) as raw, asyncio.timeout(60):
        while (await raw.info("replication")).get("master_link_status") != "up":  # until then it may still be loading
            await asyncio.sleep(0.05)
        while "min-replicas-to-write" not in (await examined(master.url))[1]:
            await asyncio.sleep(0.1)
    assert (await examined(replica.url))[1]["role"].severity is LOSES
    with pytest.raises(Unavailable) as caught:
        await open_driver(f"{replica.url}/t")
    assert "master" in caught.value.hint


async def test_an_old_version_is_told(redis):
    version = (await examined(redis.url))[1]["version"]
    assert (version.severity is WARNS) == (version.value.startswith("7.0."))


async def test_an_account_that_may_not_ask_is_told_so(own_server):
    server = own_server(Redis)
    admin = client.Redis(port=server.port)
    await admin.execute_command("ACL", "SETUSER", "blind", "on", ">word", "~*", "&*", "+@all", "-config", "-info")
    durability, findings = await examined(server.url.replace("//", "//blind:word@"))
    assert (durability, findings["CONFIG GET"].severity) == (MEMORY, WARNS)
    await admin.aclose()


async def test_the_damage_that_others_did_to_a_topic_is_found(redis):
    topic, raw = f"t{new_id()}", client.Redis(port=redis.port)
    driver = await open_driver(f"{redis.url}/{topic}")
    await driver.publish([Message(new_id(), b"x"), Message(new_id(), b"y")], math.inf)
    key = f"{key_of(topic)}:{topic}:messages"
    [first, _] = await raw.hkeys(key)
    await raw.hdel(key, first)
    await raw.expire(key, 1_000)
    _, findings = await examined(redis.url, topic)
    assert findings[key].severity is findings[f"TTL {key}"].severity is LOSES
    assert "PERSIST" in findings[f"TTL {key}"].mend
    await driver.close()
    await raw.aclose()


async def test_a_topic_is_made_with_what_the_url_asks_and_told_with_its_size(redis):
    name = f"t{new_id()}"
    admin = await driver_of_redis.administer(parse(f"{redis.url}?discipline=priority&group=audit"))
    made = await admin.create(name)
    assert (made.discipline, made.groups, made.messages) == ("priority", ["audit", name], 0)
    driver = await open_driver(f"{redis.url}/{name}")
    await driver.publish([Message(new_id(), b"x" * 1_000)], math.inf)
    [info] = [info for info in await admin.topics() if info.name == name]
    assert (info.messages, info.replication) == (2, 1)  # one for each group
    assert info.bytes is not None
    assert info.bytes > 2_000
    await admin.close()
    await driver.close()


async def test_subscribers_of_their_own_are_not_shown_as_groups(redis):
    name = f"t{new_id()}"
    subscriber = await open_driver(f"{redis.url}/{name}?group=each")
    admin = await driver_of_redis.administer(parse(redis.url))
    assert [info.groups for info in await admin.topics() if info.name == name] == [[name]]
    assert [lag.group for lag in await admin.lags(name)] == [name]
    await subscriber.close()
    await admin.remove(name)
    await admin.close()


async def test_a_server_that_is_not_there_cannot_be_administered():
    with pytest.raises(Unavailable):
        await driver_of_redis.administer(parse(f"redis://127.0.0.1:{free_port()}"))


async def test_a_topic_that_does_not_exist_cannot_be_examined(redis):
    with pytest.raises(UsageError, match="nowhere"):
        await examined(redis.url, "nowhere")
