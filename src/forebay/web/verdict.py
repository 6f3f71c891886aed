"""The verdict on a run, for its page: valid or not first, then what was required, in words and signs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from forebay.errors import UsageError
from forebay.load.requirements import requirement
from forebay.load.run import Run
from forebay.load.runfile import Record
from forebay.load.validity import Validity, validity


@dataclass(frozen=True, slots=True)
class Judged:
    """A requirement and what became of it.

    Arguments:
        text: as it was written.
        measured: its value, for people.
        kept: whether the run fulfils it.
    """

    text: str
    measured: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a run before anything else."""

    validity: Validity
    requirements: tuple[Judged, ...]
    complete: bool
    interrupted: bool

    @property
    def missed(self) -> int:
        """How many requirements were not fulfilled."""
        return sum(not judged.kept for judged in self.requirements)

    @property
    def kind(self) -> str:
        """Return ``bad``, ``good``, or ``unsure`` where nothing was required or the run did not end by itself."""
        if not self.validity.valid or self.missed:
            return "bad"
        return "good" if self.requirements and not self.interrupted else "unsure"

    def __str__(self) -> str:
        if not self.validity.valid:
            return "Not valid: these figures are those of the generator"
        ended = " (interrupted)" if self.interrupted else ""
        if self.missed:
            return f"Missed: {self.missed} of {len(self.requirements)} requirements{ended}"
        return f"Passed: every requirement is kept{ended}" if self.requirements else f"Valid, nothing required{ended}"


def verdict(record: Record) -> Verdict:
    """Judge a run by its own figures, and by the requirements that its file names."""
    texts = record.about.get("requirements") or []
    judged = tuple(_judged(str(text), record.run) for text in texts)
    return Verdict(validity(record.run), judged, record.complete, record.run.interrupted)


def _judged(text: str, run: Run) -> Judged:
    try:
        required = requirement(text)
        value = required.value(run)
    except UsageError as error:
        return Judged(text, str(error), kept=False)
    return Judged(text, "nothing was measured" if math.isnan(value) else required.show(value), required.kept(run))
