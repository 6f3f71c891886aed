import math

import pytest

from forebay.errors import UsageError
from forebay.running import settings_of
from forebay.settings import SETTINGS, Settings


def test_flags_go_before_environment_before_file_before_default(tmp_path):
    (tmp_path / "forebay.toml").write_text('workers = 1\nport = 1\nplaces = "10"\n')
    environment = {"FOREBAY_WORKERS": "2", "FOREBAY_PORT": "2"}
    settings = Settings({"workers": "3", "host": None}, environment, tmp_path)
    assert (settings.workers, settings.port, settings.places, settings.host) == (3, 2, 10, "127.0.0.1")
    origins = [settings.values[name].origin for name in ("workers", "port", "places", "host")]
    assert origins == ["flag", "environment", str(tmp_path / "forebay.toml"), "default"]


def test_the_file_is_searched_upwards(tmp_path):
    (tmp_path / "forebay.toml").write_text("workers = 7\n")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert Settings({}, {}, tmp_path / "a" / "b").workers == 7


def test_every_default_can_be_read(tmp_path):
    settings = Settings({}, {}, tmp_path)
    assert settings.places == math.inf
    assert settings.limit is None
    assert all(settings.values[setting.name].origin == "default" for setting in SETTINGS)


@pytest.mark.parametrize(
    ("flags", "environment", "file"),
    [
        ({"workers": "-1"}, {}, ""),
        ({"places": "many"}, {}, ""),
        ({"overload": "500"}, {}, ""),
        ({"limit": "50"}, {}, ""),
        ({"timeout": "0"}, {}, ""),
        ({"timeout": "inf"}, {}, ""),
        ({"deadline": "0s"}, {}, ""),
        ({"drain": "inf"}, {}, ""),
        ({"burst": "0"}, {}, ""),
        ({}, {"FOREBAY_WOKRERS": "1"}, ""),
        ({}, {}, "wokrers = 1"),
        ({}, {}, "workers = [1]"),
        ({}, {}, "workers = true"),
        ({}, {}, "workers ="),
    ],
)
def test_a_wrong_name_or_value_is_refused(tmp_path, flags, environment, file):
    (tmp_path / "forebay.toml").write_text(file)
    with pytest.raises(UsageError):
        Settings(flags, environment, tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("drain", 5, 5.0),
        ("timeout", 0.25, 0.25),
        ("limit", 50, 50.0),
        ("limit", None, None),
        ("drain", "80ms", 0.08),
        ("places", 0, 0),
        ("places", math.inf, math.inf),
        ("max_body", 1024, 1024),
    ],
)
def test_in_python_a_setting_may_be_a_number(tmp_path, monkeypatch, name, value, read):
    monkeypatch.chdir(tmp_path)
    assert getattr(settings_of({name: value}), name) == read


def test_an_applications_own_settings_come_from_the_same_places(tmp_path):
    (tmp_path / "forebay.toml").write_text('window = 5\ncolour = "green"\n')
    own = {"window": "10", "range": "", "colour": "red"}
    settings = Settings({"range": "0..10"}, {"FOREBAY_WINDOW": "7"}, tmp_path, own=own)
    assert {name: (value.text, value.origin) for name, value in settings.own.items()} == {
        "window": ("7", "environment"),
        "range": ("0..10", "flag"),
        "colour": ("green", str(tmp_path / "forebay.toml")),
    }


def test_a_setting_that_only_another_application_has_is_refused(tmp_path):
    with pytest.raises(UsageError, match="FOREBAY_WINDOW"):
        Settings({}, {"FOREBAY_WINDOW": "7"}, tmp_path, own={"colour": "red"})


def test_variables_under_other_names_come_between_the_environment_and_the_file(tmp_path):
    (tmp_path / "forebay.toml").write_text("workers = 1\nport = 1\nreaders = 1\n")
    variables = {"workers": ("2", "HANDLERS"), "port": ("2", "SERVER_PORT")}
    settings = Settings({}, {"FOREBAY_PORT": "3"}, tmp_path, variables=variables)
    assert (settings.workers, settings.port, settings.readers) == (2, 3, 1)
    assert settings.values["workers"].origin == "HANDLERS"


def test_a_setting_that_another_service_has_is_passed_over_where_it_is_known(tmp_path):
    (tmp_path / "forebay.toml").write_text("window = 5\nworkers = 2\n")

    def elsewhere():
        return {"window", "range"}

    settings = Settings({}, {"FOREBAY_RANGE": "0..5"}, tmp_path, elsewhere=elsewhere)
    assert (settings.workers, settings.own) == (2, {})
    with pytest.raises(UsageError, match="WIDNOW"):
        Settings({}, {"FOREBAY_WIDNOW": "7"}, tmp_path, elsewhere=elsewhere)
