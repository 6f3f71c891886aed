"""The service of ratings, declared: ``POST /rate``, ``GET /total`` and ``GET /opened`` around one window."""

from __future__ import annotations

from forebay import Answers, App, Request, Response, Undecodable
from forebay.services.ratings.rating import Ratings
from forebay.services.ratings.scale import encode, scale_of
from forebay.services.setting import read_setting, whole
from forebay.services.work_time import work_time

BATCH = 500
"""Rates that one worker puts into the window in one commit."""

MOST_RATES = 100_000
MOST_TOPICS = 100

TAKEN = Response(200)


class _Empty(Answers):
    """The answers of the original service: 200, and not a word."""

    def accepted(self, reference: str) -> Response:
        return TAKEN


def ratings(window: str = "10", range: str = "", split: str = "1", work: str = "0s") -> App:
    """Return the service of ratings.

    Arguments:
        window: n of the moving average: how many of the last rates it is of.
        range: which rates are taken, as 0..10; default: every whole number of 64 bits.
        split: topics, rates1 to ratesN, of which each rate goes to one at random; each has workers of its own.
        work: how long the pretended work on one rate takes: 100ms, or by a law, M(100ms); it makes batches of one.
    """
    scale, time_of_work = read_setting("range", range, scale_of), read_setting("work", work, work_time)
    rating = Ratings(_at_least_one("window", window, MOST_RATES), time_of_work)
    app = App("ratings", lifespan=rating.lifespan)
    app.get("/total")(rating.total)
    app.get("/opened")(rating.told)

    def read(request: Request) -> bytes:
        """Return the rate, from a form or from the query."""
        if (text := request.parameter("rate")) is None:
            raise Undecodable("the parameter rate is missing")
        return encode(scale.read(text))

    rates = app.post(
        "/rate",
        topic=_topics(_at_least_one("split", split, MOST_TOPICS)),
        answers=_Empty(),
        read=read,
        parameters=("rate",),
        decode=scale.decode,
        batch=1 if time_of_work.mean else BATCH,
        results=False,
    )
    rates(rating.count)
    return app


def _topics(count: int) -> list[str]:
    return ["rates"] if count == 1 else [f"rates{number + 1}" for number in range(count)]


def _at_least_one(name: str, text: str, most: int) -> int:
    return read_setting(name, text, lambda text: whole(text, 1, most))
