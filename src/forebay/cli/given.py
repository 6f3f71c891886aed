"""Which options were typed: one that would change nothing is refused, not passed over."""

from __future__ import annotations

from collections.abc import Collection

import click
from click.core import ParameterSource

from forebay.errors import UsageError


def check_only(allowed: Collection[str], what: str) -> None:
    """Refuse every option of the command at hand that was typed and is not allowed.

    Arguments:
        allowed: names of parameters.
        what: to which the others do nothing, as ``usl``.

    Raises:
        UsageError: another option was given.
    """
    context = click.get_current_context()
    for option in context.command.params:
        typed = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if typed and isinstance(option, click.Option) and option.name not in allowed:
            raise UsageError(f"{max(option.opts, key=len)} changes nothing for {what}", "leave it out")
