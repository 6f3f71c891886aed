"""The client's own ledger: what was attempted and what came of it, judged against what ended on the other side.

The definitions are those of Jepsen's total-queue checker, on multisets of ids after a full drain:

    lost          acknowledged, and ended less often than that
    unexpected    ended, and never attempted
    duplicated    ended more often than attempted
    recovered     ended, and the client did not know: the answer was lost, the message was not

and one more, since an HTTP service also says no: contradicted, ended although it was refused. A timeout, a lost
connection, a 5xx or an attempt without an outcome is *unknown*: it may end or not, and both are right.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from forebay.errors import ForebayError, UsageError
from forebay.load.shot import Kind, Outcome, Shot


class Heard(StrEnum):
    """What the client heard of an attempt."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


def heard(outcome: Outcome) -> Heard:
    """Return what an outcome of the cannon means: 2xx accepted, 4xx or never sent refused, all else unknown."""
    if outcome.kind is Kind.REFUSED:
        return Heard.REFUSED
    if outcome.kind is Kind.ANSWERED and 200 <= outcome.status < 300:
        return Heard.ACCEPTED
    if outcome.kind is Kind.ANSWERED and 400 <= outcome.status < 500 and outcome.status != 408:
        return Heard.REFUSED
    return Heard.UNKNOWN


class Tally(msgspec.Struct):
    """How often one id was attempted, accepted and refused; what is left over is unknown."""

    attempts: int = 0
    accepted: int = 0
    refused: int = 0
    references: list[str] = []
    """What the accepting answers called it."""

    @property
    def unknown(self) -> int:
        """Attempts of which the client does not know the end."""
        return self.attempts - self.accepted - self.refused


class Ledger:
    """Writes each attempt down before it is made, and each outcome after it; a line a fact, appended to a file.

    A line has reached the operating system when the call returns, so it survives the death of this process.

    Arguments:
        path: of the file; what is in it stays.
        reference: the header of an answer (in lower case) that names what was accepted; empty: none.
    """

    def __init__(self, path: Path, reference: str = "") -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._reference = reference

    def attempt(self, id: str) -> None:
        """Note that a request with this id is about to be sent."""
        self._append({"attempt": id})

    def outcome(self, id: str, heard: Heard, status: int = 0, reference: str = "") -> None:
        """Note what was heard of it."""
        self._append({"outcome": id, "heard": heard, "status": status, "reference": reference})

    def armed(self, ammo: Callable[[int], Shot]) -> Callable[[int], Shot]:
        """Return the ammunition that notes an attempt for each shot before it is fired."""

        def shot(index: int) -> Shot:
            made = ammo(index)
            self.attempt(made.id)
            return made

        return shot

    def note(self, outcome: Outcome) -> None:
        """Note an outcome of the cannon: its `on_outcome`."""
        self.outcome(outcome.id, heard(outcome), outcome.status, outcome.headers.get(self._reference, ""))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _append(self, fact: Mapping[str, Any]) -> None:
        line = msgspec.json.encode(fact) + b"\n"
        if os.write(self._file, line) != len(line):
            raise ForebayError("the ledger could not be written whole", "is the disk full?")


def read(path: Path) -> dict[str, Tally]:
    """Return the tally of each id in a ledger; a last line that was torn by the death of its writer is passed over.

    Raises:
        UsageError: a line is not one of a ledger; names it.
    """
    tallies: dict[str, Tally] = {}
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], 1):
        try:
            _count(tallies, msgspec.json.decode(line))
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(f"line {number} of {path} is not one of a ledger: {error}") from error
    return tallies


def _count(tallies: dict[str, Tally], fact: Mapping[str, Any]) -> None:
    if "attempt" in fact:
        tallies.setdefault(fact["attempt"], Tally()).attempts += 1
        return
    tally = tallies[fact["outcome"]]
    match Heard(fact["heard"]):
        case Heard.ACCEPTED:
            tally.accepted += 1
            tally.references.append(fact["reference"])
        case Heard.REFUSED:
            tally.refused += 1


class Judgement(msgspec.Struct, frozen=True):
    """What the ledger proves; each part counts by id.

    Arguments:
        attempts, accepted, refused, unknown: what the client knows; ended: what the other side says.
        lost, unexpected, duplicated, recovered, contradicted: see the top of this module.
    """

    attempts: int
    accepted: int
    refused: int
    unknown: int
    ended: int
    lost: dict[str, int]
    unexpected: dict[str, int]
    duplicated: dict[str, int]
    recovered: dict[str, int]
    contradicted: dict[str, int]

    @property
    def kept(self) -> bool:
        """Whether everything that was accepted ended exactly once, and nothing else did that could not."""
        return not (self.lost or self.unexpected or self.duplicated or self.contradicted)

    def __str__(self) -> str:
        lines = [
            f"{self.attempts} attempted: {self.accepted} accepted, {self.refused} refused, {self.unknown} unknown; "
            f"{self.ended} ended"
        ]
        for name in ("lost", "unexpected", "duplicated", "contradicted", "recovered"):
            ids = getattr(self, name)
            first = ", ".join(list(ids)[:20]) + (" ..." if len(ids) > 20 else "")
            lines.append(f"{name:<13}{sum(ids.values())}{f'  {first}' if ids else ''}")
        return "\n".join([*lines, "the promise is kept" if self.kept else "THE PROMISE IS BROKEN"])


def judge(tallies: Mapping[str, Tally], ended: Iterable[str]) -> Judgement:
    """Return what the ledger proves about the ids that ended.

    Arguments:
        tallies: from `read`.
        ended: the id of each message that is done or dead, as often as it had an effect; after a full drain.
    """
    ends = Counter(ended)
    found: dict[str, Counter[str]] = {name: Counter() for name in Judgement.__struct_fields__[5:]}
    for id in tallies.keys() | ends.keys():
        for name, count in _verdicts(tallies.get(id, Tally()), ends[id]).items():
            found[name][id] = count
    return Judgement(
        attempts=sum(tally.attempts for tally in tallies.values()),
        accepted=sum(tally.accepted for tally in tallies.values()),
        refused=sum(tally.refused for tally in tallies.values()),
        unknown=sum(tally.unknown for tally in tallies.values()),
        ended=ends.total(),
        **{name: dict(sorted((+counts).items())) for name, counts in found.items()},
    )


def _verdicts(tally: Tally, ended: int) -> dict[str, int]:
    """Return how often each verdict holds for one id; what is 0 or below does not."""
    if not tally.attempts:
        return {"unexpected": ended}
    beyond = ended - tally.accepted - tally.unknown
    return {
        "lost": tally.accepted - ended,
        "recovered": min(tally.unknown, ended - tally.accepted),
        "contradicted": min(tally.refused, beyond),
        "duplicated": ended - tally.attempts,
    }
