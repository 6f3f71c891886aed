"""What every command has in common: help, suggestions, exit codes, errors in two lines."""

from __future__ import annotations

import itertools
import json
import shlex
import signal
import subprocess
import sys

import pytest

from forebay.cli import COMMANDS

QUEUE = "sqlite:///q.db?topic=orders"


def test_the_help_lists_every_command_with_examples_and_exit_codes(forebay):
    told = forebay("--help")
    assert told.returncode == 0
    for command in COMMANDS:
        assert f"\n  {command} " in told.stdout.decode()
    assert b"forebay demo --for 10s" in told.stdout
    for code in (0, 1, 2, 3, 4, 5, 130):
        assert f"\n    {code}  " in told.stdout.decode()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_begins_with_its_usage(forebay, command):
    told = forebay(command, "--help")
    assert (told.returncode, told.stderr) == (0, b"")
    assert told.stdout.startswith(f"Usage: python -m forebay {command}".encode())
    assert b"\\b" not in told.stdout  # click's sign for "as it stands" would be shown by a raw docstring


def test_the_help_does_not_load_what_it_does_not_need():
    heavy = {"rich", "apsw", "httptools", "uvloop", "msgspec", "asyncio", "confluent_kafka", "prometheus_client"}
    script = f"import sys, forebay.cli; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", script]).strip() == b"[]"


def test_the_version_is_told(forebay):
    told = forebay("--version")
    assert told.returncode == 0
    assert told.stdout.startswith(b"forebay, version ")


def test_an_unknown_command_suggests_the_nearest_one(forebay):
    told = forebay("serv")
    assert told.returncode == 2
    assert b"Did you mean 'serve'?" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["xyzzy"], b"No such command"),
        (["serve"], b"NAME"),
        (["serve", "oders"], b"known: orders"),
        (["serve", "no_such_module:app"], b"there is no module no_such_module"),
        (["serve", "json:dumps"], b"json:dumps"),
        (["serve", "orders", "--wrokers", "3"], b"--workers"),
        (["serve", "orders", "--workers", "many"], b"workers (flag)"),
        (["serve", "orders", "--places", "-1"], b"places (flag)"),
        (["serve", "orders", "--places", "0", "--workers", "0"], b"--workers"),
        (["serve", "orders", "--limit", "50"], b"50/s"),
        (["serve", "orders", "--limit", "0/s", "--port", "0"], b"limit"),
        (["serve", "orders", "--work", "soon"], b"100ms"),
        (["serve", "orders", "--queue", "redsi://x"], b"known: amqp, amqps, kafka, memory, nats, redis"),
        (["serve", "orders", "--queue", "sqlite:///q.db?leese=1s"], b"did you mean lease?"),
        (["work", "orders", "--queue", "sqlite:///q.db?discipline=best"], b"discipline"),
        (["work", "orders", "--workers", "0"], b"--workers"),
        (["work", "orders", "--places", "0"], b"--places"),
        (["pub", "orders", "text"], b"is not a URL"),
        (["pub", "sqlite:///q.db", "text"], b"names no topic"),
        (["pub", "sqlite:///q.db?topic=t", "text", "--delay", "soon"], b"duration"),
        (["pub", "sqlite:///q.db?topic=t", "text", "--delay", "inf"], b"never ends"),
        (["ask", "sqlite:///q.db?topic=t", "text", "--timeout", "soon"], b"duration"),
        (["lag", "sqlite:///q.db"], b"names no topic"),
        (["topics", "rm", "sqlite:///q.db", "--yes"], b"names no topic"),
        (["topics", "create", "sqlite:///q.db?topic=t&group=each"], b"group=each"),
        (["topics", "create", "nats://h/t?discipline=lifo"], b"memory://, sqlite://, redis://"),
        (["pub", "sqlite:///q.db?topic=t", "text", "-H", "x"], b"name=value"),
        (["pub", "sqlite:///q.db?topic=t", "text", "-H", "forebay-id=1"], b"ours"),
        (["sub", "sqlite:///q.db?topic=t", "--idle", "soon"], b"duration"),
        (["dead", "return", "sqlite:///q.db?topic=t"], b"--all"),
        (["dead", "drop", "sqlite:///q.db?topic=t", "x", "--all", "--yes"], b"--all"),
        (["demo", "--for", "soon"], b"duration"),
        (["demo", "--workers", "0"], b"--workers"),
        (["demo", "--for", "0"], b"a duration of 0"),
        (["demo", "--profile", "tangens(1, 2)"], b"tangens"),
    ],
)
def test_wrong_words_end_with_2_and_say_what_would_be_right(forebay, arguments, said):
    told = forebay(*arguments)
    assert told.returncode == 2, told.stderr.decode()
    assert said in told.stderr
    assert b"Traceback" not in told.stderr
    assert told.stdout == b""


@pytest.mark.parametrize("command", [["lag"], ["pub"], ["sub", "--idle", "1s"], ["dead", "ls"]])
def test_what_cannot_be_reached_ends_with_3(forebay, command):
    told = forebay(*command, "sqlite:////no/such/folder/q.db?topic=orders", stdin=b"x\n")
    assert told.returncode == 3, told.stderr.decode()
    assert b"/no/such/folder/q.db" in told.stderr
    assert b"Traceback" not in told.stderr


@pytest.mark.parametrize("arguments", [["pub", QUEUE], ["pub", QUEUE, "a"], ["sub", QUEUE, "--idle", "0.1s"]])
def test_a_command_whose_input_is_closed_takes_it_for_empty(tmp_path, environment, arguments):
    command = shlex.join([sys.executable, "-m", "forebay", *arguments])
    done = subprocess.run(
        ["sh", "-c", f"{command} <&-"], capture_output=True, cwd=tmp_path, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()


def test_an_application_that_cannot_start_ends_with_3(forebay):
    told = forebay("serve", "orders", "--queue", "sqlite:////no/such/folder/q.db", "--port", "0")
    assert told.returncode == 3
    assert b"/no/such/folder" in told.stderr


def test_demo_is_truthful_in_numbers_and_in_its_exit_code(forebay):
    told = forebay("demo", "--for", "3s", "--json", "--profile", "const(20)", "--work", "10ms")
    verdict = json.loads(told.stdout)
    assert told.returncode == 0, told.stderr.decode()
    assert verdict["accepted"] == verdict["done"] == verdict["run"]["statuses"]["200"] == 60
    assert (verdict["lost"], verdict["dead"], verdict["unfinished"], verdict["kept"]) == (0, 0, 0, True)
    assert b"prediction" in told.stderr


def test_the_help_tells_the_defaults_that_a_command_has_of_its_own(forebay):
    demo, work = (" ".join(forebay(command, "--help").stdout.decode().split()) for command in ("demo", "work"))
    assert "--workers WORKERS n of A/B/n/q: messages in work at once; 0: intake only [6]" in demo
    assert "[a temporary file]" in demo
    assert "sqlite:///forebay.db" not in demo
    assert "--port PORT the port to listen on; 0: any free one [none: it does not listen]" in work


def test_demo_leaves_its_queue_where_it_was_told_to_and_nothing_elsewhere(forebay, tmp_path):
    told = forebay("demo", "--for", "1s", "--queue", "sqlite:///mine.db", "--profile", "const(10)")
    assert told.returncode == 0, told.stderr.decode()
    assert b"Promise kept: all 10 accepted" in told.stdout
    lag = forebay("lag", "sqlite:///mine.db?topic=orders", "--json")
    assert b'"done":10' in lag.stdout


def test_demo_does_not_find_its_way_to_the_queue_and_store_of_real_work(forebay, tmp_path):
    (tmp_path / "forebay.toml").write_text('store = "sqlite:///real.db"\n')
    told = forebay("demo", "--for", "1s", "--profile", "const(10)", queue="sqlite:///real-queue.db")
    assert told.returncode == 0, told.stderr.decode()
    assert not list(tmp_path.glob("real*"))


def test_ctrl_c_ends_the_demo_with_the_report_so_far(beginning):
    with beginning("demo", "--for", "60s", "--profile", "const(50)", until=b"accepted") as process:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"lost                       0" in said
    assert b"Traceback" not in process.said()


def test_settings_tell_value_and_origin_and_hide_passwords(forebay, tmp_path):
    (tmp_path / "forebay.toml").write_text('workers = 3\nqueue = "kafka://u:geheim@h/t?sasl_password=geheim"\n')
    told = forebay("settings", "--json", store="postgresql://u:geheim@h/d")
    rows = {row["setting"]: row for row in map(json.loads, told.stdout.splitlines())}
    assert rows["workers"]["value"] == "3"
    assert rows["workers"]["from"] == str(tmp_path / "forebay.toml")
    assert rows["store"]["from"] == "environment"
    assert rows["store"]["value"] == "postgresql://u:***@h/d"
    assert rows["port"]["from"] == "default"
    assert b"geheim" not in told.stdout + forebay("settings").stdout


@pytest.mark.parametrize(
    ("scheme", "command"),
    [
        *itertools.product(["redis", "nats", "amqp", "kafka"], [["pub"], ["doctor"]]),
        *itertools.product(["redis", "nats", "amqp"], [["sub", "--idle", "1s"], ["lag"], ["topics", "ls"], ["ask"]]),
    ],
)
def test_a_broker_that_is_away_ends_with_3_and_its_password_stays_hidden(forebay, scheme, command):
    security = "?security=sasl_plaintext&mechanism=PLAIN" if scheme == "kafka" else ""
    told = forebay(*command, f"{scheme}://u:geheim@127.0.0.1:1/orders{security}", stdin=b"x\n")
    assert told.returncode == 3, told.stderr.decode()
    assert told.stdout == b""
    assert told.stderr.startswith(b"forebay: ") or b"\nforebay: " in told.stderr
    assert b"geheim" not in told.stderr
    assert b"Traceback" not in told.stderr


def test_no_error_shows_a_password(forebay):
    for url in ("kafka://u:geheim@127.0.0.1:1/t?x=1", "nosuch://u:geheim@h/t", "sqlite://u:geheim@h/t"):
        told = forebay("lag", url)
        assert told.returncode in {2, 3}
        assert b"geheim" not in told.stdout + told.stderr
