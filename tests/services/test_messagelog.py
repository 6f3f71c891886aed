"""The message log as its users meet it: over real HTTP, in one process."""

from __future__ import annotations

import asyncio
import html
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import ask
from forebay.errors import Unavailable, UsageError
from forebay.message import Message, new_id
from forebay.services.messagelog.app import messagelog
from forebay.services.messagelog.listing import visible

FORM = {"content_type": "application/x-www-form-urlencoded"}
JSON = {"accept": "application/json"}
HTML = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
HOSTILE = '</pre><script>alert("1")</script>&amp;\n\x1b[2J\u202e'


@pytest.fixture
def serve(served):
    """Serve a message log, or one made otherwise, by settings."""
    return lambda app=None, **given: served(app or messagelog(), **given)


async def save(running, *texts):
    """Save texts one after the other, and wait until each is received: they are listed in this order."""
    for text in texts:
        heard = await ask(running.port, f"/save?q={quote(text)}")
        assert heard.status == 200, heard.body
        await running.drained(20)


async def retrieved(running):
    heard = await ask(running.port, "/retrieve", **JSON)
    assert heard.status == 200, heard.body
    return [one["text"] for one in heard.json["messages"]]


async def accepted(running):
    (ledger,) = await running.ledgers()
    return ledger.accepted


async def test_what_is_saved_is_retrieved_with_the_newest_last(serve):
    async with serve() as running:
        assert await retrieved(running) == []
        await save(running, "Hello", "Привет", "")  # an empty text is a message too
        assert await retrieved(running) == ["Hello", "Привет", ""]


async def test_query_and_form_save_by_get_and_post(serve):
    async with serve() as running:
        assert (await ask(running.port, "/save?q=one")).status == 200
        assert (await ask(running.port, "/save?q=two", b"")).status == 200
        assert (await ask(running.port, "/save", b"q=thr%65e", **FORM)).status == 200
        assert (await ask(running.port, "/save", "q=четыре".encode(), **FORM)).status == 200
        await running.drained(20)
        assert sorted(await retrieved(running)) == ["one", "three", "two", "четыре"]


async def test_a_broker_without_positions_tells_the_id(serve):
    async with serve() as running:
        heard = await ask(running.port, "/save?q=a")
        id = heard.headers["forebay-id"]
        assert heard.body == f"Message was saved.\nMessage id is {id}.\n".encode()
        assert (await ask(running.port, "/save?q=a", **JSON)).json.keys() == {"id"}


async def test_an_answer_to_a_get_is_not_cached_since_the_get_saves(serve):
    async with serve() as running:
        for form in ({}, JSON):
            heard = await ask(running.port, "/save?q=a", **form)
            assert heard.headers["cache-control"] == "no-store"
            assert heard.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE"])
async def test_other_methods_save_nothing(serve, method):
    async with serve() as running:
        assert (await ask(running.port, "/save?q=a", method=method)).status == 405
        assert await accepted(running) == 0


@pytest.mark.parametrize(
    ("target", "reason"),
    [("", "missing"), ("?Q=a", "missing"), ("?q=%00", "NUL"), ("?q=a%ff", "UTF-8"), ("?q=%ed%a0%80", "UTF-8")],
)
async def test_what_is_no_text_is_refused_and_nothing_is_saved(serve, target, reason):
    async with serve() as running:
        for body in (None, b""):
            heard = await ask(running.port, f"/save{target}", body)
            assert heard.status == 400
            assert reason in heard.json["detail"]
        assert await accepted(running) == 0


async def test_a_message_that_is_no_text_is_a_dead_letter_and_blocks_nobody(serve):
    async with serve() as running:
        for body in (b"\xff", b"a\0b", b"fine"):
            await running.publish("messages", body)
        await running.drained(20)
        assert await retrieved(running) == ["fine"]
        letters = await running.topic("messages")._driver.dead_letters(10)
        assert {letter.message.body for letter in letters} == {b"\xff", b"a\0b"}


async def test_the_list_is_bounded_by_the_number_of_messages(serve):
    async with serve(messagelog(kept="3")) as running:
        await save(running, *"abcde")
        assert await retrieved(running) == ["c", "d", "e"]


async def test_the_list_is_bounded_by_their_size_but_never_empty_for_it(serve):
    async with serve(messagelog(page="1KiB")) as running:
        await save(running, "x" * 2_000)
        assert await retrieved(running) == ["x" * 2_000]
        await save(running, "a" * 400, "b" * 400)
        assert await retrieved(running) == ["a" * 400, "b" * 400]


async def test_more_than_a_step_of_the_store_is_listed_in_order(serve):
    async with serve() as running:
        texts = [f"{n}" for n in range(250)]
        for text in texts:
            await running.publish("messages", text.encode())
        await running.drained(20)
        assert sorted(await retrieved(running), key=int) == texts


async def test_the_list_is_there_again_after_a_restart(serve):
    async with serve() as running:
        await save(running, "before")
    async with serve() as running:
        assert await retrieved(running) == ["before"]
        await save(running, "after")
        assert await retrieved(running) == ["before", "after"]


async def test_without_a_queue_a_text_is_kept_inside_its_request(serve):
    async with serve(places=0) as running:
        assert (await ask(running.port, "/save?q=%00")).status == 400
        heard = await ask(running.port, "/save?q=direct")
        assert (heard.status, heard.body[:18]) == (200, b"Message was saved.")
        assert await retrieved(running) == ["direct"]


async def test_without_a_queue_a_store_that_is_away_is_503_and_nothing_is_saved(serve, monkeypatch):
    async with serve(places=0) as running:
        collection = await running.store.collection("messages")

        async def away(self, documents):
            raise Unavailable("nobody at 10.1.2.3")

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(type(collection), "keep", away)
            heard = await asyncio.wait_for(ask(running.port, "/save?q=lost"), 20)
        assert heard.status == 503
        assert int(heard.headers["retry-after"]) >= 1
        assert b"10.1.2.3" not in heard.body
        assert await retrieved(running) == []


async def test_a_message_that_comes_twice_is_listed_once(serve):
    async with serve() as running:
        message = Message(new_id(), b"twice")
        for _ in range(2):
            await running.topic("messages").publish(message)
            await running.drained(20)
        assert await retrieved(running) == ["twice"]


async def test_hostile_text_stays_text_on_the_page(serve):
    async with serve() as running:
        await save(running, HOSTILE)
        heard = await ask(running.port, "/retrieve", **HTML)
        page = heard.body.decode()
        assert heard.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in heard.headers["content-security-policy"]
        assert heard.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in page
        [shown] = re.findall(r"<pre>\n(.*?)</pre>", page, re.DOTALL)
        assert html.unescape(shown) == HOSTILE


async def test_hostile_text_neither_forges_lines_nor_steers_a_terminal(serve):
    async with serve() as running:
        await save(running, HOSTILE)
        heard = await ask(running.port, "/retrieve")
        assert heard.headers["content-type"] == "text/plain; charset=utf-8"
        (line,) = heard.body.decode().splitlines()
        assert line.endswith("\t" + '</pre><script>alert("1")</script>&amp;\\n\\x1b[2J\\u202e')
        assert re.search(r"\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t", line)


@given(st.text())
def test_a_visible_text_is_one_line_and_says_what_it_hides(text):
    shown = visible(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


async def test_a_message_from_the_end_of_time_is_listed_with_the_time_of_its_coming(serve):
    async with serve() as running:
        for accepted_at in (1e300, -5.0):
            await running.topic("messages").publish(Message(new_id(), b"strange", accepted_at=accepted_at))
        await running.drained(20)
        for form in ({}, JSON, HTML):
            heard = await ask(running.port, "/retrieve", **form)
            assert (heard.status, heard.body.count(b"strange")) == (200, 2)


async def test_a_store_that_is_down_is_waited_for_and_the_list_says_so(serve):
    async with serve() as running:
        app = running.app.handlers["messages"].handler.function.__self__
        collection, down = app._collection, True

        class Sometimes:
            async def keep(self, documents):
                nonlocal down
                if down:
                    down = False
                    raise Unavailable("the store is down")
                return await collection.keep(documents)

            async def newest(self, limit, before=None):
                raise Unavailable("the store is down")

        app._collection = Sometimes()
        await save(running, "patience")
        heard = await ask(running.port, "/retrieve")
        assert (heard.status, heard.headers["retry-after"]) == (503, "1")
        app._collection = collection
        assert await retrieved(running) == ["patience"]
        assert await running.topic("messages")._driver.dead_letters(10) == []


async def test_the_hello_shows_where_to_go(serve):
    async with serve() as running:
        text = await ask(running.port, "/")
        assert (text.status, text.body[:5]) == (200, b"Hello")
        page = await ask(running.port, "/", **HTML)
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert b'<form action="/save" method="post">' in page.body
        assert b'href="/retrieve"' in page.body


@pytest.mark.parametrize(
    "given", [{"kept": "0"}, {"kept": "many"}, {"kept": "1e3"}, {"page": "0"}, {"page": "8Mib"}, {"page": "2GiB"}]
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(given):
    with pytest.raises(UsageError, match=f"^{next(iter(given))}: "):
        messagelog(**given)
