"""The list of messages in three forms: lines of text, JSON, and a page that shows hostile texts as text."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from forebay import Request, Response, json_response, position_of, text_response
from forebay.services.messagelog.saving import ALWAYS, position_told

POLICY = b"default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
"""What a page may do: show itself, and send its own form. Whatever a message says, nothing of it runs."""

HTML = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", POLICY),
    (b"referrer-policy", b"no-referrer"),
)
KINDS = ("text/plain", "application/json", "text/html")


class Entry(msgspec.Struct, frozen=True):
    """A message as it is kept and told.

    Arguments:
        id: of the message.
        text: as it was saved.
        at: when it was accepted, in seconds since the epoch.
        place: where the broker has it; empty: it told no place.
    """

    id: str
    text: str
    at: float
    place: str


def listing(request: Request, entries: Sequence[Entry]) -> Response:
    """Return the list in the form that the client prefers, in the order given."""
    kind = request.prefers(*KINDS)
    if kind == "application/json":
        return json_response({"messages": [_fields(entry) for entry in entries]}, headers=ALWAYS)
    if kind == "text/html":
        return page_of("Messages", _table(entries))
    lines = "".join(f"{_where(entry)}\t{_when(entry)}\t{visible(entry.text)}\n" for entry in entries)
    return text_response(lines).with_headers(*ALWAYS)


def page_of(title: str, body: str) -> Response:
    """Return a page.

    Arguments:
        title: in plain text.
        body: in HTML.
    """
    head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
    return Response(200, f"{head}<h1>{html.escape(title)}</h1>\n{body}</html>\n".encode(), (*HTML, *ALWAYS))


def visible(text: str) -> str:
    r"""Return a text in one line: line breaks, and what steers a terminal or turns the line around, as \n and \x1b."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _table(entries: Sequence[Entry]) -> str:
    link = '<p><a href="/">Save another</a>\n'
    if not entries:
        return f"<p>None yet.\n{link}"
    return f"<table>\n<tr><th>Place<th>Accepted<th>Text\n{''.join(map(_row, entries))}</table>\n{link}"


def _row(entry: Entry) -> str:
    """Return a row of the table; its text has a direction of its own, whatever letters it is in."""
    text = "\n" + html.escape(entry.text)  # a first line break would be taken for that of the element
    return f'<tr><td>{html.escape(_where(entry))}<td>{_when(entry)}<td dir="auto"><pre>{text}</pre>\n'


def _fields(entry: Entry) -> dict[str, object]:
    position = position_told(position_of(entry.place))
    return {"id": entry.id, **position, "accepted_at": entry.at, "text": entry.text}


def _where(entry: Entry) -> str:
    """Return where the broker has a message, in its own words, or else the id."""
    told = position_told(position_of(entry.place))
    return " ".join(f"{name} {number}" for name, number in told.items()) or visible(entry.id)


def _when(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
