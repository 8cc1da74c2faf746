"""Prometheus metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from recollect.store.usage import Usage

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BOUNDS = [*map(str, BUCKETS), "+Inf"]


class _Times:
    """How often requests took how long."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * len(BOUNDS)
        self.total = 0.0


class _Requests(Collector):
    """Requests by route, counted in the one thread that answers them: the library's locks cost 6 us a request."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], int] = {}
        self._times: dict[tuple[str, str], _Times] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        answered = (method, route, status)
        self._counts[answered] = self._counts.get(answered, 0) + 1
        times = self._times.get((method, route))
        if times is None:
            times = self._times[method, route] = _Times()
        times.counts[bisect_left(BUCKETS, seconds)] += 1
        times.total += seconds

    def collect(self) -> Iterator[Metric]:
        """Give the numbers to the registry."""
        requests = CounterMetricFamily("recollect_requests", "Requests answered.", labels=("method", "route", "status"))
        for (method, route, status), count in self._counts.items():
            requests.add_metric((method, route, str(status)), count)
        yield requests
        seconds = HistogramMetricFamily("recollect_request_seconds", "Time to the answer.", labels=("method", "route"))
        for labels, times in self._times.items():
            below = 0
            buckets = []
            for bound, count in zip(BOUNDS, times.counts, strict=True):
                below += count
                buckets.append((bound, float(below)))
            seconds.add_metric(labels, buckets, times.total)
        yield seconds


class _LanguageModels(Collector):
    """What language models were asked, by any process: `usage` is read from the database when somebody looks."""

    def __init__(self) -> None:
        self.usage: Sequence[Usage] = ()

    def collect(self) -> Iterator[Metric]:
        labels = ["task", "model"]
        calls = CounterMetricFamily("recollect_llm_calls", "Questions asked.", labels=labels)
        failures = CounterMetricFamily("recollect_llm_failures", "Those with no usable answer.", labels=labels)
        tokens = CounterMetricFamily("recollect_llm_tokens", "Tokens used.", labels=[*labels, "direction"])
        seconds = CounterMetricFamily("recollect_llm_seconds", "Time to the answers.", labels=labels)
        for row in self.usage:
            key = [row.task, row.model]
            calls.add_metric(key, row.calls)
            failures.add_metric(key, row.failures)
            tokens.add_metric([*key, "prompt"], row.prompt_tokens)
            tokens.add_metric([*key, "completion"], row.completion_tokens)
            seconds.add_metric(key, row.seconds)
        yield from (calls, failures, tokens, seconds)


class Metrics:
    """The server's own numbers; those of the database are asked for when somebody looks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        requests = _Requests()
        self.registry.register(requests)
        self.observe = requests.observe
        self.connections = Gauge(
            "recollect_database_connections", "Connections of the pool.", ["state"], registry=self.registry
        )
        self.jobs = Gauge("recollect_jobs", "Jobs waiting or failed.", ["kind", "state"], registry=self.registry)
        self.oldest_job = Gauge(
            "recollect_oldest_job_seconds", "Age of the oldest job that waits.", ["kind"], registry=self.registry
        )
        self.language_models = _LanguageModels()
        self.registry.register(self.language_models)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
