"""Jobs about documents: `embed_documents`, `reembed_documents`, `index_collection`, `erase_collection`."""

from __future__ import annotations

import logging
import time

from recollect.core.embeddings import InUse, Models
from recollect.errors import ModelUnavailable
from recollect.store import Store, collections, documents, indexes
from recollect.store.jobs import Job
from recollect.work.metrics import WorkMetrics

log = logging.getLogger(__name__)


async def embed_documents(store: Store, models: Models, metrics: WorkMetrics, jobs: list[Job]) -> None:
    """Make the vectors of the documents that still exist, with every model in use. Raises ModelUnavailable."""
    await models.refresh()
    before = None
    while before != (active := _active(models)).id:  # search may move on to another model meanwhile
        before = active.id
        texts = await documents.texts(store, jobs)
        await _embed(store, active, metrics, texts)
        if models.filling is not None:
            try:
                await _embed(store, models.filling, metrics, texts)
            except ModelUnavailable as error:  # what it lacks is enqueued anew; search does not wait for it
                log.warning("new model away", extra={"reason": error.message})
        await models.refresh()


async def reembed_documents(store: Store, models: Models, metrics: WorkMetrics, jobs: list[Job]) -> None:
    """Make the vectors of the model that is going to take over, or that took over meanwhile."""
    await models.refresh()
    await _embed(store, models.filling or _active(models), metrics, await documents.texts(store, jobs))


async def index_collection(store: Store, jobs: list[Job]) -> None:
    """Build the approximate indexes of large collections."""
    for job in jobs:
        await indexes.build(store, job.bucket, job.about)


async def erase_collection(store: Store, jobs: list[Job]) -> None:
    """Remove everything that collections which are gone held."""
    for job in jobs:
        await indexes.drop(store, job.about)
        await collections.erase(store, job.bucket, job.about)


def _active(models: Models) -> InUse:
    if models.active is None:
        raise ModelUnavailable("No embedding model is in use.")
    return models.active


async def _embed(store: Store, model: InUse, metrics: WorkMetrics, texts: list[documents.Text]) -> None:
    if not texts:
        return
    started = time.perf_counter()
    vectors = await model.embedder.embed([text.content for text in texts])
    metrics.embedded(len(texts), time.perf_counter() - started)
    await documents.put(store, model.id, texts, vectors)
