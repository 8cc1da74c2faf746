"""Jobs of kind `embed` and `reembed`: vectors for messages."""

from __future__ import annotations

import time

from recollect.core.embeddings import InUse, Models
from recollect.errors import ModelUnavailable
from recollect.store import Store, embeddings
from recollect.store.jobs import Job
from recollect.work.metrics import WorkMetrics


async def embed_messages(store: Store, models: Models, metrics: WorkMetrics, jobs: list[Job]) -> None:
    """Make the vectors of the messages that still live, with every model in use. Raises ModelUnavailable."""
    await models.refresh()
    if models.active is None:
        raise ModelUnavailable("No embedding model is in use.")
    texts = await embeddings.texts(store, jobs)
    for model in (models.active, models.filling):
        await _embed(store, model, metrics, texts)


async def reembed_messages(store: Store, models: Models, metrics: WorkMetrics, jobs: list[Job]) -> None:
    """Make the vectors of the model that is going to take over, or that took over meanwhile."""
    await models.refresh()
    await _embed(store, models.filling or models.active, metrics, await embeddings.texts(store, jobs))


async def _embed(store: Store, model: InUse | None, metrics: WorkMetrics, texts: list[embeddings.Text]) -> None:
    if model is None or not texts:
        return
    started = time.perf_counter()
    vectors = await model.embedder.embed([text.content for text in texts])
    metrics.embedded(len(texts), time.perf_counter() - started)
    await embeddings.put(store, model.id, texts, vectors)
