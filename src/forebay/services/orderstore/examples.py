"""Made-up orders into the queue that is served, so that there is something to see."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from forebay import Topic

RATE = 100.0
"""Orders a second of each writer: `forebay generate orders` is there for more."""


def write_examples(topic: Topic, writers: int) -> Coroutine[Any, Any, object]:
    """Return what writes orders into a topic until it is cancelled; no two runs write the same ones.

    Raises:
        UsageError: the package that makes names and addresses is not installed.
    """
    from forebay.load.profiles.shapes import Const  # where no examples are wished, their package may be missing
    from forebay.services.orderstore.generating.orders import Orders
    from forebay.services.orderstore.generating.writing import Writing

    return Writing(Orders(), [topic] * writers, Const(RATE * writers)).run()
