from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from forebay.cli import main
from wire import OK, hear, listening, saying

COMMAND = [sys.executable, "-m", "forebay"]
SLOW_SECONDS = 0.5
"""An answer so slow that the generator, on a busy machine, is hardly ever the limit."""
ENDLESS = ("-c", "2", "-d", "1h")
"""A closed loop: it cannot be late, and is valid until it is interrupted."""


@pytest.fixture
def server():
    with listening(saying(OK)) as serving:
        yield serving


@pytest.fixture
def heard():
    """The requests that the slow and the silent server have heard: these shots were sent."""
    return []


@pytest.fixture
def slow_server(heard):
    def slowly(connection):
        while True:
            heard.append(hear(connection))
            time.sleep(SLOW_SECONDS)
            connection.sendall(OK)

    with listening(slowly) as serving:
        yield serving


@pytest.fixture
def silent_server(heard):
    def never(connection):
        while True:
            heard.append(hear(connection))

    with listening(never) as serving:
        yield serving


@pytest.fixture
def closed(tmp_path):
    """Return the words of a closed loop of 50 shots, which cannot be late and so is always valid."""
    (tmp_path / "few.py").write_text("def shots():\n    yield from [{'method': 'GET'}] * 50\n")
    return lambda *more: ("-c", "2", "-t", "1", "-d", "1h", "--ammo", "few:shots", *more)


def told(done):
    """Return the JSON that a command said."""
    return json.loads(done.stdout)


# How it ends


def test_a_plan_is_fired_and_told(forebay, slow_server):
    done = forebay("fire", slow_server.url, "--rate", "10/s", "--for", "1s", "--require", "failed<1%", "--json")
    said = told(done)
    valid, late = said["verdict"]["valid"], said["total"]["late_seconds"]["max"]
    assert done.returncode == (0 if valid else 5), done.stderr
    assert valid or late > SLOW_SECONDS / 5, "a run is not valid where this machine stood still meanwhile"
    assert said["total"]["planned"] == said["total"]["answered"] == 10
    assert said["profile"] == "const(10)"
    assert said["total"]["response_seconds"]["p50"] >= SLOW_SECONDS
    assert said["verdict"]["requirements"] == [{"text": "failed<1%", "value": 0.0, "kept": True}]
    assert sum(second["planned"] for second in said["series"]) == 10


def test_a_requirement_that_is_missed_ends_it_with_4(forebay, server, closed):
    done = forebay("fire", server.url, *closed("--require", "failed<1%", "--require", "p50<1ns"))
    assert done.returncode == 4
    assert "✓ failed<1%" in done.stdout.decode()
    assert "✗ p50<1ns" in done.stdout.decode()


def test_a_target_that_nobody_can_reach_ends_it_with_3(forebay):
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else is given the port
        url = f"http://127.0.0.1:{door.getsockname()[1]}/"
        done = forebay("fire", url, "--rate", "20/s", "--for", "100ms")
    assert done.returncode == 3
    assert "Connection refused" in done.stdout.decode()


def test_a_host_that_is_not_known_ends_it_with_3_before_the_first_shot(forebay):
    done = forebay("fire", "http://nowhere.invalid/", "--rate", "20/s", "--for", "100ms")
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.startswith(b"forebay: nowhere.invalid has no address")


def test_a_generator_that_was_the_limit_ends_it_with_5(forebay, server):
    rushed = ("--rate", "20000000/s", "--for", "10ms", "-c", "1", "--timeout", "300ms", "-t", "1")
    done = forebay("fire", server.url, *rushed, "--require", "p99<1h")
    assert done.returncode == 5
    assert "not valid: the generator was the limit" in done.stdout.decode()


def test_a_target_that_goes_wrong_has_it_stopped(forebay):
    with listening(saying(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")) as bad:
        done = forebay("fire", bad.url, "-c", "1", "--for", "1h", "--autostop", "http(5xx, 50%, 1)", "--json")
    assert done.returncode == 4
    assert told(done)["about"]["stopped"].startswith("http(5xx, 50%, 1) came true")
    assert b"stopped: http(5xx" in done.stderr


# How it is interrupted


def wait_for_a_shot(heard, process):
    deadline = time.monotonic() + 30
    while not heard:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def firing(tmp_path, environment, *words, heard):
    """Begin to fire in a process; gives it when its server has got a shot."""
    process = subprocess.Popen(
        [*COMMAND, "fire", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment,
        start_new_session=True,
    )
    try:
        wait_for_a_shot(heard, process)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_ctrl_c_ends_the_firing_and_the_report_comes_all_the_same(tmp_path, environment, slow_server, heard, forebay):
    words = (slow_server.url, *ENDLESS, "--out", "run", "--json")
    with firing(tmp_path, environment, *words, heard=heard) as process:
        process.send_signal(signal.SIGINT)
        said = json.loads(process.communicate(timeout=30)[0])
    assert process.returncode == 130
    assert said["interrupted"]
    assert said["total"]["answered"] == said["total"]["planned"] > 0, "what was in flight was not waited for"
    assert "✓ valid" in forebay("report", "run").stdout.decode()


def test_a_second_ctrl_c_ends_it_at_once(tmp_path, environment, silent_server, heard):
    words = (silent_server.url, *ENDLESS, "--timeout", "1h", "--json")
    with firing(tmp_path, environment, *words, heard=heard) as process:
        process.send_signal(signal.SIGINT)
        assert b"in flight are waited for" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said = json.loads(process.communicate(timeout=30)[0])
    assert process.returncode == 130
    assert said["total"]["unknown"] == said["total"]["sent"] > 0


def test_sigterm_ends_it_as_well(tmp_path, environment, slow_server, heard):
    with firing(tmp_path, environment, slow_server.url, *ENDLESS, heard=heard) as process:
        process.terminate()
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"status 200" in said


@contextlib.contextmanager
def in_a_terminal(tmp_path, environment, *words):
    """Begin to fire in a terminal; gives the process and what it says there, until some words."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "fire", *words],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=tmp_path,
        env=environment | {"TERM": "xterm"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    said = b""

    def until(words):
        nonlocal said
        deadline = time.monotonic() + 30
        while words not in said:
            assert select.select([controller], [], [], max(0, deadline - time.monotonic()))[0], said
            said += os.read(controller, 65536)

    try:
        yield process, controller, until
    finally:
        process.kill()
        process.wait()
        os.close(controller)


def test_in_a_terminal_ctrl_c_is_heard(tmp_path, environment, slow_server, heard):
    with in_a_terminal(tmp_path, environment, slow_server.url, *ENDLESS) as (process, controller, until):
        until(b"elapsed")
        wait_for_a_shot(heard, process)
        os.write(controller, b"\x03")
        until(b"status 200")
        assert process.wait(30) == 130


def test_a_process_that_dies_ends_it_and_what_was_measured_is_told(tmp_path, environment, server):
    with in_a_terminal(tmp_path, environment, server.url, "-c", "1", "-d", "1h") as (process, _, until):
        until(b"lag p50")
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        until(b"status 200")
        until(b"forebay: a process of the cannon has died")
        assert process.wait(30) == 1


# What it is given


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ftp://a/", "--rate", "1/s"), "'ftp://a/' is not something that can be fired at"),
        (("http://127.0.0.1/",), "this run has no load"),
        (("http://127.0.0.1/", "--rate", "50"), "'50' is not a rate"),
        (("http://127.0.0.1/", "--rate", "5/s", "--profile", "const(5)"), "--rate and --profile are two loads"),
        (("http://127.0.0.1/", "--profile", "sinus(1)"), "unknown profile 'sinus'"),
        (("http://127.0.0.1/", "--poisson", "-c", "5"), "--poisson is of a load"),
        (("http://127.0.0.1/", "--rate", "5/s", "--for", "soon"), "'soon' is not a duration"),
        (("http://127.0.0.1/", "--rate", "5/s", "--for", "0"), "a run needs a duration"),
        (("http://127.0.0.1/", "--rate", "5/s", "--ammo", "absent.jsonl"), "absent.jsonl"),
        (("http://127.0.0.1/", "--rate", "5/s", "--ammo", "forebay:pears"), "forebay:pears is not built in"),
        (
            ("http://127.0.0.1/", "--rate", "5/s", "--ammo", "forebay:orders", "--body", "a"),
            "--ammo says method and body",
        ),
        (("shop", "--rate", "5/s", "--gun", "absent:buy"), "there is no gun absent:buy"),
        (("memory://orders", "--rate", "5/s", "--gun", "forebay:queue"), "is within one process"),
        (("http://127.0.0.1/", "--rate", "5/s", "--gun", "forebay:queue"), "there is no driver for http://"),
        (("shop", "--rate", "5/s", "--gun", "json:loads", "--insecure"), "--header and --insecure are of HTTP"),
        (("http://127.0.0.1/", "--rate", "5/s", "--body", "@absent"), "absent cannot be read"),
        (("http://127.0.0.1/", "--rate", "5/s", "--require", "fast"), "'fast' is not a requirement"),
        (("http://127.0.0.1/", "--rate", "5/s", "--autostop", "never"), "'never' is no reason to stop"),
        (("http://127.0.0.1/", "--rate", "5/s", "-H", "Colonless"), "'Colonless' is not a header"),
        (("http://127.0.0.1/", "--rate", "5/s", "-H", "A: b\r\nC: d"), "would break the request"),
        (("http://127.0.0.1/", "--rate", "5/s", "--method", "GO ON"), "would break the request"),
        (("http://127.0.0.1/", "--rate", "5/s", "--out", "absent/run"), "absent/run cannot be written"),
        (("http://127.0.0.1/", "--rate", "5/s", "--shots", "absent/run"), "absent/run cannot be written"),
        (("http://127.0.0.1/", "--rate", "5/s", "--json", "--latency"), "two reports"),
        (("absent.yaml",), "absent.yaml cannot be read"),
        (("absent.yaml", "--rate", "5/s"), "the file says what is fired"),
        (("absent.yaml", "--timeout", "5s"), "the file says what is fired"),
    ],
)
def test_what_cannot_be_fired_is_said_in_two_lines(monkeypatch, capsys, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["forebay", "fire", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert (ended.value.code, printed.out) == (2, "")
    assert lines[0].startswith("forebay: ")
    assert said in lines[0]
    assert len(lines) == 2
    assert lines[1].startswith("  ")


def test_a_gun_fires_in_its_own_way(forebay, tmp_path):
    (tmp_path / "shop.py").write_text("async def buy(shot):\n    return 201 if shot.body == b'mill' else 400\n")
    words = ("--gun", "shop:buy", "--body", "mill", "--profile", "once(3)", "--for", "100ms", "--json")
    done = forebay("fire", "shop", *words)
    assert done.returncode in (0, 5), done.stderr
    assert told(done)["total"]["statuses"] == {"201": 3}


def test_the_words_of_wrk_are_understood_and_answered(forebay, server, closed):
    done = forebay("fire", server.url, *closed("--latency", "--timeout", "2s"))
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert lines[1] == "  1 threads and 2 connections"
    assert re.match(r"Requests/sec: +[\d.]+$", lines[-2])


def test_a_configuration_of_pandora_is_fired(forebay, server, tmp_path):
    address = server.url.removeprefix("http://").rstrip("/")
    pool = """
  - id: {name}
    gun: {{type: http, target: "{address}"}}
    ammo: {{type: uri, uris: ["/a one", "/b two"]}}
    result: {{type: phout, destination: {name}.log}}
    rps: [{{type: once, times: 3}}]
    startup: {{type: once, times: 2}}
"""
    pools = "".join(pool.format(name=name, address=address) for name in ("left", "right"))
    (tmp_path / "load.yaml").write_text(f"pools:{pools}")
    done = forebay("fire", "load.yaml", "--out", "run", "--json")
    assert done.returncode in (0, 5), done.stderr
    assert {tag: figures["planned"] for tag, figures in told(done)["tags"].items()} == {
        "left|one": 2, "left|two": 1, "right|one": 2, "right|two": 1,
    }  # fmt: skip
    assert len((tmp_path / "left.log").read_text().splitlines()) == 3
    assert told(forebay("report", "run", "--json"))["total"]["answered"] == 6
    (tmp_path / "load.yaml").write_text(f"pools:{pool.format(name='absent/left', address=address)}")
    done = forebay("fire", "load.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith(b"forebay: absent/left.log cannot be written")


# What it leaves


def test_every_shot_is_on_record_where_that_is_asked_for(forebay, server):
    done = forebay("fire", server.url, "--profile", "once(7)", "--for", "100ms", "-t", "2", "--shots", "shots")
    assert done.returncode in (0, 5), done.stderr
    assert len(forebay("report", "shots", "--phout").stdout.splitlines()) == 7
    assert len(forebay("report", "shots", "--json-lines").stdout.splitlines()) == 7


def test_the_file_does_not_hold_the_value_of_a_header(forebay, server, tmp_path, closed):
    words = ("-H", "Authorization: hidden1", "-HCookie: hidden2", "--header=X-Key: hidden3", "--out", "run")
    assert forebay("fire", server.url, *closed(*words)).returncode == 0
    held = (tmp_path / "run").read_text()
    assert "hidden" not in held
    assert "Authorization: ..." in held


def test_a_full_disk_is_said_before_the_first_shot(forebay, server, closed):
    done = forebay("fire", server.url, *closed("--out", "/dev/full"))
    assert (done.returncode, done.stdout, server.talks) == (1, b"", 0)
    assert done.stderr.startswith(b"forebay: /dev/full cannot be written")


def test_a_disk_that_becomes_full_ends_the_file_and_not_the_run(tmp_path, environment, server, closed):
    done = subprocess.run(
        [*COMMAND, "fire", server.url, *closed("--out", "run")],
        capture_output=True,
        cwd=tmp_path,
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500)),
        timeout=60,
    )
    assert done.returncode == 1
    assert b"status 200" in done.stdout
    assert done.stderr.startswith(b"forebay: run cannot be written: File too large")


def test_what_a_server_says_does_not_steer_the_terminal(forebay):
    with listening(saying(b"HTTP/1.1 2\x1b[2J\x07 \x1b]0;mine\x07\r\n\r\n")) as hostile:
        done = forebay("fire", hostile.url, "--profile", "once(2)", "--for", "100ms")
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"\x07" not in done.stdout + done.stderr
