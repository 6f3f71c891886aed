import asyncio

from forebay.durability import Durability
from forebay.lab import witness
from forebay.lab.witness import TOPIC, Witness, still_there
from forebay.message import Message
from forebay.queue.opening import open_topic


def test_what_a_witness_saw_acknowledged_is_still_there_when_it_was_killed(tmp_path):
    url = f"sqlite:///{tmp_path}/queue.db"
    with Witness(url, tmp_path) as seen:
        seen.kill()
        found = asyncio.run(still_there(url))
        acknowledged = seen.acknowledged()
    assert seen.durability is Durability.FSYNC
    assert acknowledged
    assert acknowledged <= set(found)
    assert set(found.values()) == {1}


def test_it_testifies_of_stores_too(tmp_path, postgres):
    url = f"{postgres.url}?schema=witnessed"
    with Witness(url, tmp_path) as seen:
        seen.kill()
        found = asyncio.run(still_there(url))
    assert seen.acknowledged() <= set(found)


async def test_what_is_still_there_is_counted_as_often_as_it_is(tmp_path):
    url = f"sqlite:///{tmp_path}/queue.db"
    topic = await open_topic(url, TOPIC)
    for id in ("a", "b"):
        await topic.publish(Message(id, b"1"))
    await topic.close()
    assert await still_there(url) == {"a": 1, "b": 1}
    assert await still_there(url) == {}


def test_what_cannot_be_opened_is_said_in_two_lines(tmp_path, capsys):
    assert witness.main(["carrier-pigeon://host/orders", str(tmp_path / "x")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert witness.main(["only one"]) == 2
