"""Prometheus metrics out of events: plain counters in the hot path, turned into families only when they are scraped."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from forebay.events import Accepted, Answered, Event, Finished, LeaseLost, Refused, Stalled, Started
from forebay.telemetry.counted import Counted
from forebay.version import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of what `Metrics.exposition` returns: the oldest version, which every scraper reads; our names need no newer one."""

_SHORT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_QUEUE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800, 3600)
"""A queue levels minutes and hours: its waits need bounds up to there."""

_NOT_DONE = frozenset({"limit", "full"})
"""Reasons of a refusal for which valid work was not done: there was no capacity for it."""


class _Buckets:
    """A histogram with fixed upper bounds: an observation is a bisection and an increment."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one value into the first bucket whose bound it does not exceed."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Return the pairs (le, count of all up to it) that Prometheus wants."""
        pairs, below = [], 0
        for bound, count in zip((*map(str, map(float, self.bounds)), "+Inf"), self.counts, strict=True):
            below += count
            pairs.append((bound, float(below)))
        return pairs


class _Topic:
    """The figures of one topic."""

    __slots__ = ("accept", "accepted", "counts", "deliveries", "end_to_end", "endings", "leases_lost", "wait", "work")

    def __init__(self) -> None:
        self.accepted = 0
        self.deliveries = [0, 0]
        self.endings: dict[str, int] = defaultdict(int)
        self.leases_lost = 0
        self.accept = _Buckets(_SHORT)
        self.wait = _Buckets(_QUEUE)
        self.work = _Buckets(_QUEUE)
        self.end_to_end = _Buckets(_QUEUE)
        self.counts: Counted | None = None


class Metrics(Collector):
    """A listener to events that can be scraped. Used from one event loop; its labels are few and never an id."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, int], int] = defaultdict(int)
        self._request_seconds: dict[str, _Buckets] = defaultdict(lambda: _Buckets(_SHORT))
        self._refused: dict[tuple[str, str], int] = defaultdict(int)
        self._stalls: dict[tuple[str, str], int] = defaultdict(int)
        self._topics: dict[str, _Topic] = defaultdict(_Topic)
        self._work = {"done": 0, "error": 0}
        self._on: dict[type, Callable[[Any], None]] = {
            Answered: self._answered,
            Accepted: self._accepted,
            Refused: self._refuse,
            Started: self._started,
            Finished: self._finished,
            LeaseLost: self._lease_lost,
            Stalled: self._stalled,
        }
        self.turned_away: Mapping[int, int] = {}
        """Requests that the HTTP server answered by itself, by status; it counts them."""
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def __call__(self, event: Event) -> None:
        """Count one event."""
        self._on[type(event)](event)

    def update_counts(self, topic: str, counts: Counted) -> None:
        """Take over what the broker counted: the gauges of the topic show it until the next time."""
        self._topics[topic].counts = counts

    def forget_counts(self) -> None:
        """Show no gauges of any topic until the next time: nobody knows, and what was is no answer."""
        for topic in self._topics.values():
            topic.counts = None

    def tell_also(self, collector: Collector) -> None:
        """Let a collector of the application's own be asked with each scrape; its names must be its own."""
        self._registry.register(collector)

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format, whose type is `CONTENT_TYPE`."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """Yield the families; the registry calls it."""
        build = GaugeMetricFamily("forebay_build_info", "The version that runs.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        work = CounterMetricFamily(
            "work_done",
            "Work that was done, and work that was not: failed attempts, and requests refused for want of capacity.",
            labels=["status"],
        )
        for status, count in self._work.items():
            work.add_metric([status], count)
        yield work
        yield from self._of_requests()
        yield from self._of_topics()
        yield from self._of_queues()

    def _answered(self, event: Answered) -> None:
        self._requests[event.intake, event.status] += 1
        self._request_seconds[event.intake].observe(event.seconds)

    def _accepted(self, event: Accepted) -> None:
        topic = self._topics[event.topic]
        topic.accepted += event.count
        topic.accept.observe(event.seconds)

    def _refuse(self, event: Refused) -> None:
        self._refused[event.topic, event.reason] += 1
        if event.reason in _NOT_DONE:
            self._work["error"] += 1

    def _started(self, event: Started) -> None:
        topic = self._topics[event.topic]
        topic.deliveries[event.attempt > 1] += 1
        topic.wait.observe(event.wait_seconds)

    def _finished(self, event: Finished) -> None:
        topic, outcome = self._topics[event.topic], event.outcome
        topic.endings[outcome] += 1
        topic.work.observe(event.work_seconds)
        if outcome in {"done", "dropped"}:
            self._work["done"] += 1
            topic.end_to_end.observe(event.total_seconds)
        elif outcome != "released":  # an interruption is neither
            self._work["error"] += 1

    def _lease_lost(self, event: LeaseLost) -> None:
        self._topics[event.topic].leases_lost += 1

    def _stalled(self, event: Stalled) -> None:
        self._stalls[event.topic, event.where] += 1

    def _of_requests(self) -> Iterable[Metric]:
        yield _counter("http_requests", "Requests by status.", ("intake", "code"), self._requests)
        yield _histogram(
            "http_request_duration_seconds",
            "From the last byte of a request to its answer.",
            "intake",
            self._request_seconds,
        )
        turned_away = {(str(status),): count for status, count in self.turned_away.items()}
        yield _counter("http_turned_away", "Requests too slow, too large or malformed.", ("code",), turned_away)
        yield _counter("refused", "Messages that were not accepted.", ("topic", "reason"), self._refused)
        yield _counter("stalls", "A broker or store that did not do its part.", ("topic", "where"), self._stalls)

    def _of_topics(self) -> Iterable[Metric]:
        topics = self._topics
        by_topic = ("topic",)
        yield _counter("accepted", "Messages made durable.", by_topic, {(n,): t.accepted for n, t in topics.items()})
        deliveries = {
            (name, redelivered): topic.deliveries[redelivered == "true"]
            for name, topic in topics.items()
            for redelivered in ("false", "true")
        }
        yield _counter("deliveries", "Messages handed to a handler.", ("topic", "redelivered"), deliveries)
        for name, outcome, about in _ENDINGS:
            yield _counter(name, about, by_topic, {(n,): t.endings[outcome] for n, t in topics.items()})
        lost = {(name,): topic.leases_lost for name, topic in topics.items()}
        yield _counter("lease_lost", "Settlements that came too late.", by_topic, lost)
        for part, name, about in _HISTOGRAMS:
            yield _histogram(name, about, "topic", {n: getattr(t, part) for n, t in topics.items()})

    def _of_queues(self) -> Iterable[Metric]:
        states = GaugeMetricFamily("forebay_queue_messages", "Messages by state.", labels=["topic", "state"])
        oldest = GaugeMetricFamily(
            "forebay_queue_oldest_age_seconds", "Age of the oldest message that is not finished.", labels=["topic"]
        )
        lost = GaugeMetricFamily("forebay_lost_messages", "Accepted and nowhere: must be 0.", labels=["topic"])
        for name, topic in self._topics.items():
            if (counts := topic.counts) is not None:
                for state in ("waiting", "in_work", "retrying", "dead"):
                    states.add_metric([name, state], getattr(counts, state))
                oldest.add_metric([name], counts.oldest_seconds)
                lost.add_metric([name], counts.lost)
        return states, oldest, lost


_ENDINGS = (
    ("retries", "retry", "Attempts that failed and are tried again."),
    ("dead_letters", "dead", "Messages that were given up."),
    ("released", "released", "Deliveries put back by an interruption."),
)
_HISTOGRAMS = (
    ("accept", "accept_duration_seconds", "One durable write of messages that came together."),
    ("wait", "queue_wait_seconds", "From acceptance to the handler."),
    ("work", "work_duration_seconds", "Time in the handler."),
    ("end_to_end", "end_to_end_seconds", "From acceptance to the end of the work."),
)


def _counter(name: str, about: str, labels: Sequence[str], counts: dict[Any, int]) -> Metric:
    family = CounterMetricFamily(f"forebay_{name}", about, labels=labels)
    for values, count in counts.items():
        family.add_metric([str(value) for value in values], count)
    return family


def _histogram(name: str, about: str, label: str, all_buckets: dict[str, _Buckets]) -> Metric:
    family = HistogramMetricFamily(f"forebay_{name}", about, labels=[label])
    for value, buckets in all_buckets.items():
        family.add_metric([value], buckets.cumulative(), buckets.total)
    return family
