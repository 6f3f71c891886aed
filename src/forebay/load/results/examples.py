"""An example of each way to fail: which shot it was, so that a reason can be looked for and not only counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from forebay.load.results.figures import NANOSECONDS, Batch


class Example(msgspec.Struct, frozen=True, order=True):
    """The first planned of the shots that failed in one way.

    Arguments:
        planned: seconds since the beginning of the run. index, tag: of the shot.
    """

    planned: float
    index: int
    tag: str = ""

    def __str__(self) -> str:
        return f"shot {self.index:,} at {self.planned:.3f}s" + (f", {self.tag}" if self.tag else "")

    def later(self, seconds: float) -> Example:
        """Return the same of a run that began so much earlier."""
        return msgspec.structs.replace(self, planned=self.planned + seconds)


def examples(batch: Batch, tags: Sequence[str], zero: int) -> dict[str, Example]:
    """Return an example of each way to fail: by reason, or as `status 503`.

    Arguments:
        tags: by number. zero: the beginning of the run, nanoseconds of the clock of the rows.
    """
    failed = np.flatnonzero((batch.status < 0) | (batch.status >= 400))
    if not len(failed):
        return {}
    in_order = failed[np.lexsort((batch.index[failed], batch.planned[failed]))]
    statuses, places = np.unique(batch.status[in_order], return_index=True)
    found: dict[str, Example] = {}
    for status, row in zip(statuses.tolist(), in_order[places].tolist(), strict=True):
        planned = (int(batch.planned[row]) - zero) / NANOSECONDS
        name = f"status {status}" if status > 0 else batch.reasons[-1 - status][1]
        keep(found, {name: Example(planned, int(batch.index[row]), tags[int(batch.tag[row])])})
    return found


def keep(found: dict[str, Example], more: Mapping[str, Example]) -> None:
    """Add examples to those that were found; of each way to fail the first stays, in whatever order they come."""
    for name, example in more.items():
        found[name] = min(example, found.get(name, example))
