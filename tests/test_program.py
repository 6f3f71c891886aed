"""What a name on the command line stands for."""

from __future__ import annotations

import pytest

from forebay import UsageError
from forebay.program import find_program, own_settings
from forebay.services import SERVICES


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module in the folder where the command is given."""

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return write


def test_an_application_is_found_by_module_and_name(module):
    module("shop_one", "from forebay import App\napp = App('mine')\ndef make(colour='red'):\n    return App(colour)")
    assert find_program("shop_one:app", SERVICES).app().name == "mine"
    assert find_program("shop_one:make", SERVICES).app().name == "red"
    assert find_program("shop_one:make", SERVICES).app({"colour": "blue"}).name == "blue"
    assert find_program("orders", SERVICES).app({"work": None}).name == "orders"


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("oders", {}, "no service 'oders'"),
        ("no_such_module_at_all:app", {}, "no module no_such_module_at_all"),
        ("shop_two.sub:app", {}, "no module shop_two"),
        ("shop_two:nothing", {}, "is not a forebay.App"),
        ("shop_two:number", {}, "is not a forebay.App"),
        ("shop_two:", {}, "is not a forebay.App"),
        (":app", {}, "module"),
        ("shop_two:app", {"work": "1s"}, "does not take --work"),
        ("shop_two:make", {"work": "1s"}, "does not take --work"),
        ("shop_two:needs", {}, "needs"),
        ("orders", {"work": "soon"}, "time of work"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused_in_clear_words(module, target, options, said):
    module(
        "shop_two",
        "from forebay import App\napp = App()\nnumber = 5\ndef make(): return App()\ndef needs(x): return App()",
    )
    with pytest.raises(UsageError, match=said):
        find_program(target, SERVICES).app(options)


def test_an_error_inside_the_users_module_is_his_own_and_not_hidden(module):
    module("shop_three", "import a_package_that_is_not_there")
    with pytest.raises(ModuleNotFoundError, match="a_package_that_is_not_there"):
        find_program("shop_three:app", SERVICES)


def test_the_parameters_of_a_function_are_settings_told_by_its_docstring():
    def make(colour: str = "red", size: int = 3):
        """Return a shop.

        Arguments:
            colour: of its door, as long
                as it has one.
            size: how many.

        Raises:
            UsageError: never.
        """

    told = own_settings(make)
    assert {name: (own.default, own.about) for name, own in told.items()} == {
        "colour": ("red", "of its door, as long as it has one."),
        "size": ("3", "how many."),
    }


@pytest.mark.parametrize("name", ["workers", "name", "env", "help"])
def test_a_setting_of_ones_own_may_not_be_called_as_one_of_all_or_a_word_of_the_commands(module, name):
    module(f"shop_with_{name}", f"from forebay import App\ndef make({name}='1'):\n    return App()")
    with pytest.raises(UsageError, match=name):
        find_program(f"shop_with_{name}:make", SERVICES)


def test_a_parameter_whose_default_is_none_is_left_open():
    def make(colour: str | None = None, more: list[str] = []):  # noqa: B006
        """Return a shop."""

    assert {name: own.default for name, own in own_settings(make).items()} == {"colour": "", "more": "[]"}
