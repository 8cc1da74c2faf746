"""The workers' numbers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class WorkMetrics:
    """What workers count, in the registry they are given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._texts = Counter("recollect_embedded_texts", "Texts embedded.", registry=registry)
        self._seconds = Counter(
            "recollect_model_seconds", "Time spent waiting for models.", ["task"], registry=registry
        )

    def embedded(self, texts: int, seconds: float) -> None:
        """Count texts that were embedded, and how long that took."""
        self._texts.inc(texts)
        self._seconds.labels("embed").inc(seconds)
