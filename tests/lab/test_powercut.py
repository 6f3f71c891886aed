import os
import subprocess
import time

import pytest

from forebay.durability import Durability
from forebay.errors import Missing
from forebay.lab import powercut
from forebay.lab.disk import Disk, check
from forebay.lab.powercut import TRIALS, Outcome, cut, workplace

# What may be lost is lost sooner or later: a cut just after a sync loses nothing. Of SQLite's one cut in five is such.
ATTEMPTS = 20


@pytest.fixture
def place():
    """A folder that servers of other users can pass through, where a disk can be mounted."""
    try:
        check()
    except Missing as error:
        pytest.skip(f"{error.what}; {error.hint}")
    with workplace() as folder:
        yield folder


def loops(folder):
    """Return how many loop devices hold a file of the folder; the kernel may let go of one a moment after its end."""
    deadline = time.monotonic() + 30
    while True:
        said = subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout
        if not said.count(str(folder)) or time.monotonic() > deadline:
            return said.count(str(folder))
        time.sleep(0.05)


def cut_until_it_loses(trial, folder, seconds):
    """Return the outcome of a trial; of one that may lose, the first that did."""
    for number in range(ATTEMPTS):
        (folder / str(number)).mkdir()
        outcome = cut(trial, folder / str(number), seconds)
        if not trial.loses or not outcome.kept:
            break
    return outcome


def test_what_was_synced_is_on_the_disk_after_a_cut_and_what_was_not_is_gone(place):
    with Disk(place) as disk:
        with (disk.place / "safe").open("wb", buffering=0) as file:
            file.write(b"safe")
            os.fsync(file.fileno())
        (disk.place / "unsafe").write_bytes(b"unsafe")
        photograph = disk.photograph()
        disk.come_back_as(photograph)
        assert [path.read_bytes() for path in disk.place.glob("*safe")] == [b"safe"]
    assert not os.path.ismount(disk.place)
    assert loops(place) == 0


def test_a_disk_goes_with_its_block_also_when_that_fails(place):
    with pytest.raises(RuntimeError), Disk(place) as disk:
        raise RuntimeError
    assert not os.path.ismount(disk.place)
    assert loops(place) == 0


@pytest.mark.parametrize("trial", [t for t in TRIALS if t.system == "sqlite"], ids=lambda trial: trial.setting)
def test_a_power_cut_takes_from_a_file_no_more_than_was_said(trial, place):
    outcome = cut_until_it_loses(trial, place, 1.0)
    assert outcome.acknowledged > 100
    assert outcome.kept == outcome.promised.covers(Durability.FSYNC) == (not trial.loses), outcome
    assert not outcome.trouble
    assert loops(place) == 0


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.system}, {trial.setting}")
def test_a_power_cut_takes_no_more_than_was_said_from(trial, place, required, capsys):
    if trial.server is not None:
        required(trial.server(place))
    outcome = cut_until_it_loses(trial, place, 4.0)
    with capsys.disabled():
        print(f"\n{outcome}")
    assert outcome.acknowledged > 100
    assert outcome.honest, outcome
    assert not (trial.loses and outcome.kept), outcome
    assert loops(place) == 0


def test_a_promise_is_broken_only_where_one_was_made():
    def outcome(promised, lost):
        return Outcome(TRIALS[0], promised, 100, lost)

    assert outcome(Durability.FSYNC, 0).verdict == outcome(Durability.OS, 0).verdict == "kept"
    assert outcome(Durability.OS, 1).verdict == "lost, as it said it may"
    assert outcome(Durability.FSYNC, 1).verdict == "PROMISE BROKEN"
    assert "99" in str(outcome(Durability.OS, 1))


def test_a_system_that_is_not_there_is_named(capsys):
    with pytest.raises(SystemExit) as ended:
        powercut.main(["punchcards"])
    assert ended.value.code == 2
    assert "sqlite" in capsys.readouterr().err
