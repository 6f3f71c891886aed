"""The option --env FILE: variables of a file, where the environment does not have them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from forebay import env_file

FLAG = "--env"
ENV = click.option(
    FLAG,
    metavar="FILE",
    expose_value=False,
    help="variables for those that the environment does not have, as in a .env file",
)
"""Declares it for an `EnvCommand`."""


class EnvCommand(click.Command):
    """A command with --env: it takes the file before its other words are read, which may import what looks at it."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> click.Context:
        """Take the variables, and read the words.

        Raises:
            UsageError: the file cannot be read.
        """
        for i, arg in enumerate(args):
            flag, equals, name = arg.partition("=")
            if flag == FLAG and (equals or i + 1 < len(args)):
                env_file.add_to(os.environ, Path(name if equals else args[i + 1]))
        return super().make_context(info_name, args, *more, **extra)
