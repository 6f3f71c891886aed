"""What a run of the cannon comes to: its report, and the exit code that says it in a word."""

from __future__ import annotations

import click

from forebay.cli.output import Exit
from forebay.load.run import Run
from forebay.load.verdict import Verdict
from forebay.quantity import show_seconds

PERCENTILES = (50, 90, 99, 99.9)


def exit_code(run: Run, verdict: Verdict) -> Exit:
    """Return the gravest of what there is to say: nobody was there, not valid, a requirement missed, interrupted."""
    if run.refused and not run.sent and not run.interrupted:
        return Exit.UNREACHABLE
    if not verdict.validity.valid:
        return Exit.NOT_VALID
    if not verdict.kept:
        return Exit.PROMISE_BROKEN
    return Exit.INTERRUPTED if run.interrupted else Exit.DONE


def show(run: Run, verdict: Verdict) -> None:
    """Print it for people: the figures, whether they are valid, and what was required."""
    for line in _figures(run):
        click.echo(line)
    click.echo(f"\n{'✓' if verdict.validity.valid else '✗'} {verdict.validity}")
    for caution in verdict.validity.cautions:
        click.echo(f"  {caution}")
    for one in verdict.requirements:
        click.echo(f"{'✓' if one.kept else '✗'} {one.text}: {one.shown}")


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
