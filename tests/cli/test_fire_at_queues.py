from __future__ import annotations

import json


def told(done):
    """Return the JSON that a command said."""
    return json.loads(done.stdout)


def test_what_is_fired_at_a_queue_and_nobody_works_off_is_unknown(forebay):
    words = ("--gun", "forebay:queue", "--profile", "once(3)", "--for", "100ms", "--timeout", "200ms", "--json")
    done = forebay("fire", "sqlite:///queue.db?topic=orders", "--ammo", "forebay:orders", *words)
    assert done.returncode in (0, 5), done.stderr
    assert told(done)["url"] == "sqlite:///queue.db?topic=orders"
    assert told(done)["total"]["reasons"] == {"no answer in time": 3}
    assert len(forebay("sub", "sqlite:///queue.db?topic=orders", "--count", "3").stdout.splitlines()) == 3


def test_a_queue_that_cannot_be_reached_ends_it_with_3_before_the_first_shot(forebay):
    done = forebay("fire", "redis://:secret@127.0.0.1:1/orders", "--gun", "forebay:queue", "--rate", "5/s")
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"secret" not in done.stderr


def test_the_file_of_a_run_does_not_hold_the_password_of_a_url(forebay, tmp_path):
    (tmp_path / "shop.py").write_text(
        "async def buy(shot):\n    return 200\n\ndef shots():\n    yield from [{'method': 'GET'}] * 50\n"
    )
    target = "redis://me:hidden1@127.0.0.1/orders?ca_password=hidden2"
    words = ("--gun", "shop:buy", "--ammo", "shop:shots", "-c", "1", "-t", "1", "-d", "1h", "--out", "run")
    done = forebay("fire", target, *words)
    assert done.returncode == 0, done.stderr
    assert told(forebay("report", "run", "--json"))["url"] == "redis://me:***@127.0.0.1/orders?ca_password=***"
    assert "hidden" not in (tmp_path / "run").read_text()
