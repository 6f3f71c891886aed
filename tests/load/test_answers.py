from __future__ import annotations

import gc
import itertools
import weakref

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forebay.load.shot import Kind, Outcome
from forebay.load.wire.answers import KEPT, LARGEST_HEAD, Answer, Garbage, Reader, plain

NAMES = [
    "Content-Length",
    "content-length",
    "Connection",
    "Proxy-Connection",
    "Transfer-Encoding",
    "Date",
    "X-A",
    "Upgrade",
]
VALUES = ["0", "2", "3", "007", "+2", "keep-alive", "close", "chunked", "gzip", "a\tb", "ä", " 2 ", "", "2, 2", "a\x00"]


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Answers that are lawful, and such as are nearly so."""
    status = draw(st.sampled_from([100, 101, 103, 200, 204, 304, 404, 503, 599, 600, 20]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.1", "1.0", "2.0"]))
    line = f"HTTP/{version} {status}" + draw(st.sampled_from([" OK", " ", "", " Not  Found", " \x01"]))
    headers = draw(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=4))
    colon = draw(st.sampled_from([":", ": ", ":", ": ", " : "]))
    head = "\r\n".join([line, *(name + colon + value for name, value in headers)])
    body = draw(st.sampled_from([b"", b"ok", b"abc", b"2\r\nok\r\n0\r\n\r\n", b"HTTP/1.1 200 OK\r\n"]))
    return head.encode("latin-1") + b"\r\n\r\n" + body


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """Answers with a few bytes of them changed, or one behind the other."""
    data = bytearray(
        draw(answers()) + draw(st.sampled_from([b"", b"", b"\r\n", b"x"])) + draw(st.just(b"") | answers())
    )
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.sampled_from(b"\r\n :\x00\xff1aH"))
    return bytes(data)


def read(data: bytes, cuts: list[int], bodiless: bool = False, told: bool = False) -> Answer | str:
    """Return what a reader makes of data in pieces, the end of the connection behind them."""
    reader = Reader(bodiless)
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    try:
        for begin, end in itertools.pairwise(edges):
            answer = reader.feed(data[begin:end])
            if answer is not None:
                return answer
        return reader.end() or "cut off"
    except Garbage as error:
        if told:
            raise
        return str(error)
    finally:
        reader.close()


def meaning(answer: Answer) -> tuple[object, ...]:
    headers = Outcome(0, "", Kind.ANSWERED, answer.status, 0, 0, 0, answer.head).headers
    return answer.status, headers, answer.body, answer.size, answer.keep


@given(answers() | mangled(), st.booleans())
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", False)
@example(b"HTTP/1.1 200\r\nX: \xe4\r\nContent-Length: 002 \r\nConnection: Keep-Alive\r\n\r\nok", False)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nProxy-Connection: close\r\n\r\nok", False)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", False)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length : 2\r\n\r\nok", False)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nno colon\r\n\r\n", False)
def test_what_is_known_by_its_head_is_what_the_parser_says(data: bytes, bodiless: bool) -> None:
    quick = plain(data, bodiless)
    for _ in range(2):  # the second time it is remembered
        if quick is not None:
            whole = read(data, [], bodiless)
            assert isinstance(whole, Answer)
            assert meaning(quick) == meaning(whole)
        quick = plain(data, bodiless)


@given(answers() | mangled(), st.lists(st.integers(0, 400), max_size=8), st.booleans())
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(data: bytes, cuts: list[int], bodiless: bool) -> None:
    at_once, in_pieces = read(data, [], bodiless), read(data, cuts, bodiless)
    if isinstance(at_once, Answer):
        assert isinstance(in_pieces, Answer)
        assert in_pieces.size <= at_once.size
        assert meaning(in_pieces)[:3] == meaning(at_once)[:3]
        if in_pieces.size == at_once.size:
            assert in_pieces.keep == at_once.keep
    else:
        assert isinstance(in_pieces, str)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5), st.booleans())
def test_garbage_is_told_as_such_and_never_breaks_the_reader(data: bytes, cuts: list[int], bodiless: bool) -> None:
    quick, slow = plain(data, bodiless), read(data, cuts, bodiless)
    assert quick is None or isinstance(slow, Answer)


@pytest.mark.parametrize(
    ("data", "bodiless", "status", "body", "keep"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", False, 200, b"ok", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", True, 200, b"", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", True, 200, b"", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, 204, b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", False, 304, b"", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n", False, 201, b"", True),
        (b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", False, 200, b"x", True),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\nT: u\r\n\r\n",
            False,
            200,
            b"x",
            True,
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc", False, 200, b"abc", False),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", False, 200, b"to the end", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", False, 200, b"x", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", False, 200, b"x", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", False, 200, b"x", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200", False, 200, b"x", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx!", False, 200, b"x", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", True, 200, b"", False),
    ],
)
def test_lawful_answers(data: bytes, bodiless: bool, status: int, body: bytes, keep: bool) -> None:
    answer = plain(data, bodiless) or read(data, [], bodiless)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.body, answer.keep) == (status, body, keep)


@pytest.mark.parametrize("line", [b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1 200 Very Well"])
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_the_head_has_its_first_line_whole_whatever_the_pieces(line: bytes, piece: int) -> None:
    data = line + b"\r\nX-First: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: 2\r\n\r\n"
    answer = read(data, list(range(0, len(data), piece)))
    assert isinstance(answer, Answer)
    assert answer.head.split(b"\r\n")[0].rstrip() == line.rstrip()
    assert meaning(answer)[1] == {"x-first": "1", "transfer-encoding": "chunked"}


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nPRI",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
def test_what_two_servers_could_read_differently_is_garbage(data: bytes) -> None:
    assert isinstance(read(data, []), str)


@pytest.mark.parametrize("piece", [b"X-Pad: " + b"a" * 1000 + b"\r\n", b"X: " + b"a" * 100_000 + b"\r\n"])
def test_a_head_that_does_not_end_is_given_up(piece: bytes) -> None:
    with pytest.raises(Garbage, match="larger than 256 KiB"):
        read(
            b"HTTP/1.1 200 OK\r\n" + piece * (LARGEST_HEAD // len(piece) + 2), list(range(0, 400_000, 1000)), told=True
        )


def test_interim_answers_without_end_are_given_up() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    with pytest.raises(Garbage, match="larger than 256 KiB"):
        read(interim * (LARGEST_HEAD // len(interim) + 2), list(range(0, 400_000, 1000)), told=True)


def test_only_the_beginning_of_a_body_is_kept() -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000
    for answer in (plain(data, False), read(data, [100_000, 700_000])):
        assert isinstance(answer, Answer)
        assert (len(answer.body), answer.size) == (KEPT, len(data))


def test_a_reader_that_is_closed_is_freed_without_the_collector() -> None:
    gc.disable()
    try:
        reader = Reader(False)
        reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        gone = weakref.ref(reader)
        reader.close()
        del reader
        assert gone() is None
    finally:
        gc.enable()
