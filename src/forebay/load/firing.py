"""All that is to be known of a run before it begins."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from forebay.errors import UsageError
from forebay.load.engines.book import OnOutcome, OnRows
from forebay.load.engines.closed_loop import ClosedLoop
from forebay.load.engines.engine import Engine
from forebay.load.engines.gun import Gun
from forebay.load.engines.gunner import Gunner
from forebay.load.engines.magazine import Magazine
from forebay.load.engines.open_loop import OpenLoop
from forebay.load.profiles.profile import Profile
from forebay.load.results.run import Run
from forebay.load.shot import Ammo, Shot
from forebay.load.wire.target import Target


@dataclass(frozen=True, slots=True)
class Firing:
    """What is fired at what, when, and for how long.

    Arguments:
        url: see `Target`.
        ammo: see `Ammo`.
        seconds: the length of the run.
        profile: shots a second (open loop); None: each connection fires again as soon as it has its answer (closed).
        connections: open at most at once, in all processes. In an open loop shots beyond them wait, and after `timeout`
            without one are refused.
        timeout: seconds after the sending at which an answer is given up: the outcome is unknown, never failed.
        gun: see `Gun`; None: bare sockets, HTTP/1.1. With a gun `url` is only its name, and `connections` how many
            shots are under way at most.
        headers: of every request. verify: whether a certificate has to be that of the host.

    Raises:
        UsageError: a URL, a header or a number that has no meaning.
    """

    url: str
    ammo: Ammo
    seconds: float
    profile: Profile | None = None
    connections: int = 1000
    timeout: float = 10.0
    headers: dict[str, str] = field(default_factory=dict)
    verify: bool = True
    gun: Gun | None = None
    target: Target | None = field(init=False, repr=False, compare=False, default=None)
    """What is shot at, looked up once for all engines; None where a gun knows it."""

    def __post_init__(self) -> None:
        if not (self.connections >= 1 and 0 < self.timeout < math.inf and 0 < self.seconds < math.inf):
            raise UsageError("a run needs a duration, a timeout and a connection", "all three are above 0 and finite")
        if self.gun is None:
            object.__setattr__(self, "target", Target(self.url, self.headers, verify=self.verify))

    def look_up(self) -> None:
        """Find the addresses of the target before the clock runs.

        Raises:
            Unavailable: the host is not known.
        """
        if self.target is not None:
            self.target.addresses()

    def run(self) -> Run:
        """Return the run before its first shot."""
        return Run(self.url, str(self.profile) if self.profile else f"closed({self.connections})", self.seconds)

    def engine(
        self,
        run: Run,
        part: int = 0,
        parts: int = 1,
        on_outcome: OnOutcome | None = None,
        on_look: Callable[[], None] | None = None,
        on_rows: OnRows | None = None,
    ) -> Engine | Gunner:
        """Return the engine that fires one of several equal parts: every `parts`-th shot, from number `part` on.

        Arguments:
            on_outcome, on_look, on_rows: see `Engine`.

        Raises:
            Unavailable: the host is not known.
        """
        connections = max(1, self.connections // parts + (part < self.connections % parts))
        options: dict[str, Any] = {"seconds": self.seconds, "connections": connections, "timeout": self.timeout}
        options |= {"on_outcome": on_outcome, "on_look": on_look, "on_rows": on_rows}
        plan = self.profile.plan(self.seconds, part, parts) if self.profile else None
        if self.target is None:
            assert self.gun is not None
            return Gunner(self.gun, Magazine(self.ammo, _body, part, parts), run, plan=plan, **options)
        magazine = Magazine(self.ammo, self.target.encode, part, parts)
        if plan is None:
            return ClosedLoop(self.target, magazine, run, **options)
        return OpenLoop(self.target, magazine, run, plan=plan, **options)


def _body(shot: Shot) -> bytes:
    """Return what is counted as the bytes of a shot whose gun alone knows what goes over the wire."""
    return shot.body
