"""The figures of an order store: as JSON for people, as metrics for machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from forebay import Request, Response, json_response

GAUGES: Final = {
    "orders": "Orders in memory.",
    "bytes": "What they take together.",
    "newest": "The highest number in memory.",
    "waiting": "Requests that wait for a new order.",
}
COUNTERS: Final = {
    "added": "Orders put into memory.",
    "evicted": "Orders that left memory for others.",
    "outdated": "Orders that left memory for their age.",
    "restored": "Orders put into memory from the store at the start.",
    "from_memory": "Requests for one order that memory answered.",
    "from_store": "Requests for one order that the store answered.",
    "missing": "Requests for one order that there is not.",
}


class Figures(Collector):
    """Tells the figures, whenever it is asked.

    Arguments:
        read: returns their values by the names in `GAUGES` and `COUNTERS`.
    """

    def __init__(self, read: Callable[[], Mapping[str, int]]) -> None:
        self._read = read

    def answer(self, request: Request) -> Response:
        """Answer ``GET /stats``."""
        values = self._read()
        return json_response({name: values[name] for name in (*GAUGES, *COUNTERS)})

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics."""
        values = self._read()
        for name, about in GAUGES.items():
            yield GaugeMetricFamily(f"forebay_orderstore_{name}", about, values[name])
        for name, about in COUNTERS.items():
            yield CounterMetricFamily(f"forebay_orderstore_{name}", about, values[name])
