"""The command line as its users have it: processes, their output and their exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

COMMAND = [sys.executable, "-m", "forebay"]
QUEUE = "sqlite:///q.db?topic=orders"


@pytest.fixture
def environment():
    """Return the environment of a user: nothing of ours is set, and Python keeps back what goes into a pipe."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("FOREBAY_", "PYTHONUNBUFFERED"))}


@pytest.fixture
def forebay(tmp_path, environment):
    """Run a command in the folder of this test; stdin as bytes or an open file, settings as keyword arguments."""

    def run(*arguments, stdin=b"", **more):
        settings = {f"FOREBAY_{name.upper()}": value for name, value in more.items()}
        return subprocess.run(
            [*COMMAND, *arguments],
            **({"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}),
            capture_output=True,
            cwd=tmp_path,
            env=environment | settings,
            timeout=100,
        )

    return run


@pytest.fixture
def beginning(tmp_path, environment):
    """Begin a command; gives the process once it has said some words, and leaves nothing behind."""

    @contextmanager
    def begin(*arguments, until=b"", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE):
        path = tmp_path / f"stderr-{len(list(tmp_path.glob('stderr-*')))}"
        with path.open("wb") as stderr:
            process = subprocess.Popen(
                [*COMMAND, *arguments],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=tmp_path,
                env=environment,
            )
        process.said = path.read_bytes
        try:
            deadline = time.monotonic() + 60
            while until not in path.read_bytes():
                assert process.poll() is None, path.read_text()
                assert time.monotonic() < deadline, path.read_text()
                time.sleep(0.01)
            yield process
        except BaseException as failure:
            failure.add_note(f"its exit code: {process.poll()}; what it said: {path.read_text()}")
            raise
        finally:
            process.kill()
            process.communicate()

    return begin
