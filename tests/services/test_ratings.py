"""The service of ratings as its users meet it: over real HTTP, in one process."""

from __future__ import annotations

import asyncio

import pytest

from asking import ask
from forebay.errors import Unavailable, UsageError
from forebay.message import Message, new_id
from forebay.services.ratings.app import ratings

JSON = {"accept": "application/json"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def serve(served):
    """Serve ratings, or one made otherwise, by settings."""
    return lambda app=None, **given: served(app or ratings(), **given)


async def rate(running, *rates):
    """Post rates one after the other, and wait until each is in the window: they are in it in this order."""
    for number in rates:
        heard = await ask(running.port, f"/rate?rate={number}", b"")
        assert (heard.status, heard.body) == (200, b"")
        await running.drained(20)


async def total(running, **headers):
    return await ask(running.port, "/total", **headers)


async def dead_letters(running, topic="rates"):
    driver = running.topic(topic)._driver
    return [(letter.message.body, letter.message.headers) for letter in await driver.dead_letters(10)]


async def test_a_rate_is_taken_without_a_word_and_the_total_is_their_average(serve):
    async with serve() as running:
        await rate(running, 4, 5, 4)
        heard = await total(running)
        assert (heard.status, heard.body) == (200, b"4.33")
        assert heard.headers["content-type"] == "text/plain; charset=utf-8"


async def test_the_total_is_of_the_last_ten_and_of_no_more(serve):
    async with serve(queue="memory://") as running:
        await rate(running, 10, 10, 10, *[4] * 5, *[5] * 5)
        assert (await total(running)).body == b"4.50"
        told = await total(running, **JSON)
        assert told.json == {"value": 4.5, "count": 10, "window": 10}
        assert told.headers["content-type"] == "application/json"


async def test_there_is_no_total_before_the_first_rate(serve):
    async with serve(queue="memory://") as running:
        text, told = await total(running), await total(running, **JSON)
        assert (text.status, text.headers["content-type"]) == (503, "text/plain; charset=utf-8")
        assert (told.status, told.headers["content-type"]) == (503, "application/problem+json")
        assert told.json["detail"] == "there is no rate yet"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/plain"), ("text/html, */*;q=0.8", "text/plain"), ("application/json", "application/json"),
        ("application/*", "application/json"), ("text/plain;q=0.5, application/json", "application/json"),
        ("application/json;q=0.1, text/plain", "text/plain"), ("image/png", "text/plain"),
    ],
)  # fmt: skip
async def test_the_client_chooses_the_form_and_every_cache_hears_of_it(serve, accept, kind):
    async with serve(queue="memory://") as running:
        for there_is_a_rate in (False, True):
            if there_is_a_rate:
                await rate(running, 7)
            heard = await total(running, accept=accept)
            assert heard.headers["vary"] == "accept"
            is_json = heard.headers["content-type"].partition(";")[0] in {
                "application/json",
                "application/problem+json",
            }
            assert is_json == (kind == "application/json")


@pytest.mark.parametrize(
    "query",
    [
        "?rate=",
        "?rate=x",
        "?rate=7.0",
        "?rate=+7",
        "?rate=1_0",
        "?rate=%D9%A7",
        "?rate=9223372036854775808",
        "?Rate=7",
        "",
    ],
)
async def test_what_is_no_whole_number_is_400_and_leaves_nothing(serve, query):
    async with serve(workers=0) as running:
        heard = await ask(running.port, f"/rate{query}", b"")
        assert heard.status == 400
        assert (await running.topic("rates").counts()).accepted == 0


@pytest.mark.parametrize("query", ["?rate=007", "?rate=%2B7", "?rate=7&other=x", "?other=%20&rate=%37"])
async def test_the_message_is_the_canonical_decimal(serve, query):
    async with serve(workers=0) as running:
        assert (await ask(running.port, f"/rate{query}", b"")).status == 200
        (delivery,) = await running.topic("rates")._driver.receive(10, 5.0)
        assert delivery.message.body == b"7"


async def test_a_form_says_a_rate_as_well_as_a_query(serve):
    async with serve(queue="memory://") as running:
        assert (await ask(running.port, "/rate", b"rate=8", content_type=FORM)).status == 200
        assert (await ask(running.port, "/rate", b"rate=x", content_type=FORM)).status == 400
        assert (await ask(running.port, "/rate?rate=1", b"rate=8", content_type=FORM)).status == 200
        await running.drained(20)
        assert (await total(running)).body == b"8.00"


async def test_a_rate_that_is_sent_again_with_its_key_is_counted_once(serve):
    async with serve() as running:
        first, again = [await ask(running.port, "/rate?rate=7", b"", idempotency_key="a") for _ in range(2)]
        assert (first.status, first.body) == (again.status, again.body) == (200, b"")
        assert first.headers["forebay-id"] == again.headers["forebay-id"]
        assert (await ask(running.port, "/rate?rate=8", b"", idempotency_key="a")).status == 422
        await running.drained(20)
        assert (await total(running, **JSON)).json == {"value": 7.0, "count": 1, "window": 10}


async def test_what_is_outside_the_range_is_400_with_the_range(serve):
    async with serve(ratings(range="0..10"), queue="memory://") as running:
        await rate(running, 0, 10)
        for number in ("-1", "11", "-9223372036854775808"):
            heard = await ask(running.port, f"/rate?rate={number}", b"")
            assert heard.status == 400
            assert heard.json["detail"] == f"{number} is not on the scale of 0 to 10"


async def test_other_producers_may_put_plain_numbers_and_what_is_none_is_a_dead_letter(serve):
    async with serve(ratings(range="0..10")) as running:
        topic = running.topic("rates")
        for body in (b"7", b"seven", b"+09", b"11", b"\xff", b""):
            await topic.publish(Message(new_id(), body))
        await running.drained(20)
        assert (await total(running, **JSON)).json == {"value": 8.0, "count": 2, "window": 10}
        letters = await dead_letters(running)
        assert {body for body, _ in letters} == {b"seven", b"11", b"\xff", b""}
        reasons = " ".join(str(headers) for _, headers in letters)
        assert "'seven' is not a whole number of 64 bits" in reasons
        assert "11 is not on the scale of 0 to 10" in reasons


async def test_many_rates_at_once_are_each_counted_once(serve):
    async with serve(ratings(window="1000"), workers=8) as running:
        asked = [ask(running.port, f"/rate?rate={n % 11}", b"") for n in range(300)]
        assert {heard.status for heard in await asyncio.gather(*asked)} == {200}
        await running.drained(20)
        assert (await total(running, **JSON)).json == {"value": sum(n % 11 for n in range(300)) / 300, "count": 300,
                                                       "window": 1000}  # fmt: skip
        assert await running.store.count("rates") == 300


async def test_the_window_outlives_the_service_and_shrinks_and_grows_with_the_setting(serve):
    async with serve() as running:
        await rate(running, 1, 2, 3, 4)
    async with serve(ratings(window="2")) as running:
        assert (await total(running)).body == b"3.50"
        await rate(running, 8)
        assert (await total(running)).body == b"6.00"
    async with serve(ratings(window="3")) as running:
        await rate(running, 9)
        assert (await total(running)).body == b"7.00"


@pytest.mark.parametrize(
    "given",
    [
        {"window": "0"},
        {"window": "ten"},
        {"window": "1e3"},
        {"split": "0"},
        {"split": "101"},
        {"range": "10"},
        {"work": "x"},
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(given):
    with pytest.raises(UsageError, match=f"^{next(iter(given))}: "):
        ratings(**given)


# The three ways to work


async def test_with_workers_elsewhere_the_service_only_takes_in(serve):
    async with serve(workers=0) as intake:
        assert (await ask(intake.port, "/rate?rate=6", b"")).status == 200
        assert (await total(intake)).status == 503
        async with serve() as worker:
            await worker.drained(20)
            assert (await ask(worker.port, "/opened", **JSON)).json == {"opened": 1, "closed": 1, "open": 0}
        assert (await total(intake)).body == b"6.00"
        assert (await ask(intake.port, "/opened")).body == b"opened 0\nclosed 0\n"


async def test_a_handler_for_each_message_works_inside_its_request(serve):
    async with serve(places=0, workers=100_000) as running:
        heard = await asyncio.gather(*[ask(running.port, "/rate?rate=6", b"") for _ in range(50)])
        assert {(one.status, one.body) for one in heard} == {(200, b"")}
        assert (await total(running, **JSON)).json == {"value": 6.0, "count": 10, "window": 10}
        told = await ask(running.port, "/opened")
        assert (told.status, told.body, told.headers["vary"]) == (200, b"opened 50\nclosed 50\n", "accept")


async def test_opened_tells_what_is_under_way(serve):
    app = ratings(work="1h")
    async with serve(app, places=0, workers=100_000, store="memory://", drain="0s") as running:
        asked = [asyncio.create_task(ask(running.port, "/rate?rate=6", b"")) for _ in range(3)]
        async with asyncio.timeout(20):
            while (told := (await ask(running.port, "/opened", **JSON)).json)["open"] < 3:
                await asyncio.sleep(0.01)
        assert told == {"opened": 3, "closed": 0, "open": 3}
        for one in asked:
            one.cancel()


async def test_in_a_request_a_store_that_is_away_is_503_and_nothing_is_counted(serve, monkeypatch):
    async with serve(places=0, workers=10, store="memory://away") as running:
        window = await running.store.window("rates", 10)

        async def away(self, *arguments):
            raise Unavailable("nobody at 10.1.2.3")

        monkeypatch.setattr(type(window), "put", away)
        monkeypatch.setattr(type(window), "values", away)
        heard, told = await ask(running.port, "/rate?rate=6", b""), await total(running)
        assert (heard.status, told.status) == (503, 503)
        assert int(heard.headers["retry-after"]) >= 1
        assert int(told.headers["retry-after"]) >= 1
        assert b"10.1.2.3" not in heard.body + told.body


async def test_split_rates_go_to_topics_at_random_and_to_one_window(serve):
    async with serve(ratings(split="3", window="1000")) as running:
        assert list(running.topics) == ["rates1", "rates2", "rates3"]
        for number in range(60):
            assert (await ask(running.port, f"/rate?rate={number % 11}", b"")).status == 200
        await running.drained(20)
        shares = [(await topic.counts()).done for topic in running.topics.values()]
        assert sum(shares) == 60
        assert min(shares) > 0  # all on two of three: once in 10**10 runs
        assert (await total(running, **JSON)).json["count"] == 60


# When the store is away, and comes back


async def test_an_outage_of_the_store_fails_no_rate_however_long_it_lasts(serve, monkeypatch):
    async with serve(attempts=1, store="memory://later") as running:
        window = await running.store.window("rates", 10)
        put, tries, is_back = type(window).put, [], asyncio.Event()

        async def away(self, entries):
            tries.append(len(entries))
            if len(tries) == 4:  # the trouble that was told is not over before somebody has asked
                await is_back.wait()
            if len(tries) < 5:
                raise Unavailable("the store is away")
            return await put(self, entries)

        monkeypatch.setattr(type(window), "put", away)
        await ask(running.port, "/rate?rate=6", b"")
        async with asyncio.timeout(30):
            while len(tries) < 2:
                await asyncio.sleep(0.01)
        assert (await ask(running.port, "/readyz")).json["troubles"] == {"save": "the store is away"}
        is_back.set()
        await running.drained(20)
        assert (await total(running)).body == b"6.00"
        assert (await ask(running.port, "/readyz")).status == 200
        assert (await running.ledgers())[0].dead == 0
        assert (
            'forebay_stalls_total{topic="rates",where="save"} 4.0'
            in (await ask(running.port, "/metrics")).body.decode()
        )
