"""The suite that every driver passes. A driver's test file says where its broker is, and nothing else:

    class TestShelf(ConformanceSuite):
        features = shelf.FEATURES
        clock = ManualClock()

        def url(self, topic: str, **options: str) -> URL:
            return parse("shelf:///").with_options(topic=topic, **options)

It needs pytest, pytest-asyncio (``asyncio_mode = auto``) and hypothesis. What a driver does not declare is skipped;
what it declares is proved. A broker whose time cannot be moved leaves `clock` at None, and says in `patience` how long
its answers may take and in `die` how one of its processes dies.

Each part is a module with one theme; docs/explanation/conformance.md tells where its behaviours come from.
"""

from __future__ import annotations

import pytest

PARTS = (
    "cancelling",
    "closing",
    "declaring",
    "delaying",
    "grouping",
    "harness",
    "keeping",
    "model",
    "operating",
    "ordering",
    "receiving",
    "settling",
    "storming",
    "working",
)
for _part in PARTS:
    pytest.register_assert_rewrite(f"{__name__}.{_part}")  # a failure shows its values, as in a test file

from forebay.queue.conformance.cancelling import Cancelling  # noqa: E402
from forebay.queue.conformance.closing import Closing  # noqa: E402
from forebay.queue.conformance.declaring import Declaring  # noqa: E402
from forebay.queue.conformance.delaying import Delaying  # noqa: E402
from forebay.queue.conformance.grouping import Grouping  # noqa: E402
from forebay.queue.conformance.harness import Harness  # noqa: E402
from forebay.queue.conformance.keeping import Keeping  # noqa: E402
from forebay.queue.conformance.model import Modelled  # noqa: E402
from forebay.queue.conformance.operating import Operating  # noqa: E402
from forebay.queue.conformance.ordering import Ordering  # noqa: E402
from forebay.queue.conformance.receiving import Receiving  # noqa: E402
from forebay.queue.conformance.settling import Settling  # noqa: E402
from forebay.queue.conformance.storming import Storming  # noqa: E402
from forebay.queue.conformance.working import Working  # noqa: E402

__all__ = ["ConformanceSuite", "Harness"]


class ConformanceSuite(
    Receiving,
    Grouping,
    Ordering,
    Delaying,
    Settling,
    Keeping,
    Closing,
    Cancelling,
    Storming,
    Working,
    Operating,
    Declaring,
    Modelled,
):
    """The behaviour of a driver; see :class:`~forebay.queue.conformance.harness.Harness` for what to fill in."""
