"""Which driver a scheme of a URL names: ours, one that a program registers, or one of an installed package.

A package offers its driver as an entry point of the group ``forebay.drivers``, with the scheme as its name:

    [project.entry-points."forebay.drivers"]
    shelf = "forebay_shelf.driver"
"""

from __future__ import annotations

import importlib
import re
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from forebay.errors import UsageError
from forebay.queue.driver import Features
from forebay.queue.options import WHO_HAS

DRIVERS = {
    "memory": ("forebay.queue.drivers.memory", ""),
    "sqlite": ("forebay.queue.drivers.sqlite", ""),
    "redis": ("forebay.queue.drivers.redis", "redis"),
    "rediss": ("forebay.queue.drivers.redis", "redis"),
    "nats": ("forebay.queue.drivers.nats", "nats"),
    "amqp": ("forebay.queue.drivers.rabbitmq", "rabbitmq"),
    "amqps": ("forebay.queue.drivers.rabbitmq", "rabbitmq"),
    "kafka": ("forebay.queue.drivers.kafka", "kafka"),
}
"""Our own: scheme of the URL, the module of its driver, and the extra that installs what it needs."""

GROUP = "forebay.drivers"
"""The entry points by which installed packages offer drivers."""

SCHEME = re.compile(r"[a-z][a-z0-9+-]*")
OFFERED = ("FEATURES", "OPTIONS", "connect", "administer")
"""What the module of a driver must have."""

_registered: dict[str, Any] = {}


def register(scheme: str, module: Any) -> None:
    """Let a driver open the URLs of a scheme, in this process.

    Arguments:
        scheme: the part of the URL before ``://``.
        module: what offers FEATURES, OPTIONS, connect and administer (see :mod:`forebay.queue.driver`).

    Raises:
        UsageError: the scheme belongs to another driver or is none, or the module lacks something.
    """
    if not SCHEME.fullmatch(scheme):
        raise UsageError(f"{scheme!r} is not a scheme of a URL", "lower-case letters, digits, + and -")
    if scheme in DRIVERS or _registered.get(scheme, module) is not module:
        raise UsageError(f"{scheme}:// belongs to another driver", "take another scheme")
    if lacking := [name for name in OFFERED if not hasattr(module, name)]:
        raise UsageError(f"the driver of {scheme}:// lacks {', '.join(lacking)}", "see forebay.queue.driver")
    if scheme not in _registered:
        _registered[scheme] = module
        features: Features = module.FEATURES
        for wish in features.disciplines | features.orders:
            WHO_HAS[wish] = (*WHO_HAS[wish], scheme)


def driver_module(scheme: str) -> Any:
    """Return the module of a scheme's driver (what it offers: :mod:`forebay.queue.driver`).

    Raises:
        UsageError: there is no such driver, or what it needs is not installed.
    """
    check_scheme(scheme)
    return _registered[scheme] if scheme in _registered else _our_own(scheme)


def check_scheme(scheme: str) -> None:
    """Refuse a scheme that no driver has; one that an installed package offers is registered.

    Raises:
        UsageError: there is no such driver, or there are two.
    """
    if scheme in DRIVERS or scheme in _registered:
        return
    offers = entry_points(group=GROUP, name=scheme)
    if not offers:
        known = {*DRIVERS, *_registered, *(offer.name for offer in entry_points(group=GROUP))}
        raise UsageError(f"there is no driver for {scheme}://", f"known: {', '.join(sorted(known))}")
    if len({offer.value for offer in offers}) > 1:
        rivals = " and ".join(sorted(offer.value for offer in offers))
        raise UsageError(f"{scheme}:// is offered by {rivals}", "uninstall all but one of the packages")
    register(scheme, next(iter(offers)).load())


def _our_own(scheme: str) -> ModuleType:
    name, extra = DRIVERS[scheme]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("forebay"):
            raise
        raise UsageError(
            f"{scheme}:// needs the package {error.name}", f"install it: pip install 'forebay[{extra}]'"
        ) from error
