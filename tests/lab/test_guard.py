import subprocess
import sys
import time
from pathlib import Path

import pytest

from forebay.lab.servers.guard import Guard
from forebay.lab.servers.process import process_tree

IDLE = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@pytest.fixture
def idle():
    """A process that does nothing until it is killed."""
    process = subprocess.Popen(IDLE, stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def abandoned(guard):
    """Let the guard see what it sees when we end; return once it has done its work."""
    guard._process.communicate(timeout=30)


def runs(pid):
    """Say whether a process has not ended; one that nobody has waited for has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_it_kills_what_is_left_behind_and_removes_its_folder(idle, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    abandoned(Guard(idle.pid, folder))
    assert idle.wait(30) == -9
    assert not folder.exists()


def test_it_kills_those_whom_the_process_has_started():
    """As RabbitMQ's script does with the node."""
    script = f"import subprocess; subprocess.run({IDLE!r})"
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 30
    while len(family := process_tree(process.pid)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    abandoned(Guard(process.pid, None))
    assert process.wait(30) == -9
    with process.stdin:  # at whose end they would end by themselves
        while any(runs(pid) for pid in family[1:]):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_it_spares_another_process_that_has_the_number_of_one_that_is_gone(idle):
    abandoned(Guard(idle.pid, None, born="1"))
    assert idle.poll() is None


def test_it_does_nothing_once_it_is_released(idle, tmp_path):
    guard = Guard(idle.pid, tmp_path)
    guard.release()
    assert idle.poll() is None
    assert tmp_path.exists()
