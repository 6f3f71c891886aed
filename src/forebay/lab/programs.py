"""forebay's own programs as processes that can be killed: intakes and workers of one application."""

from __future__ import annotations

import http.client
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from forebay.lab.servers.process import Server


class Program(Server):
    """``forebay serve`` or ``forebay work`` as a process of its own.

    Arguments:
        arguments: as on the command line, without --port.
        folder: where it runs; shared by the programs of one experiment, and not removed.
    """

    name: ClassVar[str] = "forebay"
    packages: ClassVar[tuple[str, ...]] = ()

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        super().__init__(folder)
        self._arguments = list(arguments)

    @classmethod
    def program(cls) -> Path:
        """Return the Python that runs this."""
        return Path(sys.executable)

    @property
    def url(self) -> str:
        """Where its HTTP is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        """The file with all that the program has said."""
        return self.folder / f"{self._arguments[0]}-{self.port}.txt"

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self._process is None else self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, as SIGTERM for an orderly end."""
        self._signal(number)

    def wait(self, seconds: float = 30.0) -> int:
        """Wait until it has ended, and return its exit code.

        Raises:
            TimeoutExpired: it has not within `seconds`.
        """
        assert self._process is not None
        return self._process.wait(seconds)

    def _command(self) -> list[str]:
        return [str(self.program()), "-m", "forebay", *self._arguments]


class Intake(Program):
    """An HTTP process; `workers` in it too, when the arguments say so."""

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        super().__init__(["serve", *arguments], folder)
        self._arguments += ["--port", str(self.port)]

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1.0)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        finally:
            connection.close()


class Workers(Program):
    """A process that only works off."""

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        super().__init__(["work", *arguments], folder)

    def _answers(self) -> bool:
        return b"working off" in self.output.read_bytes()
