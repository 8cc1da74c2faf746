"""Every kind of job, in one flat list."""

from __future__ import annotations

from functools import partial

from recollect.core.embeddings import Models
from recollect.store import Store
from recollect.store.indexes import BUILD_SECONDS
from recollect.work.documents import embed_documents, erase_collection, index_collection, reembed_documents
from recollect.work.embed import embed_messages, probe, probe_filling, reembed_messages
from recollect.work.erase import erase, erase_cleared
from recollect.work.metrics import WorkMetrics
from recollect.work.worker import Kind

ERASE_SECONDS = 600
"""Long enough for sessions of millions of messages."""


def kinds(store: Store, models: Models, metrics: WorkMetrics) -> list[Kind]:
    """Return what a worker does."""
    active, filling = partial(probe, models), partial(probe_filling, models)
    return [
        Kind("embed", partial(embed_messages, store, models, metrics), probe=active),
        Kind("reembed", partial(reembed_messages, store, models, metrics), probe=filling),
        Kind("erase", partial(erase, store), most=16, lease_seconds=ERASE_SECONDS),
        Kind("erase_cleared", partial(erase_cleared, store), most=16, lease_seconds=ERASE_SECONDS),
        Kind("embed_documents", partial(embed_documents, store, models, metrics), probe=active),
        Kind("reembed_documents", partial(reembed_documents, store, models, metrics), probe=filling),
        Kind("erase_collection", partial(erase_collection, store), most=1, lease_seconds=BUILD_SECONDS),
        Kind("index_collection", partial(index_collection, store), most=1, lease_seconds=2 * BUILD_SECONDS),
    ]
