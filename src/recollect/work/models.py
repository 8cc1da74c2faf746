"""Changing the embedding model: fill the new one beside the old, then switch."""

from __future__ import annotations

import asyncio
import logging

from recollect.core.embeddings import Models
from recollect.errors import Error
from recollect.store import Store, documents, embeddings, jobs, summary_embeddings

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
REEMBED = ("reembed", "reembed_summaries", "reembed_documents")
"""The kinds of jobs that fill a new model."""


async def follow_models(store: Store, models: Models) -> None:
    """Keep up with the models in use, and bring a change of model to its end, until cancelled."""
    while True:
        try:
            await models.refresh()
            if models.filling is not None:
                await switch(store, models)
        except Error as error:
            log.warning("models not refreshed", extra={"reason": error.message})
        await asyncio.sleep(LOOK_SECONDS)


async def switch(store: Store, models: Models) -> bool:
    """Enqueue what the new model lacks; let search use it when it lacks nothing; tell whether it does.

    May run in any number of processes at once, and be repeated: the jobs only make what is missing.
    """
    filling = models.filling
    if filling is None:
        return True
    if any(kind.waiting for kind in await jobs.overview(store) if kind.kind in REEMBED):
        return False
    enqueued = 0
    for texts in (embeddings, summary_embeddings, documents):
        enqueued += await texts.enqueue_missing(store, filling.id)
    if enqueued:
        log.info("embedding anew", extra={"model": filling.embedder.model.name, "jobs": enqueued})
        return False
    if not await embeddings.activate(store, filling.id):
        return False
    log.info("model switched", extra={"model": filling.embedder.model.name, "width": filling.embedder.model.width})
    await models.refresh()
    return True
