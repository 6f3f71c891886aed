"""--env FILE: where the variables of a file stand among the other sources of a setting."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def listed(forebay):
    """Return value and origin of a setting, as `forebay settings` tells them."""

    def listed(setting, *arguments, **more):
        told = forebay("settings", *arguments, "--json", **more)
        assert told.returncode == 0, told.stderr.decode()
        rows = {row["setting"]: row for row in map(json.loads, told.stdout.splitlines())}
        return rows[setting]["value"], rows[setting]["from"]

    return listed


def test_a_setting_may_stand_in_a_file_and_the_environment_wins(tmp_path, listed):
    (tmp_path / ".env").write_text("export FOREBAY_WORKERS=3 # three\n")
    assert listed("workers") == ("8", "default")
    assert listed("workers", "--env", ".env") == ("3", "environment")
    assert listed("workers", "--env=.env") == ("3", "environment")
    assert listed("workers", "--env", ".env", workers="4") == ("4", "environment")


@pytest.mark.parametrize("command", [("serve", "orders"), ("work", "orders"), ("settings",)])
def test_a_file_that_cannot_be_read_is_wrong_usage_with_its_line(command, tmp_path, forebay):
    (tmp_path / ".env").write_text("# variables\nFOREBAY_WORKERS 3\n")
    told = forebay(*command, "--env", ".env")
    assert told.returncode == 2
    assert b"line 2 of .env cannot be read" in told.stderr
    assert forebay(*command, "--env", "none.env").returncode == 2
    assert forebay(*command, "--env").returncode == 2


def test_what_the_file_says_is_there_when_the_application_is_imported(tmp_path, forebay):
    (tmp_path / "shop_of_env.py").write_text("import os\nfrom forebay import App\napp = App(os.environ['SHOP_NAME'])\n")
    (tmp_path / ".env").write_text("SHOP_NAME=corner\n")
    told = forebay("work", "shop_of_env:app", "--env", ".env")
    assert b"nothing of shop_of_env:app would be worked off" in told.stderr
