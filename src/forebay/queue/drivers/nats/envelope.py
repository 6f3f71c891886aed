"""How a message is written as headers and a body, and read again; also one that somebody else has published.

Header names and values that NATS cannot carry (line ends, empty names) go into one header, as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from forebay.message import Message
from forebay.queue.headers import ACCEPTED_AT, ID, KEY, NOT_BEFORE, PRIORITY, number, told_of

FIRST_LINE = b"NATS/1.0\r\n"
MESSAGE_ID = "Nats-Msg-Id"
"""By this the server knows what it was sent twice."""
ATTEMPTS = "forebay-attempt"
ODD = "forebay-odd"
OURS = frozenset({MESSAGE_ID, ID, KEY, PRIORITY, ACCEPTED_AT, NOT_BEFORE, ATTEMPTS, ODD})
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def header_block(lines: Mapping[str, str], theirs: Mapping[str, str] | None = None) -> bytes:
    """Return the headers of a frame.

    Arguments:
        lines: ours, by their names.
        theirs: those of the message; one with a name of ours is kept apart.
    """
    text, odd = ["NATS/1.0"], {}
    for name, value in lines.items():
        if _is_plain(value):
            text.append(f"{name}: {value}")
        else:
            odd[name] = value
    apart = {}
    for name, value in (theirs or {}).items():
        if TOKEN.fullmatch(name) and _is_plain(value) and name not in OURS and not name.startswith("Nats-"):
            text.append(f"{name}: {value}")
        else:
            apart[name] = value
    if odd or apart:
        text.append(f"{ODD}: {msgspec.json.encode([odd, apart]).decode()}")
    return "\r\n".join([*text, "\r\n"]).encode()


def _is_plain(text: str) -> bool:
    return text.isprintable() and text == text.strip()


def read_headers(block: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Return our headers and theirs."""
    ours: dict[str, str] = {}
    theirs: dict[str, str] = {}
    for line in block.decode(errors="replace").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon and name in OURS:
            ours[name] = value.strip()
        elif colon and not name.startswith("Nats-"):  # those are the server's
            theirs[name] = value.strip()
    if ODD in ours:
        odd, apart = _odd(ours.pop(ODD))
        ours |= odd
        theirs |= apart
    return ours, theirs


def _odd(text: str) -> tuple[dict[str, str], dict[str, str]]:
    try:
        return msgspec.json.decode(text, type=tuple[dict[str, str], dict[str, str]])
    except msgspec.MsgspecError:
        return {}, {ODD: text}  # somebody else's header of this name


def lines_of(message: Message) -> dict[str, str]:
    """Return what our headers say of a message."""
    return {MESSAGE_ID: message.id, **told_of(message)}


def read_message(headers: bytes, data: bytes, otherwise: str, stored_at: float) -> Message:
    """Return the message that was published.

    Arguments:
        headers, data: as they came.
        otherwise: the id of a message that names none.
        stored_at: when the server took it, in seconds since the epoch; for a message that does not say.
    """
    if not headers:
        return Message(otherwise, data, accepted_at=stored_at)
    ours, theirs = read_headers(headers)
    return Message(
        ours.get(ID) or ours.get(MESSAGE_ID) or otherwise,
        data,
        ours.get(KEY),
        theirs,
        int(number(ours.get(PRIORITY), 0)),
        number(ours.get(ACCEPTED_AT), stored_at),
        number(ours.get(NOT_BEFORE), 0.0),
    )


def attempts_of(headers: bytes) -> int:
    """Return the attempts that a dead letter tells."""
    return int(number(read_headers(headers)[0].get(ATTEMPTS), 0))
