"""A topic that is there already: who looks at one, or mends it, must not make it by the way."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from forebay.errors import Missing, Unavailable
from forebay.queue.admin import Admin, TopicInfo
from forebay.queue.driver import Driver
from forebay.queue.opening import open_admin, open_driver, queue_url, topic_of
from forebay.url import URL, parse


@asynccontextmanager
async def administered(text: str) -> AsyncIterator[tuple[URL, Admin]]:
    """Open the operator's side of the broker at a URL, which need not name a topic.

    Raises:
        UsageError: the URL is wrong. Unavailable: it cannot be reached; a mistyped path must not become a file.
    """
    url = parse(text)
    url = queue_url(url) if topic_of(url) else url
    _check_file(url)
    admin = await open_admin(url)
    try:
        yield url, admin
    finally:
        await admin.close()


async def existing(admin: Admin, url: URL) -> TopicInfo:
    """Return what the broker knows of the topic of a URL.

    Raises:
        UsageError: the URL names no topic. Missing: there is no such topic, or no such group of it.
    """
    url = queue_url(url)
    found = {topic.name: topic for topic in await admin.topics()}
    topic = _one(f"topic {url.options['topic']}", url.options["topic"], found)
    group = url.options.get("group")
    if group is not None and topic.groups:
        _one(f"group {group} of {topic.name}", group, dict.fromkeys(topic.groups, topic))
    return topic


def groups_meant(url: URL, topic: TopicInfo) -> Sequence[str]:
    """Return the group that a URL names, or else all of its topic."""
    return [url.options["group"]] if "group" in url.options else topic.groups or [topic.name]


async def open_existing(text: str) -> Driver:
    """Open a topic to look at it.

    Raises:
        Missing, UsageError: there is no such topic, or no such group of it. Unavailable: it cannot be reached.
    """
    name = queue_url(text).options["topic"]  # says first that it names no topic
    async with administered(text) as (url, admin):
        try:
            await existing(admin, url)
        except Unavailable:  # RabbitMQ lists nothing without its HTTP API, and still knows a topic by its name
            if url.options.get("group", name) != name:
                raise
            await admin.examine(name)
    return await open_driver(url)


def _check_file(url: URL) -> None:
    if url.scheme == "sqlite" and not Path(url.path).is_file():
        hint = "three slashes stand before a relative path, four before an absolute one"
        raise Unavailable(f"there is no file {url.path}", hint)


def _one(what: str, name: str, found: dict[str, TopicInfo]) -> TopicInfo:
    if name not in found:
        raise Missing(f"there is no {what}", _near(name, found))
    return found[name]


def _near(name: str, names: Iterable[str]) -> str:
    if near := difflib.get_close_matches(name, names, n=3):
        return f"did you mean {' or '.join(near)}?"
    return f"there are: {', '.join(sorted(names)[:10]) or 'none'}"
