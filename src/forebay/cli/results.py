"""What a run of the cannon comes to: its report, its verdict, and the exit code that says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from forebay.cli.output import Exit
from forebay.load.requirements import Requirement
from forebay.load.run import Run
from forebay.load.validity import Validity, validity
from forebay.quantity import show_seconds

PERCENTILES = (50, 90, 99, 99.9)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A run that has ended, and what is to be held of it."""

    run: Run
    requirements: Sequence[Requirement]

    @property
    def validity(self) -> Validity:
        """Whether it measured its target."""
        return validity(self.run)

    @property
    def exit_code(self) -> Exit:
        """The gravest of what there is to say."""
        if not self.run.sent and self.run.refused and not self.run.interrupted:
            return Exit.UNREACHABLE
        if not self.validity.valid:
            return Exit.NOT_VALID
        if not all(one.kept(self.run) for one in self.requirements):
            return Exit.PROMISE_BROKEN
        return Exit.INTERRUPTED if self.run.interrupted else Exit.DONE

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in a form that JSON can hold."""
        found = self.validity
        return {
            "valid": found.valid,
            "reasons": list(found.reasons),
            "cautions": list(found.cautions),
            "requirements": [
                {"text": one.text, "value": one.value(self.run), "limit": one.limit, "kept": one.kept(self.run)}
                for one in self.requirements
            ],
        }

    def show(self) -> None:
        """Print it for people: the figures, whether they are valid, and what was required."""
        for line in _figures(self.run):
            click.echo(line)
        click.echo(f"\n{'✓' if self.validity.valid else '✗'} {self.validity}")
        for caution in self.validity.cautions:
            click.echo(f"  {caution}")
        for one in self.requirements:
            mark = "✓" if one.kept(self.run) else "✗"
            click.echo(f"{mark} {one.text}: {one.show(one.value(self.run))}")


def _figures(run: Run) -> list[str]:
    rows = [f"{run.planned:,} planned, {run.sent:,} sent, {run.answered:,} answered, {run.refused:,} refused, "
            f"{run.unknown:,} unknown in {show_seconds(run.elapsed_seconds)}"]  # fmt: skip
    rows += [f"{status}  {count:,}" for status, count in sorted(run.statuses.items())]
    rows += [f"{reason}  {count:,}" for reason, count in run.reasons.most_common()]
    for name in ("response", "service", "lag"):
        histogram = getattr(run, name)
        if histogram.count:
            values = histogram.percentiles(PERCENTILES)
            shown = "  ".join(f"p{q:g} {show_seconds(value)}" for q, value in zip(PERCENTILES, values, strict=True))
            rows.append(f"{name:9} {shown}  max {show_seconds(histogram.max)}")
    return rows
