"""One server process: started until it answers, killed, stopped for a while, restarted where it was, removed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from forebay.errors import Missing, Unavailable
from forebay.lab.servers.guard import Guard

START_SECONDS = 100.0
STOP_SECONDS = 15.0
PROBE_SECONDS = 0.02
REMEDY = "run: make servers (or python -m forebay.lab.servers install)"
PORTS = range(20_000, 32_000)
_CHANCE = random.SystemRandom()  # test tools seed the common one, and two programs would draw alike


class Server:
    """A server process on the loopback interface; a context manager that starts it and leaves nothing behind.

    Arguments:
        folder: for its data; None: a temporary one that is removed at the end.
        port: to listen on; None: a free one, which a restart keeps.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    """Debian packages that bring it."""
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path | None = None, port: int | None = None) -> None:
        self._owns_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"forebay-{self.name}-"))
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None

    @property
    def url(self) -> str:
        """Where clients find it."""
        raise Missing(f"{self.name} has no URL")

    @classmethod
    def program(cls) -> Path:
        """Return the program of this server.

        Raises:
            Missing: it is not installed.
        """
        return find_program(cls.name)

    @property
    def pid(self) -> int:
        """The process id of the running server.

        Raises:
            Missing: it does not run.
        """
        if self._process is None or self._process.poll() is not None:
            raise Missing(f"{self.name} does not run")
        return self._process.pid

    @property
    def output(self) -> Path:
        """The file with all that the server has said."""
        return self.folder / "output.txt"

    def start(self) -> Self:
        """Start the server and return once it answers.

        Raises:
            Missing: it is not installed. Unavailable: it ended, or did not answer in time; with its last words.
        """
        if self._process is not None:
            raise Unavailable(f"{self.name} on port {self.port} runs already")
        try:
            self._prepare()
            self._launch()
            self._wait_until(self._answers)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Let the server end by itself, kill it when it does not, and remove its folder if that is ours."""
        self._unguard()
        if self._process is not None:
            family = self._signal(signal.SIGCONT)
            self._process.send_signal(self.stop_signal)
            try:
                self._process.wait(STOP_SECONDS)
                _until_ended(family)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None
        self._clean()
        if self._owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """Kill the server and all its children with SIGKILL; folder and port stay, free for a restart."""
        self._unguard()
        if self._process is not None:
            family = self._signal(signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # a child that was born while we looked
            self._process.wait()
            self._process = None
            _until_ended(family)

    def restart(self) -> Self:
        """Start it again on the same port and data; kills it before if it runs."""
        self.kill()
        return self.start()

    def pause(self) -> None:
        """Let the server stand still (SIGSTOP) and return once it does: connections stay, nothing answers."""
        # The signal is sent until all stand still: a child may have been born while we looked.
        self._wait_until(lambda: bool(family := self._signal(signal.SIGSTOP)) and all(map(_stands_still, family)))

    def resume(self) -> None:
        """Let a paused server go on."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> None:
        """Write what the server needs before its first start."""

    def _command(self) -> Sequence[str]:
        """Return program and arguments; the server stays in the foreground."""
        return [str(self.program())]

    def _environment(self) -> Mapping[str, str]:
        """Return what is to be added to the environment."""
        return {}

    def _user(self) -> str | None:
        """Return the user to run as; None: the one that we are."""
        return None

    def _answers(self) -> bool:
        """Ask the server something that it answers only when it works; False or OSError: not yet."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
            return True

    def _clean(self) -> None:
        """Undo what outlives the process."""

    def _launch(self) -> None:
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment()},
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C is for the program under test, which still needs its broker
                **as_user(self._user()),
            )
        self._guard = Guard(self._process.pid, self.folder if self._owns_folder else None)

    def _unguard(self) -> None:
        if self._guard is not None:
            self._guard.release()
            self._guard = None

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._holds(condition):
            if self._process is None or self._process.poll() is not None:
                raise Unavailable(f"{self.name} ended at its start", self._last_words())
            if time.monotonic() > deadline:
                raise Unavailable(f"{self.name} does not answer after {START_SECONDS:g} s", self._last_words())
            time.sleep(PROBE_SECONDS)

    @staticmethod
    def _holds(condition: Callable[[], bool]) -> bool:
        try:
            return condition()
        except OSError:
            return False

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return self.output.read_text(errors="replace")[-2000:].strip()
        return ""

    def _signal(self, number: signal.Signals) -> list[int]:
        """Send a signal to the server and all its children, and return them: some start one for each connection."""
        if self._process is None or self._process.poll() is not None:
            return []
        family = process_tree(self._process.pid)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return family


def free_port() -> int:
    """Return a port that nobody listens on, below those that outgoing connections take: a restart finds it free.

    All programs of a user are given ports in turn: nobody is given one that another is just about to listen on, or to
    come back to.
    """
    for _ in range(200):
        port = _next_port()
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise Unavailable(f"no free port between {PORTS.start} and {PORTS.stop}")


def _next_port() -> int:
    """Return the port after the one that was given last, by whichever program; any one where nobody can know that."""
    path = Path(tempfile.gettempdir(), f"forebay-port-{os.getuid()}")
    with contextlib.suppress(OSError):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            given = os.pread(file, 5, 0)
            port = int(given) + 1 if given.isdigit() else _CHANCE.choice(PORTS)
            port = port if port in PORTS else PORTS.start
            os.pwrite(file, b"%d" % port, 0)
            return port
        finally:
            os.close(file)
    return _CHANCE.choice(PORTS)


def process_tree(pid: int) -> list[int]:
    """Return a process id and those of all its descendants, as far as the system tells them."""
    children: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += map(int, thread.read_text().split())
    return [pid, *(descendant for child in children for descendant in process_tree(child))]


def _stands_still(pid: int) -> bool:
    """Whether every thread of a process is stopped; a signal takes a moment to reach them all."""
    return all(_state(path) in "TtZX" for path in Path(f"/proc/{pid}/task").glob("*/stat"))


def _until_ended(pids: Sequence[int]) -> None:
    """Wait for processes that are not all our children; what was killed may hold its port for a moment."""
    deadline = time.monotonic() + STOP_SECONDS
    while any(_runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.005)


def _runs(pid: int) -> bool:
    try:
        return _state(Path(f"/proc/{pid}/stat")) not in "ZX"
    except OSError:
        return False


def _state(stat: Path) -> str:
    return stat.read_text().rpartition(")")[2].split()[0]


def find_program(name: str) -> Path:
    """Return the path of a program on PATH, beside our Python, or in the system's folders.

    Raises:
        Missing: it is nowhere.
    """
    search = [os.environ.get("PATH", ""), str(Path(sys.executable).parent), "/usr/sbin", "/usr/local/sbin"]
    found = shutil.which(name, path=os.pathsep.join(search))
    if found is None:
        raise Missing(f"{name} is not installed", REMEDY)
    return Path(found)


def as_user(user: str | None) -> dict[str, Any]:
    """Return the arguments of Popen that make a process run as another user."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
