"""The exit code that says in a word what a run of the cannon came to."""

from __future__ import annotations

from forebay.cli.output import Exit
from forebay.load.run import Run
from forebay.load.verdict import Verdict


def exit_code(run: Run, verdict: Verdict) -> Exit:
    """Return the gravest of what there is to say: nobody was there, not valid, a requirement missed, interrupted."""
    if run.refused and not run.sent and not run.interrupted:
        return Exit.UNREACHABLE
    if not verdict.validity.valid:
        return Exit.NOT_VALID
    if not verdict.kept:
        return Exit.PROMISE_BROKEN
    return Exit.INTERRUPTED if run.interrupted else Exit.DONE
