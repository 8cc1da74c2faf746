"""Jobs of kind `embed` and `reembed`: vectors for messages."""

from __future__ import annotations

import logging
import time

from recollect.core.embeddings import InUse, Models
from recollect.errors import ModelUnavailable
from recollect.store import Store, embeddings
from recollect.store.jobs import Job
from recollect.work.metrics import WorkMetrics

log = logging.getLogger(__name__)


async def embed_messages(store: Store, models: Models, metrics: WorkMetrics, jobs: list[Job]) -> None:
    """Make the vectors of the messages that still live, with every model in use. Raises ModelUnavailable."""
    await models.refresh()
    before = None
    while before != (active := _active(models)).id:  # search may move on to another model meanwhile
        before = active.id
        texts = await embeddings.texts(store, jobs)
        await _embed(store, active, metrics, texts, alone=True)
        if models.filling is not None:
            try:
                await _embed(store, models.filling, metrics, texts, alone=False)
            except ModelUnavailable as error:  # what it lacks is enqueued anew; search does not wait for it
                log.warning("new model away", extra={"reason": error.message})
        await models.refresh()


async def reembed_messages(store: Store, models: Models, metrics: WorkMetrics, jobs: list[Job]) -> None:
    """Make the vectors of the model that is going to take over, or that took over meanwhile."""
    await models.refresh()
    model = models.filling or _active(models)
    await _embed(store, model, metrics, await embeddings.texts(store, jobs), alone=False)


async def probe(models: Models) -> None:
    """Embed one word with the model that search reads. Raises ModelUnavailable."""
    await _active(models).embedder.embed(["ping"])


async def probe_filling(models: Models) -> None:
    """Embed one word with the model that is going to take over. Raises ModelUnavailable."""
    await (models.filling or _active(models)).embedder.embed(["ping"])


def _active(models: Models) -> InUse:
    if models.active is None:
        raise ModelUnavailable("No embedding model is in use.")
    return models.active


async def _embed(
    store: Store, model: InUse, metrics: WorkMetrics, texts: list[embeddings.Text], *, alone: bool
) -> None:
    if not texts:
        return
    started = time.perf_counter()
    vectors = await model.embedder.embed([text.content for text in texts])
    metrics.embedded(len(texts), time.perf_counter() - started)
    await embeddings.put(store, model.id, texts, vectors, alone=alone)
