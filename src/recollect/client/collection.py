"""A collection of documents, as the client has it."""

from __future__ import annotations

from recollect.client.aio.documents import AsyncDocuments
from recollect.client.models import DocumentCollectionModel
from recollect.client.sync.documents import SyncDocuments


class DocumentCollection(AsyncDocuments, SyncDocuments, DocumentCollectionModel, dict=True):
    """What a collection of documents is, and what can be done with it."""
