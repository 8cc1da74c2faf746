"""Jobs that make vectors: `embed` and `reembed` for messages, `embed_documents` and `reembed_documents`."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from recollect.core.embeddings import InUse, Models
from recollect.errors import ModelUnavailable
from recollect.store import Store
from recollect.store.jobs import Job
from recollect.work.metrics import WorkMetrics

log = logging.getLogger(__name__)


class Text(Protocol):
    """What can be embedded."""

    @property
    def content(self) -> str:
        """The text itself."""
        ...


T = TypeVar("T", bound=Text)


class Source(NamedTuple, Generic[T]):
    """Where texts come from and vectors go: messages or documents."""

    texts: Callable[[Store, Sequence[Job]], Awaitable[list[T]]]
    """Those the jobs name, as far as they still live."""
    put: Callable[[Store, int, Sequence[T], NDArray[np.float32]], Awaitable[None]]


async def embed(source: Source[T], store: Store, models: Models, metrics: WorkMetrics, jobs: list[Job]) -> None:
    """Make vectors with every model in use. Raises ModelUnavailable."""
    await models.refresh()
    before = None
    while before != (active := _active(models)).id:  # search may move on to another model meanwhile
        before = active.id
        texts = await source.texts(store, jobs)
        await _make(source, store, active, metrics, texts, jobs)
        if models.filling is not None:
            try:
                await _make(source, store, models.filling, metrics, texts, jobs)
            except ModelUnavailable as error:  # what it lacks is enqueued anew; search does not wait for it
                log.warning("new model away", extra={"reason": error.message})
        await models.refresh()


async def reembed(source: Source[T], store: Store, models: Models, metrics: WorkMetrics, jobs: list[Job]) -> None:
    """Make vectors with the model that is going to take over, or that took over meanwhile. Raises ModelUnavailable."""
    await models.refresh()
    model = models.filling or _active(models)
    await _make(source, store, model, metrics, await source.texts(store, jobs), jobs)


async def probe(models: Models) -> None:
    """Embed one word with the model that search reads. Raises ModelUnavailable."""
    await _ping(_active(models))


async def probe_filling(models: Models) -> None:
    """Embed one word with the model that is going to take over. Raises ModelUnavailable."""
    await _ping(models.filling or _active(models))


def _active(models: Models) -> InUse:
    if models.active is None:
        raise ModelUnavailable("No embedding model is in use.")
    return models.active


async def _ping(model: InUse) -> None:
    await model.embedder.embed(["ping"])


async def _make(
    source: Source[T], store: Store, model: InUse, metrics: WorkMetrics, texts: list[T], jobs: list[Job]
) -> None:
    """Embed and store texts together; one by one, if they are of one job that failed before."""
    if not texts:
        return
    together = len(jobs) > 1 or jobs[0].attempts == 1
    failure = None
    for part in [texts] if together else [[text] for text in texts]:
        started = time.perf_counter()
        try:
            vectors = await model.embedder.embed([text.content for text in part])
        except ModelUnavailable as error:
            if together:
                raise
            await _ping(model)
            failure = error
        else:
            metrics.embedded(len(part), time.perf_counter() - started)
            await source.put(store, model.id, part, vectors)
    if failure is not None:
        raise failure
