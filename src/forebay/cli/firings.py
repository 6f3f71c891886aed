"""What is to be fired, on the command line: the options of `forebay fire` that say what, when, and from where."""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forebay.errors import UsageError
from forebay.quantity import duration, rate
from forebay.url import without_passwords

if TYPE_CHECKING:
    from forebay.load.engines.gun import Gun
    from forebay.load.firing import Firing
    from forebay.load.profiles.profile import Profile
    from forebay.load.shot import Ammo

TIMEOUT = "10s"
RUN_SECONDS = 10.0
"""The length of a run where nobody says one."""
CONNECTIONS = 1000
"""Open at most at once in an open loop, where nobody says how many."""
RATE_OF_ONE_PROCESS = 10_000.0
"""Shots a second that one process fires without being late, on any core of today."""
RATE_OF_ONE_GUN = 2_000.0
"""The same of a gun in Python."""
QUEUE_GUN = "forebay:queue"
"""The gun that is built in."""

_OPTIONS = (
    click.option("--profile", metavar="LOAD", help="shots a second over time: sine(0, 100, 60s), const(50)"),
    click.option("--rate", "constant", metavar="RATE", help="short for a constant profile: 50/s"),
    click.option("--poisson", is_flag=True, help="the same rate with random arrivals"),
    click.option("-d", "--for", "--duration", "length", metavar="TIME", help="how long  [as the profile, or 10s]"),
    click.option(
        "-c", "--connections", type=click.IntRange(1), metavar="N",
        help="open at most at once  [1000]; without a load: a closed loop of so many",
    ),
    click.option(
        "-t", "--processes", "--threads", type=click.IntRange(1), metavar="N",
        help="that fire, a core each  [as many as the load needs]",
    ),
    click.option("--timeout", default=TIMEOUT, metavar="TIME", show_default=True, help="then an answer is given up"),
    click.option("--ammo", metavar="WHAT", help="a file of shots, forebay:orders, or module:function"),
    click.option(
        "--gun", metavar="MODULE:FUNCTION",
        help="a coroutine that fires a shot its own way; URL is its name. forebay:queue: publishes to URL",
    ),
    click.option("--method", metavar="NAME", help="of each request  [GET, or POST with --body]"),
    click.option("--body", metavar="TEXT", help="of each request; @FILE: what is in the file"),
    click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="of each request; again"),
    click.option("--insecure", is_flag=True, help="take any certificate"),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="same seed, same shots"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say, as it was typed; an option that was not given is None, empty or False."""

    profile: str | None
    constant: str | None
    poisson: bool
    length: str | None
    connections: int | None
    processes: int | None
    timeout: str
    ammo: str | None
    gun: str | None
    method: str | None
    body: str | None
    headers: tuple[str, ...]
    insecure: bool
    seed: int

    def firing(self, url: str) -> Firing:
        """Return what is to be fired at the URL.

        Raises:
            UsageError: an option cannot be read, or they do not go together.
        """
        from forebay.load.firing import Firing

        profile = self._profile()
        if profile is None and self.connections is None:
            raise UsageError(
                "this run has no load", "say --rate 50/s or --profile 'sine(0, 100, 60s)', or -c 10 for a closed loop"
            )
        firing = Firing(
            url if self.gun is None else without_passwords(url),  # that of HTTP has none
            self._ammo(url),
            self._seconds(profile),
            profile,
            connections=self.connections or CONNECTIONS,
            timeout=duration(self.timeout),
            headers=dict(_header(text) for text in self.headers),
            verify=not self.insecure,
            gun=self._gun(url),
        )
        if self.ammo is None and firing.target is not None:
            firing.target.encode(firing.ammo(0))  # to say at once that it cannot be sent
        return firing

    def files(self) -> list[Path]:
        """Return the names in these options that may be those of files."""
        ammo, body, profile = self.ammo or "", self.body or "", self.profile or ""
        traces = re.findall(r"trace\(([^,)]+)", profile)
        names = (ammo, ammo.partition(":")[2], body[1:] if body.startswith("@") else "", *traces)
        return [Path(name.strip()) for name in names if name]

    def enough_processes(self, firing: Firing) -> int:
        """Return how many processes are to fire: as asked, or else as many as the load needs and there are cores."""
        if self.processes is not None:
            return self.processes
        most = min(len(os.sched_getaffinity(0)), firing.connections)
        if firing.profile is None or _rushes(firing.profile):
            return most
        of_one = RATE_OF_ONE_PROCESS if firing.gun is None else RATE_OF_ONE_GUN
        return max(1, min(most, math.ceil(min(_peak(firing.profile, firing.seconds), 1e9) / of_one)))

    def check_only_processes(self) -> None:
        """Raise UsageError where more is asked than what a configuration of Pandora leaves open."""
        said = ("profile", "constant", "length", "connections", "ammo", "gun", "method", "body", "headers")
        changed = self.poisson or self.insecure or self.seed or self.timeout != TIMEOUT
        if changed or any(getattr(self, name) for name in said):
            raise UsageError(
                "the file says what is fired", "besides it: --processes, --require, --out, --shots, --json"
            )

    def _profile(self) -> Profile | None:
        from forebay.load.profiles.notation import parse
        from forebay.load.profiles.shapes import Const
        from forebay.load.profiles.stages import Poisson

        if self.profile is not None and self.constant is not None:
            raise UsageError("--rate and --profile are two loads", "say one of them")
        if self.constant is not None:
            profile: Profile = Const(rate(self.constant))
        elif self.profile is not None:
            profile = parse(self.profile, math.nan if self.length is None else duration(self.length))
        elif self.poisson:
            raise UsageError("--poisson is of a load", "say --rate or --profile as well")
        else:
            return None
        return Poisson(profile, self.seed) if self.poisson else profile

    def _seconds(self, profile: Profile | None) -> float:
        if self.length is not None:
            return duration(self.length)
        return RUN_SECONDS if profile is None else _length(profile)

    def _ammo(self, url: str) -> Ammo:
        if self.ammo is None:
            return self._one_shot()
        if self.method is not None or self.body is not None:
            raise UsageError("--ammo says method and body of its shots", "leave --method and --body out")
        from forebay.load.ammo.notation import ammo_of

        headers = dict(_header(text) for text in self.headers)  # a whole request can get them only here
        return ammo_of(_seeded(self.ammo, self.seed), url, headers=headers)

    def _gun(self, url: str) -> Gun | None:
        if self.gun is not None and (self.headers or self.insecure):
            raise UsageError("--header and --insecure are of HTTP", "a gun has its own way: say it there")
        if self.gun == QUEUE_GUN:
            from forebay.lab.queue_gun import queue_gun

            return queue_gun(url)
        from forebay.load.engines.gun import load

        return None if self.gun is None else load(self.gun)

    def _one_shot(self) -> Ammo:
        """Return ammunition of the same shot again and again."""
        from forebay.load.shot import Shot

        body = _body(self.body) if self.body is not None else b""
        shot = Shot(body, method=(self.method or ("GET" if self.body is None else "POST")).upper())
        return lambda index: shot


def firing_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which is given them as `asked`."""

    @functools.wraps(command)
    def collected(*args: Any, **options: Any) -> None:
        asked = Asked(**{name: options.pop(name) for name in Asked.__slots__})
        command(*args, asked=asked, **options)

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected


def _seeded(text: str, seed: int) -> str:
    """Return ammunition that is built in with its seed, unless it names one."""
    if not seed or not text.startswith("forebay:") or "seed=" in text:
        return text
    return f"{text}{'&' if '?' in text else '?'}seed={seed}"


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError(f"{text!r} is not a header", "write it as 'Authorization: Bearer abc'")
    return name.strip(), value.strip()


def _body(text: str) -> bytes:
    if not text.startswith("@"):
        return os.fsencode(text)
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"{text[1:]} cannot be read: {error.strerror}", "--body @FILE names a file") from error


def _length(profile: Profile) -> float:
    """Return how long a run has to be to show all of a profile, seconds; of a wave a period."""
    if 0 < profile.span < math.inf:
        return profile.span
    return getattr(_plain(profile), "period", None) or RUN_SECONDS


def _rushes(profile: Profile) -> bool:
    """Return whether it has a part that is fired as fast as the connections allow."""
    from forebay.load.profiles.shapes import Unlimited

    return any(isinstance(part, Unlimited) for part in getattr(profile, "parts", [profile]))


def _plain(profile: Profile) -> Profile:
    """Return a profile without the chance that was put on it."""
    from forebay.load.profiles.stages import Poisson

    return profile.profile if isinstance(profile, Poisson) else profile


def _peak(profile: Profile, seconds: float) -> float:
    """Return about the highest rate of a run, shots a second."""
    return max(profile.rate(seconds * i / 200) for i in range(200))
