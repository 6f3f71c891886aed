"""Redis alone: what an operator sees, own commands, rows that go, settings and keys that are refused."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable

import pytest
import redis.asyncio as client
from redis.exceptions import ResponseError

from forebay.durability import Durability
from forebay.errors import Unavailable, Unsupported, UsageError
from forebay.lab.servers import Redis, Server
from forebay.lab.servers.process import free_port
from forebay.message import new_id
from forebay.stores.collection import Document
from forebay.stores.opening import open_store
from forebay.stores.redis import RedisStore
from forebay.stores.store import Claim, Result
from forebay.stores.window import Entry
from redis_drivers import server_with

TOPIC = "rates"


def a_result(id: str | None = None, value: bytes = b'{"count": 3}') -> Result:
    return Result(id or new_id(), TOPIC, value, 1.0, 2.5, 3.0)


def entries(*values: int) -> list[Entry]:
    return [Entry(new_id(), TOPIC, value) for value in values]


async def opened(address: str) -> RedisStore:
    store = await open_store(address)
    assert isinstance(store, RedisStore)
    return store


@pytest.fixture
def prefix() -> str:
    return f"test:{uuid.uuid4().hex}"


@pytest.fixture
async def store(redis: Redis, prefix: str) -> AsyncIterator[RedisStore]:
    store = await opened(f"{redis.url}/0?prefix={prefix}")
    yield store
    await store.close()


@pytest.fixture
async def raw(redis: Redis) -> AsyncIterator[client.Redis]:
    """What an operator, or somebody else, does by hand."""
    connection = client.Redis(port=redis.port)
    yield connection
    await connection.aclose()


async def test_an_operator_reads_a_window_by_its_name(store: RedisStore, raw: client.Redis, prefix: str) -> None:
    window = await store.window("rates", 3)
    await window.put(entries(1, 2, 3, 4))
    assert await raw.llen(f"{prefix}:window:rates") == 3
    assert await raw.lrange(f"{prefix}:window:rates", 0, -1) == [b"4", b"3", b"2"]
    assert await raw.hget(f"{prefix}:counts", TOPIC) == b"4"


async def test_what_somebody_pushes_into_a_window_is_passed_over_and_goes(
    store: RedisStore, raw: client.Redis, prefix: str
) -> None:
    window = await store.window("rates", 2)
    await raw.lpush(f"{prefix}:window:rates", "many", 7, "nine")
    assert list(await window.values()) == [7]
    await window.put(entries(1, 2))
    assert list(await window.values()) == [2, 1]


async def test_results_and_documents_can_be_read_by_hand(store: RedisStore, raw: client.Redis, prefix: str) -> None:
    await store.save([a_result("a")])
    await (await store.collection("orders")).keep([Document("b", b'{"n": 1}')])
    assert await raw.hget(f"{prefix}:inbox:{TOPIC}", "a") == b'1.0 2.5 3.0 1 {"count": 3}'
    assert await raw.hget(f"{prefix}:collection:orders", "b") == b'1 {"n": 1}'


async def test_no_key_expires_by_itself_so_that_none_can_be_evicted_as_volatile(
    redis: Redis, raw: client.Redis, prefix: str
) -> None:
    store = await opened(f"{redis.url}/0?prefix={prefix}&keep=1h")
    await store.save([a_result("a")])
    await store.claim([Claim("k", "f", "a", 1.0, "reference")])
    await (await store.window("rates", 3)).put(entries(1))
    await (await store.collection("orders")).keep([Document("b", b"1")])
    async with store.once("c", TOPIC):
        pass
    await store.close()
    keys = {key async for key in raw.scan_iter(f"{prefix}:*")}  # a scan may tell one of them twice
    assert len(keys) == 11
    assert {await raw.ttl(key) for key in keys} == {-1}


async def test_rows_go_when_their_time_is_over_and_their_count_stays(
    redis: Redis, raw: client.Redis, prefix: str
) -> None:
    store = await opened(f"{redis.url}/0?prefix={prefix}&keep=1ms")
    await store.save([a_result(f"id{n:02}") for n in range(2_500)])
    window = await store.window("rates", 5)
    await window.put(entries(*range(20)))
    async with store.once("a", TOPIC):
        pass
    async with asyncio.timeout(30):
        while await raw.hlen(f"{prefix}:inbox:{TOPIC}"):
            await store.forget(before=0.0)
    assert await store.count(TOPIC) == 2_521
    assert await store.get("id01") is None
    assert await store.results(TOPIC) == []
    assert await raw.zcard(f"{prefix}:expiries") == 0
    assert list(await window.values()) == [19, 18, 17, 16, 15]
    assert list(await store.save([a_result("id01")])) == [True]
    await store.close()


async def test_saving_lets_old_rows_go_so_that_no_more_than_the_young_stay(
    redis: Redis, raw: client.Redis, prefix: str
) -> None:
    store = await opened(f"{redis.url}/0?prefix={prefix}&keep=1ms")
    saved = 0
    async with asyncio.timeout(30):
        while not saved or await raw.hlen(f"{prefix}:inbox:{TOPIC}") == saved:
            await store.save([a_result() for _ in range(50)])
            saved += 50
    assert await store.count(TOPIC) == saved
    await store.close()


async def test_a_result_counts_its_time_from_when_it_came_to_its_effect(
    redis: Redis, raw: client.Redis, prefix: str
) -> None:
    store = await opened(f"{redis.url}/0?prefix={prefix}&keep=1h")
    async with store.once("a", TOPIC):
        pass
    await raw.zadd(f"{prefix}:expiries", {f"a\0{TOPIC}": 1.0})
    assert list(await store.save([a_result("a")])) == [True]
    await store.forget(before=0.0)
    assert await store.get("a") is not None
    assert await store.count(TOPIC) == 1
    await store.close()


async def test_own_commands_are_run_together_with_the_inbox_row(
    store: RedisStore, raw: client.Redis, prefix: str
) -> None:
    for _ in range(3):
        async with store.once("a", TOPIC) as commands:
            if commands is not None:
                await commands.execute("INCRBY", f"{prefix}:stock", -3)
                await commands.execute("RPUSH", f"{prefix}:log", b"\x00\xff", "text", 1.5)
    assert await raw.get(f"{prefix}:stock") == b"-3"
    assert await raw.lrange(f"{prefix}:log", 0, -1) == [b"\x00\xff", b"text", b"1.5"]


async def test_a_command_that_is_refused_takes_the_row_back_and_says_which(
    store: RedisStore, raw: client.Redis, prefix: str
) -> None:
    async def handle() -> None:
        async with store.once("a", TOPIC) as commands:
            assert commands is not None
            await commands.execute("INCR", f"{prefix}:before")
            await commands.execute("INCR", f"{prefix}:text")
            await commands.execute("INCR", f"{prefix}:after")

    await raw.set(f"{prefix}:text", "no number")
    with pytest.raises(ResponseError, match=r"not an integer.*command 2"):
        await handle()
    assert await store.count(TOPIC) == 0
    assert (await raw.get(f"{prefix}:before"), await raw.get(f"{prefix}:after")) == (b"1", None)
    await raw.delete(f"{prefix}:text")
    await handle()
    assert await raw.get(f"{prefix}:before") == b"2"


async def test_what_is_taken_back_forgotten_or_over_leaves_nothing_behind(
    redis: Redis, raw: client.Redis, prefix: str
) -> None:
    store = await opened(f"{redis.url}/0?prefix={prefix}&keep=1h")
    with pytest.raises(ResponseError):
        async with store.once("a", TOPIC) as commands:
            await commands.execute("NOTHING", "of", "the", "kind")
    await store.claim([Claim("k", "f", "a", 1.0, "reference")])
    await store.confirm("gone", "reference")
    await store.save([a_result("b")])
    await raw.zadd(f"{prefix}:expiries", {f"b\0{TOPIC}": 1.0})
    assert await store.forget(before=2.0) == 1
    assert {key async for key in raw.scan_iter(f"{prefix}:*")} == {
        f"{prefix}:version".encode(),
        f"{prefix}:counts".encode(),
    }
    await store.close()


async def test_a_count_that_is_no_number_is_met_before_anything_is_written(
    store: RedisStore, raw: client.Redis, prefix: str
) -> None:
    await raw.hset(f"{prefix}:counts", TOPIC, "many")
    with pytest.raises(Unavailable, match="not an integer"):
        await store.save([a_result("a")])
    assert await raw.exists(f"{prefix}:inbox:{TOPIC}") == 0


async def test_a_script_that_the_server_has_forgotten_is_told_anew(store: RedisStore, raw: client.Redis) -> None:
    window = await store.window("rates", 3)
    await window.put(entries(1))
    await raw.script_flush()
    assert list(await window.put(entries(2))) == [True]
    await raw.script_flush()
    assert list(await store.save([a_result()])) == [True]
    assert list(await window.values()) == [2, 1]


async def test_keys_of_somebody_else_are_refused_before_anything_is_written(
    store: RedisStore, raw: client.Redis, prefix: str
) -> None:
    window, collection = await store.window("rates", 3), await store.collection("orders")
    for key in ("window:rates", "numbers:orders", "ids:other", "window:own"):
        await raw.set(f"{prefix}:{key}", "mine")
    put, other = entries(1), Result("a", "other", b"1", 1.0, 2.0, 3.0)
    with pytest.raises(Unavailable, match=r"window:rates is a string") as caught:
        await window.put(put)
    assert "prefix" in caught.value.hint
    with pytest.raises(Unavailable, match="numbers:orders"):
        await collection.keep([Document("b", b"1")])
    with pytest.raises(Unavailable, match="ids:other"):
        await store.save([a_result("a"), other])
    for opening in (store.window("own", 3), store.collection("orders_2")):
        await raw.set(f"{prefix}:collection:orders_2", "mine")
        with pytest.raises(UsageError, match="string"):
            await opening
    assert (await store.count(TOPIC), await store.count("other"), await collection.count()) == (0, 0, 0)
    await raw.delete(f"{prefix}:window:rates", f"{prefix}:ids:other")
    assert list(await window.put(put)) == [True]
    assert list(await store.save([a_result("a"), other])) == [True, True]


async def test_a_prefix_of_somebody_else_is_refused_when_the_store_opens(
    redis: Redis, raw: client.Redis, prefix: str
) -> None:
    await raw.set(f"{prefix}:claims", "mine")
    with pytest.raises(UsageError, match="claims is a string"):
        await opened(f"{redis.url}/0?prefix={prefix}")
    await raw.delete(f"{prefix}:claims")
    await raw.set(f"{prefix}:version", 99)
    with pytest.raises(UsageError, match="newer forebay"):
        await opened(f"{redis.url}/0?prefix={prefix}")


async def test_a_server_that_drops_keys_is_refused_and_volatile_ones_are_not(
    own_server: Callable[[type[Server]], Server],
) -> None:
    server = own_server(server_with(maxmemory="100mb", maxmemory_policy="allkeys-lru"))
    with pytest.raises(UsageError, match="allkeys-lru") as caught:
        await opened(server.url)
    assert "noeviction" in caught.value.hint
    admin = client.Redis(port=server.port)
    await admin.config_set("maxmemory-policy", "volatile-lru")
    await (await opened(server.url)).close()
    await admin.aclose()


async def test_the_durability_is_what_the_settings_prove(
    own_server: Callable[[type[Server]], Server], caplog: pytest.LogCaptureFixture
) -> None:
    server = own_server(Redis)
    admin = client.Redis(port=server.port)
    for settings, durability in [
        ({}, Durability.FSYNC),
        ({"appendfsync": "everysec"}, Durability.OS),
        ({"appendonly": "no"}, Durability.MEMORY),
    ]:
        for name, value in settings.items():
            await admin.config_set(name, value)
        with caplog.at_level(logging.WARNING, logger="forebay.stores.redis"):
            store = await opened(server.url)
        assert store.durability is durability
        await store.close()
    assert "appendonly no" in caplog.text
    with pytest.raises(Unsupported, match="memory"):
        await opened(f"{server.url}/0?durability=os")
    await admin.aclose()


async def test_a_full_memory_means_that_nothing_was_kept(own_server: Callable[[type[Server]], Server]) -> None:
    server = own_server(Redis)
    store = await opened(server.url)
    window = await store.window("rates", 3)
    admin = client.Redis(port=server.port)
    await admin.config_set("maxmemory", 1)
    for call in (store.save([a_result("a")]), window.put(entries(1)), store.claim([Claim("k", "f", "a", 1.0)])):
        with pytest.raises(Unavailable, match="memory of Redis is full") as caught:
            await call
        assert "maxmemory" in caught.value.hint
    assert (await store.count(TOPIC), list(await window.values())) == (0, [])
    await admin.config_set("maxmemory", 0)
    assert list(await store.save([a_result("a")])) == [True]
    await admin.aclose()
    await store.close()


async def test_an_account_needs_no_more_than_the_hint_says(own_server: Callable[[type[Server]], Server]) -> None:
    server = own_server(Redis)
    admin = client.Redis(port=server.port)
    for name, rights in (("half", "~shop:*"), ("whole", "~shop:* +@read +@write +@scripting +@connection +time")):
        await admin.execute_command("ACL", "SETUSER", name, "on", ">secret-word", "-@all", *rights.split())
    with pytest.raises(Unavailable) as caught:
        await opened(server.url.replace("//", "//half:secret-word@") + "/0?prefix=shop:store")
    assert "~shop:store*" in caught.value.hint
    with pytest.raises(Unavailable) as caught:
        await opened(server.url.replace("//", "//half:wrong-word@"))
    assert "wrong-word" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__!r}"
    store = await opened(server.url.replace("//", "//whole:secret-word@") + "/0?prefix=shop:store&keep=1h")
    assert store.durability is Durability.MEMORY  # it may not ask
    assert list(await store.save([a_result("a")])) == [True]
    assert list(await (await store.window("rates", 3)).put(entries(1))) == [True]
    await (await store.collection("orders")).keep([Document("b", b"1")])
    assert "secret-word" not in f"{vars(store)} {vars(store._server)}"
    await store.close()
    await admin.aclose()


async def test_a_cluster_needs_a_tag_that_keeps_the_keys_together(own_server: Callable[[type[Server]], Server]) -> None:
    server = own_server(server_with(cluster_enabled="yes", cluster_port=str(free_port())))
    admin = client.Redis(port=server.port)
    await admin.execute_command("CLUSTER", "ADDSLOTS", *range(16_384))
    async with asyncio.timeout(30):
        while b"cluster_state:ok" not in await admin.execute_command("CLUSTER", "INFO"):
            await asyncio.sleep(0.02)
    with pytest.raises(UsageError, match="cluster") as caught:
        await opened(server.url)
    assert "prefix={" in caught.value.hint
    store = await opened(f"{server.url}/0?prefix={{shop}}")
    assert list(await store.save([a_result("a")])) == [True]
    assert list(await (await store.window("rates", 3)).put(entries(1))) == [True]
    assert await store.get("a") == a_result("a")
    await store.close()
    await admin.aclose()
