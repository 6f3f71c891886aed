"""What befalls a Redis server and its clients, and what becomes of results, windows and effects."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
import redis.asyncio as client

from forebay.durability import Durability
from forebay.errors import Unavailable, Unknown
from forebay.lab.proxy import Proxy
from forebay.lab.servers import Redis, Server
from forebay.lab.toxics import LostReply
from forebay.message import new_id
from forebay.stores.collection import Document
from forebay.stores.opening import open_store
from forebay.stores.redis import RedisStore
from forebay.stores.store import Claim, Result
from forebay.stores.window import Entry
from insistent import insist, until_refused
from redis_drivers import by_way_of

T = TypeVar("T")

TOPIC = "rates"
MANY = 1_000_000

PUTTER = """
import asyncio, sys
from forebay.stores.opening import open_store
from forebay.stores.window import Entry

async def main(url, first, last):
    store = await open_store(url)
    window = await store.window("rates", 1_000_000)
    print("ready", flush=True)
    sys.stdin.readline()

    async def put(start):
        new = 0
        for n in range(start, last, 20):
            new += (await window.put([Entry(f"id{n}", "rates", n)]))[0]
            async with store.once(f"effect{n}", "effects") as commands:
                if commands is not None:
                    await commands.execute("INCR", store._server.key("effects", "made"))
        return new

    print(sum(await asyncio.gather(*(put(first + lane) for lane in range(20)))))
    await store.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


def a_result(id: str | None = None) -> Result:
    return Result(id or new_id(), TOPIC, b'{"count": 3}', 1.0, 2.0, 3.0)


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[RedisStore]:
    store = await open_store(address)
    assert isinstance(store, RedisStore)
    try:
        yield store
    finally:
        await store.close()


async def a_putter(address: str, first: int, last: int) -> asyncio.subprocess.Process:
    """Start a process that puts values into a window, and return when it is ready."""
    command = [sys.executable, "-c", PUTTER, address, str(first), str(last)]
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    process = await asyncio.create_subprocess_exec(*command, **pipes)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def until(ask: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds(await ask()):
            await asyncio.sleep(0.005)


@pytest.fixture
def address(redis: Redis) -> str:
    return f"{redis.url}/0?prefix=test:{uuid.uuid4().hex}"


async def test_a_server_that_is_killed_again_and_again_loses_nothing_that_was_confirmed(
    own_server: Callable[[type[Server]], Server],
) -> None:
    server = own_server(Redis)
    saved: list[str] = []
    put: list[int] = []
    kept: dict[str, int] = {}
    stop = asyncio.Event()

    async def save(store: RedisStore) -> None:
        while not stop.is_set():
            batch = [a_result() for _ in range(10)]
            await insist(lambda batch=batch: store.save(batch))
            saved.extend(result.id for result in batch)

    async def put_values(store: RedisStore) -> None:
        window = await store.window("rates", MANY)
        while not stop.is_set():
            batch = [Entry(new_id(), "put", len(put) + n) for n in range(10)]
            await insist(lambda batch=batch: window.put(batch))
            put.extend(entry.value for entry in batch)

    async def keep(store: RedisStore) -> None:
        collection = await store.collection("orders")
        while not stop.is_set():
            document = Document(new_id(), b"{}")
            for found in await insist(lambda document=document: collection.keep([document])):
                kept[found.key] = found.number

    async with opened(server.url) as store:
        tasks = [asyncio.create_task(work(store)) for work in (save, put_values, keep)]
        for round in range(3):
            async with asyncio.timeout(40):
                while min(map(len, (saved, put, kept))) < 50 * (round + 1):
                    await asyncio.sleep(0.005)
            await asyncio.to_thread(server.restart)
        stop.set()
        async with asyncio.timeout(30):
            await asyncio.gather(*tasks)
        assert await store.count(TOPIC) == len(saved)
        assert {result.id for result in await store.results(TOPIC, MANY)} == set(saved)
        assert list(await (await store.window("rates", MANY)).values()) == put[::-1]
        documents = await (await store.collection("orders")).newest(MANY)
        assert {document.key: document.number for document in documents} == kept
        assert sorted(kept.values()) == list(range(1, len(kept) + 1))


async def test_a_client_that_is_killed_leaves_effect_and_row_together(
    own_server: Callable[[type[Server]], Server],
) -> None:
    server = own_server(Redis)
    async with opened(server.url) as store:

        async def clients() -> int:
            return len((await store._server.ask("CLIENT", "LIST")).splitlines())

        window = await store.window("rates", MANY)
        for round in range(3):
            process = await a_putter(server.url, round * MANY, (round + 1) * MANY)
            try:
                before = await store.count(TOPIC)
                assert process.stdin is not None
                process.stdin.write(b"go\n")
                await until(lambda: store.count(TOPIC), lambda found, before=before: found > before + 100)
            finally:
                process.kill()
                await process.wait()
            await until(clients, lambda found: found == 1)  # the server has seen the end: what was sent has been run
            values = await window.values()
            assert len(values) == len(set(values)) == await store.count(TOPIC)
            made = await store._server.ask("GET", store._server.key("effects", "made"))
            assert int(made) == await store.count("effects")


async def test_two_processes_that_get_the_same_messages_count_each_once(address: str) -> None:
    processes = [await a_putter(address, 0, 2_000) for _ in range(2)]
    told = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(int(out) for out, _ in told) == 2_000
    async with opened(address) as store:
        assert await store.count(TOPIC) == await store.count("effects") == 2_000
        assert sorted(await (await store.window("rates", MANY)).values()) == list(range(2_000))
        assert int(await store._server.ask("GET", store._server.key("effects", "made"))) == 2_000


async def test_a_server_that_is_away_is_unavailable_and_found_again(
    own_server: Callable[[type[Server]], Server],
) -> None:
    server = own_server(Redis)
    async with opened(server.url) as store:
        window = await store.window("rates", 3)
        await window.put([Entry("a", TOPIC, 1)])
        await asyncio.to_thread(server.kill)
        with pytest.raises(Unavailable):  # also where it was sent before the end was seen: a question changes nothing
            await store.count(TOPIC)
        for call in (
            lambda: store.save([a_result()]),
            lambda: store.claim([Claim("k", "f", "a", 1.0)]),
            lambda: window.put([Entry("b", TOPIC, 2)]),
            lambda: store.get("a"),
            lambda: window.values(),
        ):
            with pytest.raises(Unavailable, match="cannot be reached"):
                await call()
        with pytest.raises(Unavailable):
            await open_store(server.url)
        await asyncio.to_thread(server.start)
        assert list(await window.put([Entry("b", TOPIC, 2)])) == [True]  # and its scripts are told anew
        assert list(await window.values()) == [2, 1]


async def test_what_was_sent_and_not_answered_is_unknown_and_harmless_to_say_again(address: str, redis: Redis) -> None:
    async with Proxy(redis.port) as proxy, opened(address.replace(redis.url, by_way_of(proxy, redis))) as store:
        window, collection = await store.window("rates", 5), await store.collection("orders")

        def put(id: str, value: int) -> Awaitable[object]:
            return window.put([Entry(id, TOPIC, value)])

        def save(id: str, value: int) -> Awaitable[object]:
            return store.save([a_result(f"saved {id}")])

        def keep(id: str, value: int) -> Awaitable[object]:
            return collection.keep([Document(id, b"%d" % value)])

        for call, answer in ((put, False), (save, False), (keep, Document("b", b"2", 2))):
            await call("a", 1)  # the server knows the script by now
            with proxy.spoiled(LostReply(b"EVALSHA")), pytest.raises(Unknown):
                await call("b", 2)
            assert await call("b", 2) == [answer]
        assert list(await window.values()) == [2, 1]
        assert await store.count(TOPIC) == 4


async def test_an_effect_whose_answer_was_lost_is_found_done(address: str, redis: Redis) -> None:
    async with Proxy(redis.port) as proxy, opened(address.replace(redis.url, by_way_of(proxy, redis))) as store:

        async def handle(id: str = "a") -> bool:
            async with store.once(id, TOPIC) as commands:
                if commands is not None:
                    await commands.execute("INCR", store._server.key("effects", "made"))
                return commands is not None

        await handle("first")  # the server knows the script by now
        with proxy.spoiled(LostReply(b"HEXISTS")), pytest.raises(Unavailable):
            await handle()
        with proxy.spoiled(LostReply(b"EVALSHA")), pytest.raises(Unknown):
            await handle()
        assert await handle() is False
        assert await store._server.ask("GET", store._server.key("effects", "made")) == b"2"


async def test_a_server_that_keeps_silent_is_unknown_by_the_timeout(
    own_server: Callable[[type[Server]], Server],
) -> None:
    server = own_server(Redis)
    store = await insist(lambda: open_store(f"{server.url}/0?timeout=300ms"))
    server.pause()
    with pytest.raises(Unknown, match="no answer"):
        await store.save([a_result("a")])
    server.resume()
    assert await insist(lambda: store.get("a")) in (None, a_result("a"))
    await insist(lambda: store.save([a_result("a")]))
    assert await insist(lambda: store.count(TOPIC)) == 1
    await store.close()


async def test_a_server_that_comes_back_with_less_keeps_nothing_of_those_who_ask_for_more(
    own_server: Callable[[type[Server]], Server],
) -> None:
    server = own_server(Redis)
    admin = client.Redis(port=server.port)
    async with opened(f"{server.url}/0?durability=fsync") as strict, opened(server.url) as easy:
        await admin.config_set("appendfsync", "everysec")
        await admin.client_kill_filter(_type="normal", skipme=True)
        assert isinstance(await until_refused(lambda: strict.save([a_result()]), "everysec"), Unavailable)
        await insist(lambda: easy.save([a_result()]))
        assert easy.durability is Durability.OS
        await admin.config_set("maxmemory", "100mb")
        await admin.config_set("maxmemory-policy", "allkeys-random")
        await admin.client_kill_filter(_type="normal", skipme=True)
        assert isinstance(await until_refused(lambda: easy.save([a_result()]), "allkeys-random"), Unavailable)
    await admin.aclose()


async def test_closing_lets_effects_end_that_are_under_way(address: str) -> None:
    store = await open_store(address)

    async def handle(n: int) -> None:
        async with store.once(f"id{n}", TOPIC) as commands:
            left.append(commands is not None)
            if len(left) == 20:
                all_inside.set()
            await all_inside.wait()

    left: list[bool] = []
    all_inside = asyncio.Event()
    handling = [asyncio.create_task(handle(n)) for n in range(20)]
    await all_inside.wait()
    await asyncio.sleep(0)  # now each has sent its script, or is about to
    await store.close()
    ended = await asyncio.gather(*handling, return_exceptions=True)
    async with opened(address) as again:
        assert await again.count(TOPIC) == sum(answer is None for answer in ended)
    assert {type(answer) for answer in ended} <= {type(None), Unavailable}
