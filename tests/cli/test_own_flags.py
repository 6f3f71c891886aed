"""Settings that only the application at hand has, on the command line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from forebay.cli import program


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """An application in the folder of the command, whose function takes a colour."""
    (tmp_path / "shop_with_flags.py").write_text(
        "from forebay import App\n"
        "def make(door_colour='red'):\n"
        '    """Return a shop.\n\n    Arguments:\n        door_colour: of its door.\n    """\n'
        "    return App(door_colour)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return "shop_with_flags:make"


def test_the_help_of_a_service_lists_its_own_settings(shop):
    told = CliRunner().invoke(program, ["serve", shop, "--help"]).output
    assert "--door-colour COLOUR" in told
    assert "of its door. [red]" in " ".join(told.split())


def test_the_settings_of_a_service_are_listed_with_their_origin(shop, monkeypatch):
    monkeypatch.setenv("FOREBAY_DOOR_COLOUR", "blue")
    told = CliRunner().invoke(program, ["settings", shop]).output
    assert [line.split()[:3] for line in told.splitlines() if "door_colour" in line] == [
        ["door_colour", "blue", "environment"]
    ]


def test_a_flag_that_the_application_has_not_is_wrong_usage(shop):
    assert CliRunner().invoke(program, ["serve", shop, "--window", "5"]).exit_code == 2


def test_help_is_given_even_where_the_name_leads_nowhere():
    assert CliRunner().invoke(program, ["serve", "no_such:app", "--help"]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "origin"),
    [
        (["--window", "x"], {}, "flag"),
        ([], {"FOREBAY_WINDOW": "x"}, "environment"),
    ],
)
def test_an_own_setting_that_cannot_be_read_is_told_with_its_origin(
    arguments, environment, origin, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    failed = CliRunner().invoke(program, ["serve", "ratings", *arguments]).exception
    assert str(failed).startswith(f"window ({origin}): 'x' is not")


def test_the_settings_of_one_service_do_not_stop_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOREBAY_WINDOW", "7")
    assert CliRunner().invoke(program, ["settings", "orders"]).exit_code == 0
    assert "window" in CliRunner().invoke(program, ["settings", "ratings"]).output
