"""From the bytes of a body to a typed value, at least as strictly as any store keeps it.

msgspec checks the type, and most of the syntax. It takes what PostgreSQL's JSONB does not (NUL characters, numbers of
any exponent), or what two readers could read differently (repeated keys). An exact second scan finds these; for most
bodies, the hot path, a count of quotation marks proves that it would find nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect as types

from forebay.errors import Undecodable

MAX_DEPTH = 64
MAX_EXPONENT = 400
MAX_DIGITS = 4_300  # where Python's own int() ends; JSONB goes on to 131,072
LONGEST_REASON = 200

_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<bad>u0000|u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NOT_BRACKET = re.compile(r"[^\[\]{}]+")

Decode = Callable[[bytes], Any]


def decoder(body_type: Any) -> Decode:
    """Return a function from the bytes of a body to a value of `body_type`.

    Arguments:
        body_type: anything that msgspec decodes; `bytes`: the body as it is.

    The function raises `Undecodable` with a short reason, whatever it is given.
    """
    if body_type is bytes:
        return bytes
    typed = msgspec.json.Decoder(body_type).decode
    encode = msgspec.json.Encoder().encode
    is_plain = _is_plain_struct(body_type)

    def decode(raw: bytes) -> Any:
        try:
            value = typed(raw)
            if not (is_plain and _has_plain_escapes(raw) and raw.count(b'"') == encode(value).count(b'"')):
                check(raw)
        except msgspec.ValidationError as error:
            raise Undecodable(str(error)[:LONGEST_REASON]) from None
        except RecursionError:
            raise Undecodable("nested too deeply") from None
        except UnicodeDecodeError as error:
            raise Undecodable(f"not UTF-8 (byte {_not_utf8(raw, error.start)})") from None
        except (msgspec.DecodeError, ValueError) as error:
            raise Undecodable(f"not JSON: {error}"[:LONGEST_REASON]) from None
        return value

    return decode


def fingerprint(value: Any) -> str:
    """Return a digest of a decoded body, the same whatever its blanks and the order of its keys were."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def check(raw: bytes) -> None:
    """Refuse JSON that some store refuses, or that two readers may read differently.

    Raises:
        Undecodable: repeated keys, NUL, half of a surrogate pair, nesting beyond 64, numbers beyond any use.
        ValueError: it is not JSON in UTF-8 at all.
    """
    text = raw.decode()
    if "\\" in text and any(escape.lastgroup for escape in _ESCAPE.finditer(text)):
        raise Undecodable("a NUL character or half of a surrogate pair in a text")
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(text)
    _exact.decode(text)


def _not_utf8(raw: bytes, told: int) -> int:
    """Return where a body stops being UTF-8; msgspec counts from the beginning of the text that it was reading."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return error.start
    return told


def _is_plain_struct(body_type: Any) -> bool:
    """Say whether equal numbers of quotation marks prove that no key came twice.

    For a Struct whose fields are all required and plain, or such Structs and lists of them again, each pair in the body
    brings two marks for its key and those of its value. The value encodes to as many as the last pair of each known key
    brought; a repeated or an unknown key brings at least two more. Floats are left out: their exponents need the exact
    scan.
    """
    kind = types.type_info(body_type)
    return isinstance(kind, types.StructType) and _is_plain(kind, ())


def _is_plain(kind: types.Type, within: tuple[type, ...]) -> bool:
    match kind:
        case types.StructType(cls=cls, fields=fields):
            if cls in within or kind.tag is not None or kind.array_like or _renders_itself(cls):
                return False
            return all(field.required and _is_plain(field.type, (*within, cls)) for field in fields)
        case types.ListType(item_type=item):
            return _is_plain(item, within)
        case types.UnionType(types=parts):
            return all(_is_plain(part, within) for part in parts)
    return isinstance(kind, types.StrType | types.IntType | types.BoolType | types.NoneType | types.DateTimeType)


def _renders_itself(cls: type) -> bool:
    return any("__post_init__" in vars(base) for base in cls.__mro__)  # may change what the body said


def _has_plain_escapes(raw: bytes) -> bool:
    r"""Say whether certainly no escape is a NUL, a quotation mark by its number, or a half of a surrogate pair."""
    return b"\\" not in raw or not (b"\\u00" in raw or b"\\ud" in raw or b"\\uD" in raw)


def _check_depth(text: str) -> None:
    depth = 0
    for bracket in _NOT_BRACKET.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise Undecodable(f"nested too deeply, more than {MAX_DEPTH} levels")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Undecodable("a key comes twice")
    return found


def _whole(literal: str) -> int:
    if len(literal) > MAX_DIGITS:
        raise Undecodable("a number is too long")
    return 0  # its value is of no interest here, and large ones are slow to read


def _real(literal: str) -> float:
    mantissa, _, exponent = literal.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 20 or abs(int(exponent or 0)) > MAX_EXPONENT:
        raise Undecodable("a number is too long or its exponent too large")
    if float(literal) in {float("inf"), float("-inf")}:
        raise Undecodable("a number is too large")
    return 0.0


def _no_number(literal: str) -> Any:
    raise Undecodable(f"{literal} is not JSON")


_exact = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_whole, parse_float=_real, parse_constant=_no_number, strict=True
)
