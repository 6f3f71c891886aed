"""A form of several parts (``multipart/form-data``, RFC 7578), read in a time that grows with its length and no faster.

The parser of mail in the standard library takes parts within parts, and minutes for a hostile form of 256 KiB.
"""

from __future__ import annotations

import re

from forebay.errors import Undecodable

MOST_PARTS = 1_000
LONGEST_HEAD = 4_096

_BOUNDARY = re.compile(rb';[ \t]*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))[ \t]*(?:;|$)', re.IGNORECASE)
_BEGIN = re.compile(rb"[ \t]*\r\n")
_DISPOSITION = re.compile(rb"^content-disposition:[ \t]*form-data[ \t]*(;.*)$", re.IGNORECASE | re.MULTILINE)
_PARAMETER = re.compile(rb';[ \t]*([a-z0-9*-]+)=("(?:[^"\\]|\\.)*+"|[^\s;"]*)', re.IGNORECASE)
_RECODED = re.compile(rb"^content-transfer-encoding:[ \t]*(?:base64|quoted-printable)", re.IGNORECASE | re.MULTILINE)


def in_parts(content_type: bytes, body: bytes, name: str) -> str | None:
    """Return the value of the first part of a name; None when there is none.

    Arguments:
        content_type: the header of the request, which says the boundary.
        body: the form.
        name: as the form writes it, without escapes.

    Raises:
        Undecodable: the value is not UTF-8, or the form is broken, or has more than a thousand parts.
    """
    for head, value in _parts(content_type, body):
        if _name_of(head) == name.encode():
            if _RECODED.search(head):
                raise Undecodable("a part of a form in base64 or quoted-printable", "send it as it is")
            return _text(value)
    return None


def _parts(content_type: bytes, body: bytes) -> list[tuple[bytes, bytes]]:
    """Return head and value of each part."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise Undecodable("a form whose boundary is missing or wrong")
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + (boundary[1] or boundary[2]), MOST_PARTS + 2)
    end = next((n for n, part in enumerate(parts) if part.startswith(b"--")), None)
    if end is None or end > MOST_PARTS:
        raise Undecodable("a form without an end, of another boundary, or of too many parts")
    return [_split(part) for part in parts[:end]]


def _split(part: bytes) -> tuple[bytes, bytes]:
    begin = _BEGIN.match(part)
    head, blank, value = part[begin.end() - 2 :].partition(b"\r\n\r\n") if begin else (b"", b"", b"")
    if not blank or len(head) > LONGEST_HEAD:
        raise Undecodable("a part of a form whose headers have no end, or are too long")
    return head.replace(b"\r", b""), value


def _name_of(head: bytes) -> bytes | None:
    disposition = _DISPOSITION.search(head)
    parameters = _PARAMETER.findall(disposition[1]) if disposition else ()
    return next((value.strip(b'"') for key, value in parameters if key.lower() == b"name"), None)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Undecodable("a form that is not UTF-8") from None
