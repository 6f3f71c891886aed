"""The verdict on a run: whether it is valid, and what became of each requirement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forebay.errors import UsageError
from forebay.load.results.requirements import requirement
from forebay.load.results.run import Run
from forebay.load.results.runfile import Record
from forebay.load.results.validity import Validity, validity


@dataclass(frozen=True, slots=True)
class Judged:
    """A requirement and what became of it.

    Arguments:
        text: as it was written.
        value: measured, in the unit of the requirement; nan: nothing was.
        shown: the same for people.
        kept: whether the run fulfils it.
    """

    text: str
    value: float
    shown: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a run before any figure."""

    validity: Validity
    requirements: tuple[Judged, ...]
    interrupted: bool

    @property
    def kept(self) -> bool:
        """Whether all requirements are."""
        return all(judged.kept for judged in self.requirements)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in a form that JSON can hold."""
        requirements = [
            {"text": one.text, "value": None if math.isnan(one.value) else one.value, "kept": one.kept}
            for one in self.requirements
        ]
        found = self.validity
        return {
            "valid": found.valid,
            "reasons": list(found.reasons),
            "cautions": list(found.cautions),
            "requirements": requirements,
        }

    def __str__(self) -> str:
        missed = sum(not judged.kept for judged in self.requirements)
        words = "nothing was required" if not self.requirements else "every requirement is kept"
        if missed:
            words = f"{missed} of {len(self.requirements)} requirements missed"
        return words + (", by a run that was interrupted" if self.interrupted else "")


def verdict(record: Record) -> Verdict:
    """Judge a run by its figures, and by the requirements that its file names."""
    requirements = [str(text) for text in record.about.get("requirements") or ()]
    return _verdict(record.run, requirements, validity_of(record))


def validity_of(record: Record) -> Validity:
    """Judge whether a run is valid, by all that its file knows."""
    busy, expected = record.about.get("busy"), record.about.get("expected", math.nan)
    return validity(record.run, math.nan if busy is None else float(busy), float(expected or 0.0))


def judge(run: Run, requirements: Sequence[str], busy: float = math.nan) -> Verdict:
    """Judge a run that has ended.

    Arguments:
        requirements: as they were written. busy: see `validity`.

    Raises:
        UsageError: what is required cannot be read.
    """
    return _verdict(run, requirements, validity(run, busy))


def _verdict(run: Run, requirements: Sequence[str], found: Validity) -> Verdict:
    return Verdict(found, tuple(_judged(text, run) for text in requirements), run.interrupted)


def _judged(text: str, run: Run) -> Judged:
    required = requirement(text)
    try:
        value = required.value(run)
    except UsageError:  # no shot has the tag that is asked for: nothing was measured, and nothing is kept
        return Judged(text, math.nan, "no shot has this tag", kept=False)
    return Judged(text, value, "not measured" if math.isnan(value) else required.show(value), required.kept(run))
