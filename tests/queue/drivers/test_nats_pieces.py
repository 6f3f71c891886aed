from __future__ import annotations

import asyncio

import hypothesis.strategies as st
import pytest
from hypothesis import given

from forebay.errors import UsageError
from forebay.message import Message
from forebay.queue.drivers.nats.address import id_of, id_token, key_token, read_address
from forebay.queue.drivers.nats.api import seconds_of
from forebay.queue.drivers.nats.envelope import OURS, header_block, lines_of, read_headers, read_message
from forebay.queue.drivers.nats.fetcher import Fetcher, Raw
from forebay.queue.drivers.nats.leases import Lease, nak
from forebay.queue.drivers.nats.notes import Note, is_place, place_of
from forebay.queue.drivers.nats.publisher import group_of
from forebay.queue.drivers.nats.structures import Way, version_of, ways_of
from forebay.queue.drivers.nats.wire import Frame, status_of
from forebay.url import parse

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
NAMES = TEXT | st.sampled_from([*OURS, "Nats-Expected-Stream", "plain", "a:b"])


@given(
    id=TEXT.filter(bool),
    body=st.binary(max_size=50),
    key=st.none() | TEXT,
    headers=st.dictionaries(NAMES, TEXT, max_size=5),
    priority=st.integers(-9, 9),
    times=st.tuples(st.floats(0, 1e10), st.floats(0, 1e10)),
)
def test_a_message_is_read_as_it_was_written(id, body, key, headers, priority, times):
    sent = Message(id, body, key, headers, priority, *times)
    block = header_block(lines_of(sent), sent.headers)
    assert block.startswith(b"NATS/1.0\r\n")
    assert block.endswith(b"\r\n\r\n")
    assert read_message(block, body, "otherwise", 0.0) == sent


def test_a_message_of_somebody_else_is_read_as_far_as_it_can_be():
    block = b"NATS/1.0\r\nplain: a\r\nforebay-priority: many\r\nforebay-accepted-at: nan\r\nno colon\r\nx: \xff\r\n\r\n"
    assert read_message(block, b"x", "orders-7", 5.0) == Message(
        "orders-7", b"x", None, {"plain": "a", "x": "\ufffd"}, 0, 5.0
    )
    assert read_message(b"", b"", "orders-8", 6.0) == Message("orders-8", b"", accepted_at=6.0)


def test_a_header_of_somebody_else_with_a_name_of_ours_is_kept():
    assert read_headers(b"NATS/1.0\r\nforebay-odd: what?\r\n\r\n") == ({}, {"forebay-odd": "what?"})


@given(TEXT)
def test_an_id_is_found_again_in_its_token(id):
    token = id_token(id)
    assert id_of(token) == id
    assert token
    assert not set(token) & set(" .*>\r\n")


@given(st.none() | TEXT)
def test_a_key_has_a_token_that_a_subject_can_carry(key):
    assert key_token(key).isalnum() or key_token(key) == "_"


def test_a_lease_reads_the_acknowledgement_subjects_of_old_and_new_servers():
    way = Way("orders", "orders", "now", "orders.now.*")
    old = Lease(Raw(way, b"$JS.ACK.orders.orders.3.17.5.1700000000500000000.0", b"", b"", 0.0), 10.0)
    new = Lease(Raw(way, b"$JS.ACK.hub.acc.orders.orders.3.17.5.1700000000500000000.0.rand", b"", b"", 0.0), 10.0)
    for lease in (old, new):
        assert (lease.deliveries, lease.seq, lease.stored_at) == (3, 17, 1_700_000_000.5)
        assert lease.place == "now-17"
        assert lease.holds(9.9)
        assert not lease.holds(10.0)
        assert not lease.holds(9.9)  # once lost, never again ours


@pytest.mark.parametrize(
    ("attempts", "noted_at", "delivery", "expected"),
    [(1, 1, 2, 2), (0, 1, 2, 1), (1, 1, 4, 4), (3, 7, 1, 4)],
    ids=["after a retry", "after a release", "after two deaths", "after the server forgot its count"],
)
def test_the_attempt_is_reckoned_from_the_note(attempts, noted_at, delivery, expected):
    assert Note("now-1", noted_at, attempts).attempt(delivery) == expected


def test_a_delay_is_never_told_too_short():
    assert nak(0) == b"-NAK"
    assert nak(1.5) == b'-NAK {"delay": 1501000000}'


def test_names_of_places_groups_and_ways_are_told_apart():
    assert is_place(place_of("later", 3))
    assert not is_place("mark-12345678")
    assert not is_place("discarded")
    ways = ways_of(read_address(parse("nats://h/orders")).names, "audit")
    assert {group_of(way.consumer) for way in ways} == {"audit"}


def test_times_versions_frames_and_statuses_are_read_as_the_server_writes_them():
    assert seconds_of("2026-11-21T08:26:02.089851128Z") == pytest.approx(1795249562.089851)
    assert seconds_of("2026-11-21T08:26:02Z") == 1795249562.0
    assert version_of("2.12.0-RC.1") >= (2, 12)
    assert version_of("2.9.10") < (2, 10)
    assert Frame("s", b"ab").written("r") == b"PUB s r 2\r\nab\r\n"
    assert Frame("s", b"ab", b"NATS/1.0\r\n\r\n").written() == b"HPUB s  12 14\r\nNATS/1.0\r\n\r\nab\r\n"
    assert status_of(b"NATS/1.0 404 No Messages\r\n\r\n") == 404
    assert status_of(b"NATS/1.0\r\na: b\r\n\r\n") == 0


@pytest.mark.parametrize(
    "url", ["nats://h/t?replication=2", "nats://h/t?creds=/no/such/file", "nats://h/t?tls=perhaps"]
)
def test_an_option_that_cannot_be_is_refused(url):
    with pytest.raises(UsageError, match=url.partition("?")[2].partition("=")[0]):
        read_address(parse(url))


def test_several_servers_and_who_we_are_come_from_the_url():
    address = read_address(parse("nats://me:secret@a,b:5222/orders?lease=3s"))
    assert address.servers == ["nats://a:4222", "nats://b:5222"]
    assert address.login == {"user": "me", "password": "secret"}
    assert (address.asked.topic, address.asked.group, address.asked.lease) == ("orders", "orders", 3.0)
    assert "secret" not in repr(address)
    assert read_address(parse("nats://token@a/orders")).login == {"token": "token"}


class Silence:
    """A connection to a server that answers only what it is told to."""

    connected = True

    def __init__(self) -> None:
        self.ears, self.stopped = [], []

    def inbox(self) -> str:
        return "inbox"

    def listen(self, subject, hear):
        self.ears.append(hear)
        return len(self.ears) - 1

    def send(self, frames) -> None:
        """Nobody hears it."""

    def stop_listening(self, ear, seconds) -> None:
        self.stopped.append(ear)


def silent_fetcher():
    """Return the connection, a fetcher with two ways, and the list of what it is told that comes late."""
    wire, late = Silence(), []
    fetcher = Fetcher(wire, [Way("orders", name, "now", "orders.now.*") for name in ("a", "b")])
    fetcher.on_straggler = lambda: late.append(len(fetcher.found))
    return wire, fetcher, late


async def test_a_way_that_is_silent_is_heard_out_though_another_had_a_message():
    wire, fetcher, late = silent_fetcher()
    fetching = asyncio.create_task(fetcher.fetch(1, 0.0))
    await asyncio.sleep(0)
    wire.ears[0](b"", b"ack", b"one", b"")
    await fetching
    assert (wire.stopped, late) == ([0], [])
    assert [raw.data for raw in fetcher.take(5)] == [b"one"]
    wire.ears[1](b"", b"ack", b"two", b"")
    assert late == [1]


async def test_a_request_that_ends_by_itself_is_heard_out_though_its_caller_has_gone():
    wire, fetcher, late = silent_fetcher()
    fetching = asyncio.create_task(fetcher.fetch(1, 0.0))
    await asyncio.sleep(0)
    fetching.cancel()
    await asyncio.wait({fetching})
    assert wire.stopped == []
    wire.ears[1](b"", b"", b"", b"NATS/1.0 404 No Messages\r\n\r\n")
    assert late == []
    wire.ears[0](b"", b"ack", b"one", b"")
    assert late == [1]


async def test_what_comes_late_ends_the_wait_of_whoever_waits_now():
    wire, fetcher, _ = silent_fetcher()
    gone = asyncio.create_task(fetcher.fetch(1, 0.0))
    await asyncio.sleep(0)
    gone.cancel()
    waiting = asyncio.create_task(fetcher.fetch(1, 60.0))
    await asyncio.sleep(0)
    wire.ears[2](b"", b"", b"", b"NATS/1.0 404 No Messages\r\n\r\n")
    await asyncio.sleep(0.01)
    wire.ears[0](b"", b"ack", b"one", b"")
    async with asyncio.timeout(30):
        await waiting
    assert [raw.data for raw in fetcher.take(5)] == [b"one"]
