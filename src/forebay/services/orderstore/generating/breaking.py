"""What can be wrong with an order that arrives, and how a good one is spoilt that way."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum


class Flaw(StrEnum):
    """One way in which an order is broken."""

    NOT_JSON = "not JSON"
    CUT_OFF = "cut off"
    MISSING_FIELD = "missing field"
    WRONG_TYPE = "wrong type"
    NUL = "NUL"
    LONE_SURROGATE = "lone surrogate"
    HUGE_EXPONENT = "huge exponent"
    NOT_UTF8 = "not UTF-8"
    REPEATED_KEY = "repeated key"
    TOO_LARGE = "too large"
    EMPTY = "empty"


FLAWS = tuple(Flaw)


def broken(body: bytes, flaw: Flaw, largest: int) -> bytes:
    """Return an order with a flaw.

    Arguments:
        body: a good order, as JSON without spaces.
        largest: bytes; what is too large has more.
    """
    return _SPOIL[flaw](body, largest)


def _with_field(body: bytes, field: bytes) -> bytes:
    return body[:-1] + b"," + field + b"}"


def _in_name(body: bytes, text: bytes) -> bytes:
    return body.replace(b'"delivery":{"name":"', b'"delivery":{"name":"' + text, 1)


_SPOIL: dict[Flaw, Callable[[bytes, int], bytes]] = {
    Flaw.NOT_JSON: lambda body, _: body.replace(b'"', b"'"),
    Flaw.CUT_OFF: lambda body, _: body[: len(body) // 2],
    Flaw.MISSING_FIELD: lambda body, _: re.sub(rb'"locale":"[^"]*",', b"", body, count=1),
    Flaw.WRONG_TYPE: lambda body, _: re.sub(rb'"amount":(\d+)', rb'"amount":"\1"', body, count=1),
    Flaw.NUL: lambda body, _: _in_name(body, rb"\u0000"),
    Flaw.LONE_SURROGATE: lambda body, _: _in_name(body, rb"\ud83d"),
    Flaw.HUGE_EXPONENT: lambda body, _: _with_field(body, b'"weight":1e999999'),
    Flaw.NOT_UTF8: lambda body, _: _in_name(body, b"\xfc"),
    Flaw.REPEATED_KEY: lambda body, _: _with_field(body, b'"order_uid":"another"'),
    Flaw.TOO_LARGE: lambda body, largest: _with_field(body, b'"comment":"%s"' % (b"x" * largest)),
    Flaw.EMPTY: lambda body, _: b"",
}
