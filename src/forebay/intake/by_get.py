"""Messages by GET: what browsers and caches do with a GET that only tells must not be done with these."""

from __future__ import annotations

from forebay.intake.http import Request, Response, problem

_AHEAD = (b"sec-purpose", b"purpose", b"x-moz")
_NOT_KEPT = (b"cache-control", b"no-store")


def is_ahead(request: Request) -> bool:
    """Say whether a browser asks ahead of its user, who may never open what it fetches."""
    return any(b"prefetch" in request.headers.get(name, b"") for name in _AHEAD)


def refusal_ahead() -> Response:
    """Return the answer to such a request: 503, upon which a browser asks again when its user does."""
    return unkept(problem(503, "asked for ahead of the user; nothing was accepted"))


def unkept(response: Response) -> Response:
    """Return the answer in a form that no cache keeps: given again from there, nothing would have been accepted."""
    if any(name == b"cache-control" for name, _ in response.headers):
        return response
    return response.with_headers(_NOT_KEPT)
