"""The exit code that says in a word what a run of the cannon came to."""

from __future__ import annotations

from forebay.cli.output import Exit
from forebay.load.runfile import Record
from forebay.load.verdict import verdict


def exit_code(record: Record) -> Exit:
    """Return the gravest of what there is to say: nobody was there, not valid, a requirement missed, interrupted."""
    run, found, stopped = record.run, verdict(record), bool(record.about.get("stopped"))
    if run.refused and not run.sent and (stopped or not run.interrupted):
        return Exit.UNREACHABLE
    if not found.validity.valid:
        return Exit.NOT_VALID
    if stopped or not found.kept:
        return Exit.PROMISE_BROKEN
    return Exit.INTERRUPTED if run.interrupted else Exit.DONE
