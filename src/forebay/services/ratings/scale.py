"""What a rate is: a whole number, read as the original service reads it, on a scale that has two ends."""

from __future__ import annotations

import re

import msgspec

from forebay import Undecodable, UsageError

_WHOLE = re.compile(r"([+-]?)0*([0-9]{1,19})")  # 19 digits hold 64 bits; the whole body of a form may be digits
_SCALE = re.compile(r"([+-]?[0-9]+)\.\.([+-]?[0-9]+)")
_SHOWN = 40


class Scale(msgspec.Struct, frozen=True):
    """The rates that are taken: the whole numbers from `lowest` to `highest`, both included."""

    lowest: int = -(2**63)
    highest: int = 2**63 - 1

    def read(self, text: str) -> int:
        """Return the rate that a text says: a sign or none, then ASCII digits, as Go's strconv.Atoi has it.

        Raises:
            Undecodable: it says no whole number of 64 bits, or one that is not on the scale.
        """
        rate = _whole(text)
        if rate is None:
            raise Undecodable(f"{_shown(text)} is not a whole number of 64 bits")
        if not self.lowest <= rate <= self.highest:
            raise Undecodable(f"{rate} is not on the scale of {self.lowest} to {self.highest}")
        return rate

    def decode(self, body: bytes) -> int:
        """Return the rate that the body of a message says; who puts it into the topic need not be this service.

        Raises:
            Undecodable: as for `read`.
        """
        return self.read(body.decode("latin-1"))  # what is not ASCII is no digit in any encoding


def scale_of(text: str) -> Scale:
    """Return the scale that ``0..10`` names; an empty text names that of all whole numbers of 64 bits.

    Raises:
        UsageError: it is neither, or its ends are the wrong way round.
    """
    if not text:
        return Scale()
    ends = _SCALE.fullmatch(text)
    lowest, highest = (_whole(ends[1]), _whole(ends[2])) if ends else (None, None)
    if lowest is None or highest is None:
        raise UsageError(f"{text!r} is not a range of rates", "write it as 0..10")
    if lowest > highest:
        raise UsageError(f"{text!r} ends before it begins", f"write it as {highest}..{lowest}")
    return Scale(lowest, highest)


def encode(rate: int) -> bytes:
    """Return the body of the message of a rate: its decimal digits, with a sign where it is negative."""
    return b"%d" % rate


def _whole(text: str) -> int | None:
    match = _WHOLE.fullmatch(text)
    if match is None:
        return None
    number = int(match[1] + match[2])
    return number if -(2**63) <= number < 2**63 else None


def _shown(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."
