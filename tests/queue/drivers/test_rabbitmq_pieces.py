from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands, header
from pamqp import frame as pamqp_frame

from forebay.disciplines import Discipline, Order
from forebay.durability import Durability
from forebay.errors import ForebayError, QueueFull, TooLarge, Unavailable, Unknown, UsageError
from forebay.message import Message
from forebay.queue.admin import Severity
from forebay.queue.drivers.rabbitmq import frames
from forebay.queue.drivers.rabbitmq.address import CLASSIC_PRIORITY, QUORUM, address_of, arguments_of, version_of
from forebay.queue.drivers.rabbitmq.examination import durability_of, findings_of_broker, findings_of_queue
from forebay.queue.drivers.rabbitmq.frames import Arrival, Properties
from forebay.queue.drivers.rabbitmq.ladder import FIRST_STEP, SLACK_SECONDS, SLACK_SHARE, STEPS, lasting, step_for
from forebay.queue.drivers.rabbitmq.management import Flag, Node, Policy, Queue
from forebay.queue.drivers.rabbitmq.publisher import Publisher
from forebay.queue.drivers.rabbitmq.records import came, content_of
from forebay.url import parse

TEXTS = st.text(max_size=300)
MESSAGES = st.builds(
    Message,
    id=st.text(min_size=1, max_size=300),
    body=st.binary(max_size=400),
    key=st.none() | TEXTS,
    headers=st.dictionaries(st.sampled_from(["CC", "BCC", "x-death", "forebay-id", "forebay-key"]) | TEXTS, TEXTS),
    priority=st.integers(-1000, 1000),
    accepted_at=st.floats(0, 4e9),
    not_before=st.floats(0, 4e9),
)


def sent_and_read(message: Message, **ours: float) -> Arrival:
    """Let a message go through the bytes of its header frame."""
    _, payload, body = content_of(message, 131_072, **ours)
    size, properties = frames.read_header(payload)
    assert size == len(message.body)
    return Arrival(1, False, properties, body)


@given(MESSAGES, st.integers(0, 9), st.floats(0, 4e9))
def test_a_message_comes_out_of_its_frames_as_it_went_in(message, tried, due_at):
    one = came(sent_and_read(message, tried=tried, due_at=due_at), "unused")
    assert one.message == message
    assert (one.tried, one.crashes, one.foreign) == (tried, 0, False)
    assert one.due_at == max(due_at, message.not_before)


@given(MESSAGES, st.integers(50, 200))
def test_pamqp_reads_the_frames_that_are_written_by_hand(message, frame_max):
    id, payload, body = content_of(message, 131_072, sorted_by_priority=True)
    data = frames.message_frames(7, frames.publish_method("an exchange", "a key"), payload, body, frame_max)
    read = []
    while data:
        length, channel, frame = pamqp_frame.unmarshal(data)
        assert channel == 7
        read.append(frame)
        data = data[length:]
    assert (read[0].exchange, read[0].routing_key, read[0].mandatory) == ("an exchange", "a key", True)
    properties = read[1].properties
    assert (properties.message_id or properties.headers["forebay-id"], properties.delivery_mode) == (id, 2)
    assert (properties.priority or 0) == min(max(message.priority, 0), 31)
    assert b"".join(piece.value for piece in read[2:]) == message.body
    assert all(len(piece.value) <= frame_max - frames.OVERHEAD for piece in read[2:])


def test_what_other_programs_write_is_read_whatever_it_is():
    table = {
        "n": 1,
        "list": [1, "a"],
        "none": None,
        "raw": bytearray(b"\xff\xfe"),
        "yes": True,
        "x-delivery-count": 3,
        "s": "t",
    }
    properties = commands.Basic.Properties(
        content_type="text/plain", content_encoding="gzip", headers=table, priority=9, correlation_id="c", reply_to="r"
    )
    payload = pamqp_frame.marshal(header.ContentHeader(0, 5, properties), 1)[7:-1]
    size, read = frames.read_header(payload)
    one = came(Arrival(1, True, read, b"12345"), "given")
    assert size == 5
    assert (one.message.id, one.foreign, one.crashes, one.message.priority) == ("given", True, 3, 9)
    assert set(one.message.headers) == {*table} - {"x-delivery-count"}
    assert (one.message.headers["n"], one.message.headers["s"]) == ("1", "t")


@pytest.mark.parametrize("text", ["", "tomorrow", "nan", "inf", "-5", "1e400"])
def test_spoiled_headers_of_ours_do_no_harm(text):
    ours = ("tried", "due-at", "priority", "not-before", "accepted-at", "odd-headers")
    one = came(Arrival(1, False, Properties({f"forebay-{name}": text for name in ours}, "id"), b""), "")
    assert one.message.id == "id"
    assert one.tried >= 0
    assert math.isfinite(one.due_at)


def test_headers_that_no_frame_can_hold_are_refused():
    with pytest.raises(TooLarge, match="headers"):
        content_of(Message("id", b"", headers={"long": "x" * 140_000}), 131_072)


@given(st.floats(0.0, 1e7))
def test_a_step_of_the_ladder_is_long_enough_or_leaves_the_rest_to_another(seconds):
    step = step_for(seconds)
    assert 0 <= step < STEPS
    over = lasting(step) - seconds
    assert over <= max(SLACK_SECONDS, seconds * SLACK_SHARE, FIRST_STEP)
    if over < 0 and step < STEPS - 1:
        assert lasting(step + 1) - seconds > SLACK_SECONDS


@given(st.floats(0.0, 100_000.0))
def test_a_delay_ends_after_few_steps_and_not_long_after_its_time(seconds):
    left, steps = seconds, 0
    while left > 0:
        left -= lasting(step_for(left))
        steps += 1
    assert -left <= max(SLACK_SECONDS, SLACK_SHARE * seconds) + 1e-6
    assert steps <= 10 + seconds / lasting(STEPS - 1)


def test_the_queue_of_a_group_is_of_the_kind_that_the_broker_can_give():
    assert arguments_of(Discipline.PRIORITY, Order.NONE, version_of("3.10.8")) is CLASSIC_PRIORITY
    assert arguments_of(Discipline.PRIORITY, Order.NONE, version_of("4.2.1")) is CLASSIC_PRIORITY
    assert arguments_of(Discipline.PRIORITY, Order.NONE, version_of("4.3.0")) is QUORUM
    assert arguments_of(Discipline.FIFO, Order.NONE, version_of("odd")) is QUORUM
    assert arguments_of(Discipline.FIFO, Order.KEY, version_of("3.10.8"))["x-single-active-consumer"] is True


@pytest.mark.parametrize(
    ("text", "host", "port", "vhost", "user"),
    [
        ("amqp://h/orders", "h", 5672, "/", "guest"),
        ("amqp://me:geheim@h:99/orders", "h", 99, "/", "me"),
        ("amqps://h/orders", "h", 5671, "/", "guest"),
        ("amqp://h/production?topic=orders", "h", 5672, "production", "guest"),
        ("amqp://[::1]:99/orders", "::1", 99, "/", "guest"),
        ("amqp://[::1]/orders", "::1", 5672, "/", "guest"),
    ],
)
def test_a_url_names_the_broker_the_virtual_host_and_the_topic(text, host, port, vhost, user):
    url = parse(text)
    address = address_of(url.with_options(topic=url.options.get("topic", url.path)))
    account = address.account
    assert (account.host, account.port, account.vhost, account.user) == (host, port, vhost, user)
    assert address.topic == "orders"
    assert "geheim" not in repr(address)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("amqp:///orders?topic=orders", "broker"),
        ("amqp://h:port/?topic=orders", "port"),
        ("amqp://h/?topic=orders&managment=http://h", "managment"),
        ("amqp://h/?topic=orders&management=h:15672", "management"),
        ("amqp://h/?topic=orders&discipline=lifo", "lifo"),
        ("amqps://h/?topic=orders&cafile=/no/such/file", "cafile"),
    ],
)
def test_a_wrong_url_is_refused_with_what_is_wrong_in_it(text, names):
    with pytest.raises(UsageError, match=names):
        address_of(parse(text))


def queue(**fields: object) -> Queue:
    return Queue(**{"name": "orders", "type": "quorum", "members": ["a", "b", "c"], **fields})


@pytest.mark.parametrize(
    ("fields", "durability"),
    [
        ({}, Durability.REPLICATED),
        ({"members": ["a"]}, Durability.FSYNC),
        ({"type": "classic"}, Durability.OS),
        ({"durable": False}, Durability.MEMORY),
    ],
)
def test_the_class_of_a_topic_is_that_of_its_weakest_queue(fields, durability):
    assert durability_of([queue(), queue(**fields)]) is durability


@pytest.mark.parametrize(
    ("fields", "setting", "severity"),
    [
        ({"durable": False}, "durable", Severity.LOSES),
        ({"auto_delete": True}, "auto-delete", Severity.LOSES),
        ({"type": "classic"}, "type", Severity.WARNS),
        ({"members": ["a"]}, "members", Severity.WARNS),
        ({"arguments": {"x-max-length": 5}}, "max-length", Severity.LOSES),
        ({"arguments": {"x-delivery-limit": 20}}, "delivery-limit", Severity.LOSES),
    ],
)
def test_a_bad_setting_of_a_queue_is_named_with_its_mend(fields, setting, severity):
    assert [one.severity for one in findings_of_queue(queue(), 3)] == [Severity.FINE]
    [found] = findings_of_queue(queue(**fields), 3)
    assert (found.setting, found.severity) == (f"{setting} of orders", severity)
    assert found.why
    assert found.mend


def test_of_policies_the_strictest_that_concerns_a_queue_counts():
    ours = [
        Policy(pattern="^orders$", definition={"max-length": 10}, apply_to="exchanges"),
        Policy(pattern="^ord", definition={"max-length": 20, "overflow": "reject-publish"}, apply_to="quorum_queues"),
        Policy(pattern=".*", definition={"message-ttl": 5}),
    ]
    ruled = queue().ruled_by(ours, [Policy(pattern="", definition={"max-length": 7})])
    assert [ruled.setting(name) for name in ("max-length", "overflow", "message-ttl")] == [7, "reject-publish", None]


@pytest.mark.parametrize("name", ["mem_alarm", "disk_free_alarm"])
def test_alarms_and_single_machines_and_flags_are_told(name):
    told = findings_of_broker([Node(name="a", **{name: True})], [Flag(name="stream_queue", state="disabled")])
    assert sum("alarm" in one.setting for one in told) == 1
    assert {"nodes", "feature flag stream_queue"} <= {one.setting for one in told}


class Publishing(Publisher):
    """Answers as it was told, call by call, and keeps what it was given."""

    def __init__(self, *answers):
        self.answers, self.sent = iter(answers), []

    async def send(self, letters):
        self.sent.append(list(letters))
        answer = next(self.answers)
        if isinstance(answer, ForebayError):
            raise answer
        return answer


FULL, GONE, UNSURE = QueueFull("full"), Unavailable("gone"), Unknown("nobody knows")


@pytest.mark.parametrize(
    ("answers", "sent", "results"),
    [
        ([[None, None]], ["ab"], [None, None]),
        ([[None, FULL], [None]], ["ab", "b"], [None, None]),
        ([[FULL, UNSURE], [FULL], [None]], ["ab", "a", "a"], [None, UNSURE]),
        ([[FULL, None], GONE], ["ab", "a"], [FULL, None]),
        ([[FULL, None]] + [[FULL]] * 6, ["ab"] + ["a"] * 6, [FULL, None]),
    ],
)
async def test_only_what_was_refused_is_sent_again(own_time, answers, sent, results):
    publisher = Publishing(*answers)
    assert await publisher.insist("ab") == results
    assert publisher.sent == [list(letters) for letters in sent]


async def test_who_cannot_send_at_all_says_so_at_once():
    with pytest.raises(Unavailable):
        await Publishing(GONE).insist("ab")
