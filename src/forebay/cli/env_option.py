"""The option --env FILE: variables of a file, where the environment does not have them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from forebay import env_file

FLAG = "--env"


def _take(context: click.Context, parameter: click.Parameter, name: str | None) -> None:
    if name is not None:
        env_file.add_to(os.environ, Path(name))


ENV = click.option(
    FLAG,
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_take,
    help="variables for those that the environment does not have, as in a .env file",
)
"""Decorates a command that reads settings."""


def take_from(args: Sequence[str]) -> None:
    """Take the variables of the file that arguments name, before anything is imported that may look at them.

    Raises:
        UsageError: the file cannot be read.
    """
    for i, arg in enumerate(args):
        flag, equals, name = arg.partition("=")
        if flag == FLAG and (equals or i + 1 < len(args)):
            env_file.add_to(os.environ, Path(name if equals else args[i + 1]))
