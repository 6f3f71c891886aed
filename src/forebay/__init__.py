"""Load levelling for Python services: accept a peak durably, work it off at your own pace, lose nothing, prove it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from forebay.version import __version__

if TYPE_CHECKING:
    from forebay.app import App
    from forebay.disciplines import Discipline
    from forebay.durability import Durability
    from forebay.errors import (
        Conflict,
        Dead,
        Drop,
        Failed,
        ForebayError,
        Missing,
        QueueFull,
        Retry,
        TooLarge,
        Unavailable,
        Undecodable,
        Unknown,
        Unsupported,
        UsageError,
    )
    from forebay.intake.answers import Answers
    from forebay.intake.http import Response
    from forebay.message import Message
    from forebay.queue.opening import open_subscription, open_topic
    from forebay.queue.plain import Queue, open_queue
    from forebay.queue.request_reply import Asker, open_asker
    from forebay.queue.subscription import Subscription
    from forebay.queue.topic import Topic
    from forebay.running import Running
    from forebay.stores.opening import open_store
    from forebay.workers.handler import Work
    from forebay.workers.policies import RetryPolicy

_HOMES = {
    "Answers": "forebay.intake.answers",
    "App": "forebay.app",
    "Asker": "forebay.queue.request_reply",
    "Conflict": "forebay.errors",
    "Dead": "forebay.errors",
    "Discipline": "forebay.disciplines",
    "Drop": "forebay.errors",
    "Durability": "forebay.durability",
    "Failed": "forebay.errors",
    "ForebayError": "forebay.errors",
    "Message": "forebay.message",
    "Missing": "forebay.errors",
    "Queue": "forebay.queue.plain",
    "QueueFull": "forebay.errors",
    "Response": "forebay.intake.http",
    "Retry": "forebay.errors",
    "RetryPolicy": "forebay.workers.policies",
    "Running": "forebay.running",
    "Subscription": "forebay.queue.subscription",
    "TooLarge": "forebay.errors",
    "Topic": "forebay.queue.topic",
    "Unavailable": "forebay.errors",
    "Undecodable": "forebay.errors",
    "Unknown": "forebay.errors",
    "Unsupported": "forebay.errors",
    "UsageError": "forebay.errors",
    "Work": "forebay.workers.handler",
    "open_asker": "forebay.queue.request_reply",
    "open_queue": "forebay.queue.plain",
    "open_store": "forebay.stores.opening",
    "open_subscription": "forebay.queue.opening",
    "open_topic": "forebay.queue.opening",
}
"""Where each public name lives; it is imported when it is asked for, so that the command line starts quickly."""

__all__ = [
    "Answers",
    "App",
    "Asker",
    "Conflict",
    "Dead",
    "Discipline",
    "Drop",
    "Durability",
    "Failed",
    "ForebayError",
    "Message",
    "Missing",
    "Queue",
    "QueueFull",
    "Response",
    "Retry",
    "RetryPolicy",
    "Running",
    "Subscription",
    "TooLarge",
    "Topic",
    "Unavailable",
    "Undecodable",
    "Unknown",
    "Unsupported",
    "UsageError",
    "Work",
    "__version__",
    "open_asker",
    "open_queue",
    "open_store",
    "open_subscription",
    "open_topic",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'forebay' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
