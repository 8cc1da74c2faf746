"""Jobs of kind `embed`: vectors for messages."""

from __future__ import annotations

import time

from recollect.core.embeddings import Models
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
    if not texts:
        return
    for model in (models.active, models.filling):
        if model is not None:
            started = time.perf_counter()
            vectors = await model.embedder.embed([text.content for text in texts])
            metrics.embedded(len(texts), time.perf_counter() - started)
            await embeddings.put(store, model.id, texts, vectors)
