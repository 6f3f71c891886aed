"""forebay fit, on files and on the journal of a service that really ran."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest

from asking import ask
from forebay.lab.programs import Intake
from forebay.load.ammo.orders import orders as ammunition
from forebay.load.cannon import fire
from forebay.load.firing import Firing
from forebay.load.profiles.notation import parse as profile


@pytest.fixture
def log(tmp_path):
    rows = [f"{k * 0.5},{k * 0.5},{k * 0.5 + 0.25 + 0.2 * (k % 2)},done" for k in range(200)]
    (tmp_path / "run.csv").write_text("\n".join(["accepted,started,ended,outcome", *rows]) + "\n")
    return tmp_path / "run.csv"


def test_a_log_is_fitted(forebay, log):
    done = forebay("fit", "run.csv")
    assert done.returncode == 0, done.stderr
    told = done.stdout.decode()
    assert "law: Little" in told
    assert "model " in told
    assert "forebay solve 'D/" in told
    assert forebay("fit", "-", stdin=log.read_bytes()).stdout.decode().splitlines()[1:] == told.splitlines()[1:]


def test_json_has_it_all(forebay, log):
    form = json.loads(forebay("fit", "run.csv", "--json", "--workers", "2").stdout)
    assert form["holds"] is True
    assert form["model"]["workers"] == 2
    assert {"measured", "forecasts", "arrivals", "service", "laws"} < form.keys()


def test_a_log_that_breaks_a_law_ends_with_5(forebay, log):
    log.write_text("accepted,started,ended\n" + "".join(f"{k},{k},{k + 2.5}\n" for k in range(100)))
    done = forebay("fit", "run.csv", "--workers", "1")
    assert done.returncode == 5
    assert b"BROKEN" in done.stdout


def test_what_wrk_said_is_checked_without_a_log(forebay):
    good = forebay("fit", "--closed", "5", "--rate", "4.95/s", "--latency", "1.01s")
    assert good.returncode == 0
    assert b"whatever the number of servers" in good.stdout
    bad = forebay("fit", "--closed", "5", "--rate", "475.70/s", "--latency", "27.56ms", "--json")
    assert bad.returncode == 5
    assert json.loads(bad.stdout)["ratio"] == pytest.approx(2.62, abs=0.005)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], b"name a LOG"),
        (["--rate", "5/s"], b"name a LOG"),
        (["run.csv", "--closed", "5", "--rate", "5/s", "--latency", "1s"], b"name a LOG"),
        (["run.csv", "--rate", "5/s"], b"name a LOG"),
        (["run.csv", "--think", "5s"], b"whose pause --think is"),
        (["nothing.csv"], b"nothing.csv cannot be read: No such file"),
        (["--closed", "5", "--rate", "5", "--latency", "1s"], b"'5' is not a rate"),
    ],
)
def test_wrong_words_are_two_lines_and_a_2(forebay, log, arguments, said):
    done = forebay("fit", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


async def test_a_service_that_ran_is_fitted_from_its_journal(forebay, tmp_path):
    """Two workers of 20 ms under 40 a second at random: what is told hangs together, however slow this machine is."""
    arguments = ["orders", "--workers", "2", "--work", "20ms", "--queue", "memory://fit", "--journal", "run.csv"]
    load = profile("poisson(const(40), seed=7)", 5)
    with Intake(arguments, tmp_path) as program:
        run = await fire(Firing(f"{program.url}/orders", ammunition(), 5, load))
        async with asyncio.timeout(60):  # what has no end yet when it stops has none in the journal
            while (await ask(program.port, "/ledger")).json["topics"][0]["done"] < run.statuses[200]:
                await asyncio.sleep(0.05)
        program._process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(program._process.wait, 30) == 0
    done = forebay("fit", "run.csv", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    form = json.loads(done.stdout)
    assert form["arrivals"]["n"] == run.statuses[200] > 100
    assert 10 < form["arrivals"]["rate"] < 160
    assert form["service"]["mean"] > 0.018
    assert form["model"]["workers"] == 2
    laws = {law["law"]: law["holds"] for law in form["laws"]}
    assert laws["flow"]
    assert laws["Little"]
    assert laws["utilisation"]
    replay = form["forecasts"][0]
    assert replay["name"] == "replay"
    assert replay["figures"]["latency p50"] > 0.018
    assert form["measured"]["figures"]["loss"] == 0
