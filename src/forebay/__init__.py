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
    from forebay.intake.answers import Answers, retry_after
    from forebay.intake.decoding import decoder
    from forebay.intake.http import Request, Response, json_response, problem, text_response
    from forebay.message import Message, new_id
    from forebay.queue.opening import open_subscription, open_topic
    from forebay.queue.place import Position, position_of, split_reference
    from forebay.queue.plain import Queue, open_queue
    from forebay.queue.request_reply import Asker, open_asker
    from forebay.queue.subscription import Subscription
    from forebay.queue.topic import Topic
    from forebay.running import Running
    from forebay.stores.collection import Collection, Document
    from forebay.stores.opening import open_store
    from forebay.stores.window import Entry, Window
    from forebay.workers.handler import Work
    from forebay.workers.insisting import insist
    from forebay.workers.policies import RetryPolicy

_HOMES = {
    "Answers": "forebay.intake.answers",
    "App": "forebay.app",
    "Asker": "forebay.queue.request_reply",
    "Collection": "forebay.stores.collection",
    "Conflict": "forebay.errors",
    "Dead": "forebay.errors",
    "Discipline": "forebay.disciplines",
    "Document": "forebay.stores.collection",
    "Drop": "forebay.errors",
    "Durability": "forebay.durability",
    "Entry": "forebay.stores.window",
    "Failed": "forebay.errors",
    "ForebayError": "forebay.errors",
    "Message": "forebay.message",
    "Missing": "forebay.errors",
    "Position": "forebay.queue.place",
    "Queue": "forebay.queue.plain",
    "QueueFull": "forebay.errors",
    "Request": "forebay.intake.http",
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
    "Window": "forebay.stores.window",
    "Work": "forebay.workers.handler",
    "decoder": "forebay.intake.decoding",
    "insist": "forebay.workers.insisting",
    "json_response": "forebay.intake.http",
    "new_id": "forebay.message",
    "open_asker": "forebay.queue.request_reply",
    "open_queue": "forebay.queue.plain",
    "open_store": "forebay.stores.opening",
    "open_subscription": "forebay.queue.opening",
    "open_topic": "forebay.queue.opening",
    "position_of": "forebay.queue.place",
    "problem": "forebay.intake.http",
    "retry_after": "forebay.intake.answers",
    "split_reference": "forebay.queue.place",
    "text_response": "forebay.intake.http",
}
"""Where each public name lives; it is imported when it is asked for, so that the command line starts quickly."""

__all__ = [
    "Answers",
    "App",
    "Asker",
    "Collection",
    "Conflict",
    "Dead",
    "Discipline",
    "Document",
    "Drop",
    "Durability",
    "Entry",
    "Failed",
    "ForebayError",
    "Message",
    "Missing",
    "Position",
    "Queue",
    "QueueFull",
    "Request",
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
    "Window",
    "Work",
    "__version__",
    "decoder",
    "insist",
    "json_response",
    "new_id",
    "open_asker",
    "open_queue",
    "open_store",
    "open_subscription",
    "open_topic",
    "position_of",
    "problem",
    "retry_after",
    "split_reference",
    "text_response",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'forebay' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
