"""What is printed goes somewhere, or the command says that it does not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FOREBAY = [sys.executable, "-m", "forebay"]
SOLVE = ["solve", "M/M/3", "--in", "6/s", "--service", "333ms"]


@pytest.fixture
def queue(tmp_path):
    url = f"sqlite:///{tmp_path}/queue.db?topic=orders"
    subprocess.run([*FOREBAY, "pub", url, "first"], check=True, capture_output=True)
    return url


def waiting(queue):
    told = subprocess.run([*FOREBAY, "lag", queue, "--json"], check=True, capture_output=True, text=True).stdout
    return '"waiting":1' in told


@pytest.mark.parametrize("words", [SOLVE, ["--help"], [*SOLVE, "--json"]], ids=["table", "help", "json"])
def test_a_full_disk_behind_the_output_is_one_line_and_a_failure(words):
    with open("/dev/full", "w") as full:
        ended = subprocess.run([*FOREBAY, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "forebay: what was to be printed or saved cannot be written: No space left on device\n"


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_a_message_that_cannot_be_printed_stays_in_the_queue(queue, form):
    with open("/dev/full", "w") as full:
        ended = subprocess.run([*FOREBAY, "sub", queue, "-n", "1", *form], stdout=full, check=False)
    assert ended.returncode == 1
    assert waiting(queue)


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_a_message_is_not_taken_for_printed_when_standard_output_is_closed(queue, form):
    words = [*FOREBAY, "sub", queue, "-n", "1", *form]
    ended = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False, preexec_fn=lambda: os.close(1))
    assert ended.returncode == 1
    assert "forebay: standard output is closed\n  what is printed has to go somewhere" in ended.stderr
    assert waiting(queue)


def test_a_reader_who_has_seen_enough_is_no_failure():
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run([*FOREBAY, *SOLVE], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_another_file_on_a_full_disk_is_not_taken_for_the_output():
    words = [
        *FOREBAY,
        "draw",
        "M/M/1",
        "--in",
        "6/s",
        "--service",
        "100ms",
        "--as",
        "tail",
        "--json",
        "--svg",
        "/dev/full",
    ]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "standard output" not in ended.stderr
