"""The page of the order store at ``/``: read once, answered from memory."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from forebay import App, Request, Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may do: show itself and ask this service. Whatever an order says, nothing of it runs."""
_SAFE = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_SCRIPTS = ("json.js", "quantities.js", "elements.js", "items.js", "order.js", "server.js", "newest.js", "search.js")
"""In the order in which they need each other."""


class Part:
    """A file of the page.

    Arguments:
        content_type: as in ``text/css; charset=utf-8``.
        text: of the file.
    """

    def __init__(self, content_type: str, text: str) -> None:
        body = text.encode()
        self._tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        always = ((b"etag", self._tag.encode()), (b"cache-control", b"no-cache"), *_SAFE)
        self._whole = Response(200, body, ((b"content-type", content_type.encode()), *always))
        self._unchanged = Response(304, b"", always)

    def answer(self, request: Request) -> Response:
        """Return the file, or 304 to a browser that has this version of it."""
        known = request.header("if-none-match")
        return self._whole if known is None or not self._is_among(known) else self._unchanged

    def _is_among(self, known: str) -> bool:
        tags = (tag.strip().removeprefix("W/") for tag in known.split(","))
        return known.strip() == "*" or self._tag in tags


def mount_page(app: App) -> None:
    """Let an application answer ``GET /`` with the page, and its style, script and icon beside it."""
    parts = {
        "/": Part("text/html; charset=utf-8", _text("index.html")),
        "/page.css": Part("text/css; charset=utf-8", _text("page.css")),
        "/page.js": Part("text/javascript; charset=utf-8", _script()),
        "/icon.svg": Part("image/svg+xml", _text("icon.svg")),
    }
    for path, part in parts.items():
        app.get(path)(part.answer)


def _script() -> str:
    joined = "\n".join(_text(name) for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{joined}}})();\n'


def _text(name: str) -> str:
    return files("forebay.services.orderstore").joinpath("page", name).read_text("utf-8")
