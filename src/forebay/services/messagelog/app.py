"""The message log, declared: ``/save``, ``/retrieve`` and a hello at ``/``."""

from __future__ import annotations

from forebay import App, Request, Response, UsageError, text_response
from forebay.quantity import size
from forebay.services.messagelog.listing import page_of
from forebay.services.messagelog.received import Received
from forebay.services.messagelog.saving import ALWAYS, Saved, decode, read
from forebay.services.setting import read_setting, whole

TOPIC = "messages"

BATCH = 500
"""Messages that one worker keeps in one commit."""

MOST_KEPT = 100_000
LARGEST_PAGE = 2**30

WORDS = """Hello, this is the message log of forebay.

/save?q=TEXT   save a text as a message
/retrieve      what has been received, the newest last
"""

PAGE = """<p>This is the message log of forebay.
<form action="/save" method="post"><input name="q" aria-label="Text" autofocus> <button>Save</button></form>
<p><a href="/retrieve">What has been received</a>
"""

AS_TEXT = text_response(WORDS).with_headers(*ALWAYS)
AS_PAGE = page_of("Hello", PAGE)


def messagelog(kept: str = "1000", page: str = "8MiB") -> App:
    """Return the message log.

    Arguments:
        kept: how many of the latest messages /retrieve lists, at most.
        page: how much their texts may take together, as 8MiB; beyond it the older ones are left out.
    """
    most = read_setting("kept", kept, lambda text: whole(text, 1, MOST_KEPT))
    received = Received(TOPIC, most, read_setting("page", page, _bytes_of))
    app = App("messagelog", lifespan=received.lifespan)
    declared = app.post(
        "/save",
        topic=TOPIC,
        answers=Saved(),
        read=read,
        parameters=("q",),
        methods=("POST", "GET"),
        decode=decode,
        batch=BATCH,
        results=False,
    )
    declared(received.keep)
    app.get("/retrieve")(received.told)
    app.get("/")(hello)
    return app


def _bytes_of(page: str) -> int:
    most = size(page)
    if not 1 <= most <= LARGEST_PAGE:
        raise UsageError(f"{page!r} is no size of a page", "write it as 8MiB; at most 1GiB")
    return most


def hello(request: Request) -> Response:
    """Say hello: in text, or on a page with a form to a browser."""
    return AS_PAGE if request.prefers("text/plain", "text/html") == "text/html" else AS_TEXT
