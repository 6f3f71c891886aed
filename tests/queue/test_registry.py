"""Drivers of others: registered by a program, offered by a package; and the example of one passes the whole suite."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from forebay.clock import ManualClock
from forebay.disciplines import Discipline
from forebay.errors import Unsupported, UsageError
from forebay.queue import registry
from forebay.queue.conformance import ConformanceSuite
from forebay.queue.driver import Driver
from forebay.queue.drivers import memory
from forebay.queue.opening import open_driver, queue_url, register
from forebay.queue.options import WHO_HAS
from forebay.url import URL, parse

EXAMPLE = Path(__file__).parents[2] / "examples" / "06_own_driver.py"


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("own_driver", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SHELF = example()


@pytest.fixture(autouse=True)
def _forgotten_afterwards() -> Iterator[None]:
    known = dict(WHO_HAS)
    yield
    registry._registered.clear()
    WHO_HAS.update(known)


class TestShelf(ConformanceSuite):
    features = SHELF.FEATURES
    clock = ManualClock()

    @pytest.fixture(autouse=True)
    def _registered(self, _forgotten_afterwards: None) -> None:
        register("shelf", SHELF)

    def url(self, topic: str, **options: str) -> URL:
        return parse("shelf:///").with_options(topic=topic, **options)


async def test_a_registered_driver_is_opened_by_its_scheme() -> None:
    register("shelf", SHELF)
    register("shelf", SHELF)  # a second time it is known
    driver: Driver = await open_driver("shelf:///orders")
    assert isinstance(driver, SHELF.Shelf)
    await driver.close()
    with pytest.raises(Unsupported, match="lifo"):
        await open_driver("shelf:///orders?discipline=lifo")
    assert "shelf" in WHO_HAS[Discipline.FIFO]
    assert "shelf" not in WHO_HAS[Discipline.LIFO]


@pytest.mark.parametrize("scheme", ["kafka", "amqps", "shelf"])
def test_a_scheme_belongs_to_one_driver(scheme: str) -> None:
    register("shelf", SHELF)
    with pytest.raises(UsageError, match="another driver"):
        register(scheme, memory)


@pytest.mark.parametrize("scheme", ["", "Shelf", "my shelf", "1"])
def test_what_is_no_scheme_is_refused(scheme: str) -> None:
    with pytest.raises(UsageError, match="not a scheme"):
        register(scheme, SHELF)


def test_a_module_that_lacks_something_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="OPTIONS, administer"):
        register("half", SimpleNamespace(FEATURES=SHELF.FEATURES, connect=SHELF.connect))


def test_an_unknown_scheme_is_told_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "rack=rack.driver")
    register("shelf", SHELF)
    with pytest.raises(UsageError, match="no driver for cupboard") as caught:
        queue_url("cupboard:///orders")
    assert all(scheme in caught.value.hint for scheme in ("memory", "kafka", "rack", "shelf"))


def test_a_driver_of_an_installed_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "forebay_shelf", SHELF)
    offer(monkeypatch, "shelf=forebay_shelf")
    assert queue_url("shelf:///orders").options["topic"] == "orders"
    assert registry.driver_module("shelf") is SHELF


def test_two_packages_that_offer_one_scheme_are_both_named(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "shelf=one.driver", "shelf=two.driver")
    with pytest.raises(UsageError, match=r"one\.driver and two\.driver"):
        queue_url("shelf:///orders")


def offer(monkeypatch: pytest.MonkeyPatch, *offers: str) -> None:
    """Let it look as if packages with these entry points were installed."""
    points = EntryPoints(EntryPoint(*text.split("="), registry.GROUP) for text in offers)
    monkeypatch.setattr(registry, "entry_points", lambda **wanted: points.select(**wanted))


@pytest.mark.parametrize("url", ["memory://each", "kafka://localhost:9092/each", "redis://localhost/0?topic=each"])
def test_no_topic_is_called_as_those_who_belong_to_no_group(url):
    with pytest.raises(UsageError, match="cannot be called"):
        queue_url(url)
