import multiprocessing
import sys
import threading

import msgspec
import pytest

from forebay.message import Message, new_id


@pytest.fixture
def hasty_threads():
    """Let the interpreter change threads as often as it can, so that a race is run into and not only possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_ids_are_unique_also_among_threads():
    drawn: list[list[str]] = []
    threads = [threading.Thread(target=lambda: drawn.append([new_id() for _ in range(20_000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id for ids in drawn for id in ids}) == 80_000


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_draws_other_ids():
    new_id()
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=lambda: sending.send([new_id()[12:] for _ in range(100)]))
    child.start()
    there = receiving.recv()
    child.join()
    assert not set(there) & {new_id()[12:] for _ in range(100)}


def test_ids_sort_by_the_time_of_their_birth():
    first = new_id()
    while (second := new_id())[:12] == first[:12]:
        pass
    assert first < second
    assert len(first) == 32


def test_a_message_cannot_be_changed_but_copied_with_changes():
    message = Message("1", b"body", "key", {"a": "b"}, 3, 5.0)
    with pytest.raises(AttributeError):
        message.body = b"other"
    assert message.replace(body=b"other") == Message("1", b"other", "key", {"a": "b"}, 3, 5.0)


def test_messages_do_not_share_their_headers():
    assert Message("1", b"").headers is not Message("2", b"").headers


def test_a_message_survives_its_encoding():
    message = Message("1", b"\x00\xff", None, {"a": "ü"}, 0, 5.25)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=Message) == message
