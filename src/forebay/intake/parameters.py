"""What a request says by name: in its query, or in a form."""

from __future__ import annotations

from urllib.parse import parse_qsl

from forebay.errors import Undecodable
from forebay.intake.multipart import in_parts

MOST_PARAMETERS = 1_000


def in_query(query: str, name: str) -> str | None:
    """Return the first value of a name in ``a=1&b=2``, None when it is not there.

    Arguments:
        query: a character for each byte; those that are not escaped (curl escapes none) are of UTF-8 too.

    Raises:
        Undecodable: its value is not UTF-8, or there are more than a thousand.
    """
    if not query.isascii():
        query = _read(query)
    if query.startswith(f"{name}=") and not any(sign in query for sign in "&%+;"):
        return query[len(name) + 1 :]  # the usual case, at a tenth of the price
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:  # UnicodeDecodeError is one
        raise Undecodable("parameters that are not UTF-8, or too many") from None
    return next((value for key, value in pairs if key == name), None)


def in_form(content_type: bytes, body: bytes, name: str) -> str | None:
    """Return the first value of a name in the form that a body is; None when it is not there, or the body is no form.

    Raises:
        Undecodable: its value is not UTF-8, or the form is broken.
    """
    kind = content_type.partition(b";")[0].strip().lower()
    if kind == b"application/x-www-form-urlencoded":
        return in_query(body.decode("latin-1"), name)
    if kind == b"multipart/form-data":
        return in_parts(content_type, body, name)
    return None


def _read(query: str) -> str:
    try:
        return query.encode("latin-1").decode()
    except UnicodeError:
        raise Undecodable("parameters that are not UTF-8, or too many") from None
