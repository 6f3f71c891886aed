"""NATS when it is killed, stands still, or has its streams taken away; and workers in processes of their own."""

from __future__ import annotations

import asyncio
import math
import signal
import sys

import pytest

from driving import Worker, finish, messages, take, until_counts
from forebay.errors import Unavailable, Unknown, UsageError
from forebay.lab.servers import NATS
from forebay.message import Message, new_id
from forebay.queue.driver import Driver, Ending, Settlement
from forebay.queue.drivers import nats as driver_of_nats
from forebay.queue.drivers.nats.api import Api
from forebay.queue.drivers.nats.wire import Frame
from forebay.queue.topic import Topic
from forebay.url import parse
from nats_drivers import opening


@pytest.fixture
async def opened():
    async with opening() as open_one:
        yield open_one


async def test_a_broker_that_is_killed_and_restarted_loses_nothing_accepted(opened, own_server):
    broker = own_server(NATS)
    driver, publisher = [await opened(broker, lease="2s") for _ in range(2)]
    worker, accepted, unknown, refused = Worker(driver), [], [], []

    async def publish(count: int) -> None:
        batch = messages(count)
        for one, answer in zip(batch, await publisher.publish(batch, math.inf), strict=True):
            kind = accepted if isinstance(answer, str) else unknown if isinstance(answer, Unknown) else refused
            kind.append(one.id)

    for _ in range(10):
        await publish(50)
    under_way = [asyncio.create_task(publish(50)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.to_thread(broker.kill)
    await asyncio.gather(*under_way)
    async with asyncio.timeout(30):
        while not refused:  # certainly nothing happened: it is down, once we have noticed
            await publish(50)
    await asyncio.to_thread(broker.restart)
    async with asyncio.timeout(30):
        while len(accepted) < 1000:
            await publish(50)
            await asyncio.sleep(0.01)
    await worker.until_ended(accepted)
    counts = await until_counts(driver, waiting=0, in_work=0)
    await worker.stop()
    assert set(worker.ended) <= set(accepted) | set(unknown)
    assert counts.lost == 0


async def test_a_broker_that_stands_still_leaves_no_publish_without_an_answer(opened, own_server):
    broker = own_server(NATS)
    driver = await opened(broker)
    topic = Topic("t", driver, deadline=1.0, owned=False)
    before = await topic.publish(Message(new_id(), b"x"))
    assert before
    broker.pause()
    batch = messages(300)
    answers = await asyncio.gather(*(topic.publish(one) for one in batch), return_exceptions=True)
    assert {type(answer) for answer in answers} <= {Unknown, Unavailable}
    late = ("no answer from the broker within 1 s", "the broker does not answer")  # the topic's words, not the driver's
    assert [answer for answer in answers if not any(words in str(answer) for words in late)] == []
    broker.resume()
    async with asyncio.timeout(30):
        while True:
            again = await asyncio.gather(*(topic.publish(one) for one in batch), return_exceptions=True)
            if all(isinstance(answer, str) for answer in again):
                break
            await asyncio.sleep(0.1)
    await topic.close()
    taken = await take(driver, 301)  # each was stored once, though it was published again
    assert len({one.message.id for one in taken}) == 301
    assert all(await driver.settle([Settlement(one) for one in taken]))
    assert (await until_counts(driver, done=301, waiting=0)).accepted == 301


async def test_a_connection_is_not_deaf_after_a_pong_for_which_nobody_waits_any_more(opened, own_server):
    broker = own_server(NATS)
    driver = await opened(broker)
    broker.pause()
    await driver._wire.settle_down()
    broker.resume()
    async with asyncio.timeout(30):
        assert (await driver.counts()).waiting == 0


async def test_what_a_server_hands_out_late_to_nobody_goes_to_another_and_was_no_attempt(opened, own_server):
    broker = own_server(NATS)
    gone, other = await opened(broker, lease="12s"), await opened(broker, lease="12s")
    await other.publish(messages(1), math.inf)
    broker.pause()
    receiving = asyncio.create_task(gone.receive(1, 0.2))
    await asyncio.sleep(0)  # it has asked, and waits
    receiving.cancel()
    await asyncio.wait({receiving})
    await asyncio.wait(gone._tasks)  # it does not wait for the server any more
    broker.resume()
    async with asyncio.timeout(30):
        while not gone._group.fetcher.found:
            await asyncio.sleep(0.01)
    [one] = await take(other, 1)
    assert one.attempt == 1


async def test_while_there_is_no_connection_a_publish_is_refused_at_once_and_never_sent(opened, own_server):
    broker = own_server(NATS)
    driver = await opened(broker)
    await asyncio.to_thread(broker.kill)
    async with asyncio.timeout(30):
        while not isinstance((await driver.publish(messages(1), math.inf))[0], Unavailable):
            await asyncio.sleep(0.01)
    answers = await driver.publish(messages(5), math.inf)
    assert {type(answer) for answer in answers} == {Unavailable}
    await asyncio.to_thread(broker.restart)
    await until_counts(driver, waiting=0, accepted=0)


async def remove(driver: Driver, what: str) -> None:
    await Api(driver._wire).ask(what)


@pytest.mark.parametrize("group", ["", "audit"], ids=["of the topic", "another"])
async def test_a_consumer_that_is_removed_under_a_worker_is_made_anew_and_nothing_is_lost(opened, nats, group):
    group = group or opened.topic
    driver = await opened(nats, group=group)
    worker = Worker(driver)
    first = messages(20)
    await driver.publish(first, math.inf)
    await until_counts(driver, done=20)
    await remove(driver, f"CONSUMER.DELETE.{opened.topic}.{group}")
    second = messages(20)
    await driver.publish(second, math.inf)
    await worker.until_ended(one.id for one in second)
    await worker.stop()
    assert any("made anew" in words for words in worker.heard)


async def test_a_stream_that_is_removed_under_a_worker_is_made_anew_and_it_says_so(opened, nats):
    driver, publisher = await opened(nats), await opened(nats)
    worker = Worker(driver)
    await publisher.publish(messages(5), math.inf)
    await until_counts(driver, done=5)
    await remove(driver, f"STREAM.DELETE.{opened.topic}")
    batch = messages(20)
    answers = await publisher.publish(batch, math.inf)
    assert all(isinstance(answer, str) for answer in answers), answers
    await worker.until_ended(one.id for one in batch)
    await worker.stop()


async def test_streams_of_notes_and_dead_letters_that_are_removed_are_made_anew(opened, nats):
    driver = await opened(nats)
    await driver.publish(messages(2), math.inf)
    tried, dead = await take(driver, 2)
    for stream in ("notes", "dead"):
        await remove(driver, f"STREAM.DELETE.{opened.topic}-{stream}")
    ends = [Settlement(tried, Ending.RETRY, 0.1), Settlement(dead, Ending.DEAD, 0.0, {"reason": "x"})]
    with pytest.raises(Unavailable, match="made anew"):
        await driver.settle(ends)
    assert await driver.settle(ends) == [True, True]
    [again] = await take(driver, 1)
    assert (again.message.id, again.attempt) == (tried.message.id, 2)
    assert [letter.message.id for letter in await driver.dead_letters()] == [dead.message.id]


async def test_what_somebody_else_has_published_is_a_message_or_a_dead_letter(opened, nats):
    driver = await opened(nats)
    headers = b"NATS/1.0\r\nforebay-priority: many\r\ncolour: red\r\n\r\n"
    frames = [Frame(f"{opened.topic}.now.x", b"plain"), Frame(f"{opened.topic}.now.y", b"", headers)]
    assert None not in await driver._wire.ask(frames)
    plain, other = await take(driver, 2)
    assert (plain.message.id, plain.message.body, plain.attempt) == (f"{opened.topic}-1", b"plain", 1)
    assert plain.message.accepted_at > 1_600_000_000
    assert other.message.headers == {"colour": "red"}
    story = {"reason": "what is it?"}
    assert await driver.settle([Settlement(plain), Settlement(other, Ending.DEAD, 0.0, story)]) == [True, True]
    [letter] = await driver.dead_letters()
    assert (letter.message.id, letter.message.headers) == (f"{opened.topic}-2", story)
    assert await driver.return_dead([letter.message.id]) == 1
    [again] = await take(driver, 1)
    assert again.message.id == f"{opened.topic}-2"


async def test_a_stream_of_somebody_else_is_not_taken_for_a_topic(opened, nats):
    driver = await opened(nats)
    name = f"t{new_id()}"
    await Api(driver._wire).ask(f"STREAM.CREATE.{name}", {"name": name, "subjects": [f"elsewhere.{name}"]})
    with pytest.raises(UsageError, match="belongs to somebody else"):
        await driver_of_nats.connect(parse(f"{nats.url}/{name}"))


WORKER = """
import asyncio, sys
from forebay.queue.drivers.nats import connect
from forebay.queue.driver import Settlement
from forebay.url import parse

async def main():
    driver = await connect(parse(sys.argv[1]))
    while True:
        taken = await driver.receive(10, 1.0)
        half = taken[: len(taken) // 2]
        print("ends", *(one.message.id for one in half), flush=True)
        kept = await driver.settle([Settlement(one) for one in half])
        print("ended", *(one.message.id for one, held in zip(half, kept) if held), flush=True)

asyncio.run(main())
"""


async def test_a_worker_that_is_killed_in_the_middle_of_a_batch_loses_nothing_and_ends_nothing_twice(opened, nats):
    driver = await opened(nats, lease="2s")
    batch = messages(200)
    await driver.publish(batch, math.inf)
    url = f"{nats.url}/{opened.topic}?lease=2s"
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert victim.stdout is not None
    said: dict[str, set[str]] = {"ends": set(), "ended": set()}
    async with asyncio.timeout(30):
        while len(said["ended"]) < 20:
            note(said, await victim.stdout.readline())
    victim.send_signal(signal.SIGKILL)
    for line in (await victim.stdout.read()).splitlines():
        note(said, line)
    await victim.wait()
    worker = Worker(driver)
    counts = await until_counts(driver, done=200, waiting=0, in_work=0)
    await worker.stop()
    assert counts.lost == 0
    assert set(worker.ended.values()) == {1}
    assert not said["ended"] & worker.ended.keys()
    left = {one.id for one in batch} - said["ended"] - worker.ended.keys()
    assert left <= said["ends"]  # killed between the server's hearing of it and its own telling


def note(said: dict[str, set[str]], line: bytes) -> None:
    """Note what a worker says of the messages that it ends; a line is written at once, or not at all."""
    word, *ids = line.decode().split()
    said[word].update(ids)


LATE = """
import asyncio, sys
from forebay.queue.drivers.nats import connect
from forebay.queue.driver import Settlement
from forebay.url import parse

async def main():
    driver = await connect(parse(sys.argv[1]))
    taken = []
    while not taken:
        taken = await driver.receive(1, 1.0)
    print("got", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(await driver.settle([Settlement(one) for one in taken]), flush=True)

asyncio.run(main())
"""


async def test_a_worker_that_stood_still_beyond_its_lease_ends_nothing(opened, nats):
    driver = await opened(nats, lease="2s")
    await driver.publish(messages(1), math.inf)
    url = f"{nats.url}/{opened.topic}?lease=2s"
    slow = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LATE, url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert slow.stdout is not None
    assert slow.stdin is not None
    async with asyncio.timeout(30):
        assert await slow.stdout.readline() == b"got\n"
    slow.send_signal(signal.SIGSTOP)
    [delivery] = await take(driver, 1)
    assert delivery.attempt == 2
    slow.send_signal(signal.SIGCONT)
    slow.stdin.write(b"go on\n")
    answer = asyncio.create_task(slow.stdout.readline())
    async with asyncio.timeout(30):
        while not answer.done():
            await driver.extend([delivery])
            await asyncio.wait({answer}, timeout=0.2)
    assert answer.result() == b"[False]\n"
    async with asyncio.timeout(30):
        await slow.wait()
    await finish(driver, delivery)
    assert (await until_counts(driver, done=1, in_work=0, waiting=0)).lost == 0


async def test_a_wrong_password_is_refused_and_never_printed(own_server, required, caplog):
    required(NATS)
    with NATS(settings="authorization { user: me, password: right-one }") as broker:
        place = f"127.0.0.1:{broker.port}/orders"
        driver = await driver_of_nats.connect(parse(f"nats://me:right-one@{place}"))
        await driver.close()
        with pytest.raises(UsageError, match="does not let us in") as caught:
            await driver_of_nats.connect(parse(f"nats://me:wrong-one@{place}"))
    told = f"{caught.value} {caught.value.hint} {caught.value.__cause__!r} {caught.value.__context__ and ''}"
    assert "wrong-one" not in told
    assert caplog.records == []  # whoever opens is told by the error alone


async def test_a_server_that_is_not_there_is_unavailable_and_the_next_one_is_taken(nats, caplog):
    with pytest.raises(Unavailable, match="cannot reach"):
        await driver_of_nats.connect(parse("nats://127.0.0.1:1/orders"))
    assert caplog.records == []
    driver = await driver_of_nats.connect(parse(f"nats://127.0.0.1:1,127.0.0.1:{nats.port}/t{new_id()}"))
    assert isinstance((await driver.publish(messages(1), math.inf))[0], str)
    await driver.close()
