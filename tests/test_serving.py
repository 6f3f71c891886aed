"""Applications behind their own server, and the names by which they are found."""

from __future__ import annotations

import asyncio
import socket

import pytest

from asking import ask
from forebay import App, Unavailable, UsageError
from forebay.running import settings_of
from forebay.services import SERVICES
from forebay.serving import load_app, serving


def app_with(handler):
    app = App("shop")
    app.post("/orders")(handler)
    return app


async def test_the_end_answers_the_requests_in_hand_and_takes_no_new_ones():
    began, go = asyncio.Event(), asyncio.Event()

    async def slow(body: bytes) -> None:
        began.set()
        await go.wait()

    async with serving(app_with(slow), settings_of({"queue": "memory://", "port": 0, "places": 0})) as (_, server):
        asked = asyncio.ensure_future(ask(server.port, "/orders", b"x"))
        await began.wait()
        asyncio.get_running_loop().call_later(0.05, go.set)
    assert (await asked).status == 202
    with pytest.raises(OSError):
        await ask(server.port, "/orders", b"x")


async def test_an_address_that_is_taken_is_unavailable_with_a_hint():
    async def handler(body: bytes) -> None: ...

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=str(port)) as caught:
            async with serving(app_with(handler), settings_of({"queue": "memory://", "port": port})):
                pass
        assert "--port" in caught.value.hint


async def test_a_host_that_is_not_ours_is_unavailable_too():
    async def handler(body: bytes) -> None: ...

    settings = settings_of({"queue": "memory://", "port": 0, "host": "198.51.100.7"})
    with pytest.raises(Unavailable, match=r"198\.51\.100\.7"):
        async with serving(app_with(handler), settings):
            pass


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
    assert load_app("shop_one:app", SERVICES).name == "mine"
    assert load_app("shop_one:make", SERVICES).name == "red"
    assert load_app("shop_one:make", SERVICES, {"colour": "blue"}).name == "blue"
    assert load_app("orders", SERVICES, {"work": None}).name == "orders"


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
        load_app(target, SERVICES, options)


def test_an_error_inside_the_users_module_is_his_own_and_not_hidden(module):
    module("shop_three", "import a_package_that_is_not_there")
    with pytest.raises(ModuleNotFoundError, match="a_package_that_is_not_there"):
        load_app("shop_three:app", SERVICES)
