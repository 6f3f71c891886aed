"""The form in which users of Go CDK name Kafka: ``kafka://test``, with the brokers in KAFKA_BROKERS."""

from __future__ import annotations

import os
import re

from forebay.errors import UsageError
from forebay.url import URL

BROKERS = "KAFKA_BROKERS"
"""The variable with the addresses of the brokers, separated by commas."""

HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


def with_brokers(url: URL) -> URL:
    """Return the URL with the brokers of the environment in their place, where it is written as in Go CDK.

    ``kafka://NAME`` is the topic NAME, and ``kafka://NAME?topic=TOPIC`` the group NAME of that topic, when the variable
    is set and NAME has neither port nor path. Every other URL is returned as it is.

    Raises:
        UsageError: the variable is not set, and the name cannot be a host either; or the URL names two groups.
    """
    if url.scheme != "kafka" or url.user or set(url.host) & {":", ","}:
        return url
    named = (host.strip() for host in os.environ.get(BROKERS, "").split(","))
    brokers = ",".join(host if ":" in host else f"{host}:9092" for host in named if host)
    if not brokers:
        _check_host(url)
        return url
    if not url.host:
        return URL(url.scheme, brokers, url.path, options=url.options)
    if url.path:
        return url
    if "topic" not in url.options:
        return URL(url.scheme, brokers, options={**url.options, "topic": url.host})
    if "group" in url.options:
        raise UsageError(
            f"{url} names two groups: with {BROKERS} set, {url.host!r} is one",
            f"leave one out, or name the broker with its port: kafka://{url.host}:9092",
        )
    return URL(url.scheme, brokers, options={**url.options, "group": url.host})


def _check_host(url: URL) -> None:
    """Refuse what can only be meant as Go CDK writes it."""
    if url.host and not HOST.fullmatch(url.host):
        raise UsageError(
            f"{url.host!r} cannot be a broker, and {BROKERS} is not set",
            f"set it, as in {BROKERS}=localhost:9092, or write kafka://localhost:9092/{url.host}",
        )
