"""Documents and their vectors: added, read, searched, changed, deleted, embedded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
import numpy as np
from numpy.typing import NDArray

from recollect.errors import AlreadyExists, BadRequest, NotFound
from recollect.models import Document, DocumentResult, Metadata
from recollect.store import Store
from recollect.store.collections import missing
from recollect.store.database import Row
from recollect.store.embeddings import BUCKETS_AT_ONCE
from recollect.store.indexes import ROWS
from recollect.store.jobs import Job
from recollect.store.keys import BUCKETS, bucket_of, new_key
from recollect.store.vectors import vector, width_of

WIDTH_MISMATCH = "embedding width mismatch. please ensure that the embeddings have the width of the collection"


class NewDocument(NamedTuple):
    """A document to add. `embedding` is an encoded `vector`."""

    document_id: str | None
    content: str
    metadata: Metadata | None
    embedding: bytes | None


class Change(NamedTuple):
    """What to replace in a document; None keeps what there is."""

    uuid: UUID
    document_id: str | None
    metadata: Metadata | None


class Text(NamedTuple):
    """A document to embed."""

    bucket: int
    collection_key: UUID
    uuid: UUID
    project_id: str
    content: str


class Found(NamedTuple):
    """What a search by a vector came to. `outgrown`: the collection is too large to look at every vector."""

    results: list[DocumentResult]
    outgrown: bool


async def add(
    store: Store, project: str, collection: str, new: Sequence[NewDocument], *, embed: bool, language: str
) -> list[UUID]:
    """Store all documents, or none; return their uuids in order. `embed`: enqueue the making of vectors where due.

    Raises NotFound for the collection, AlreadyExists for a document_id, BadRequest for vectors that do not fit it.
    """
    bucket = bucket_of(project, collection)
    uuids = [new_key(bucket) for _ in new]
    widths = {width_of(document.embedding) for document in new}
    columns = (
        [document.document_id for document in new],
        [document.content for document in new],
        [_json(document.metadata) for document in new],
        None if widths <= {0} else [document.embedding for document in new],
        next(iter(widths)) if len(widths) == 1 else -1,
    )
    arguments = (bucket, project, collection, datetime.now(UTC), language, uuids, *columns, embed)
    try:
        row = await store.database.row("documents.add", *arguments)
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists("failed to create documents: bad request: document_id already exists") from error
    if row is None:
        raise missing(collection)
    if new and not row["fits"]:
        raise _unfit(widths, row["width"], auto=row["is_auto_embedded"])
    return uuids


def _unfit(widths: set[int], width: int, *, auto: bool) -> BadRequest:
    if auto:
        return BadRequest("cannot create documents with embeddings in an auto-embedded collection")
    if 0 in widths:
        return BadRequest("bad request: cannot create documents without embeddings in a non-auto-embedded collection")
    given = ", ".join(map(str, sorted(widths - {width})))
    return BadRequest(f"failed to create documents: {WIDTH_MISMATCH}: {width}, not {given}")


async def by_uuid(store: Store, project: str, collection: str, uuids: Sequence[UUID]) -> list[Document]:
    """Return the documents that exist, in the order asked for. Raises NotFound if none does."""
    return _found(collection, await _fetch(store, "documents.by_uuid", project, collection, uuids))


async def by_document_id(store: Store, project: str, collection: str, document_ids: Sequence[str]) -> list[Document]:
    """Return the documents that exist, in the order asked for. Raises NotFound if none does."""
    return _found(collection, await _fetch(store, "documents.by_document_id", project, collection, document_ids))


async def every(store: Store, project: str, collection: str) -> list[Document]:
    """Return all documents, the newest first. Raises NotFound if there is none."""
    return _found(collection, await _fetch(store, "documents.matching", project, collection, None, None))


async def matching(
    store: Store, project: str, collection: str, where: dict[str, Any] | None, limit: int
) -> list[DocumentResult]:
    """Return documents whose metadata fulfil a filter, the newest first. Raises NotFound for the collection."""
    rows = await _fetch(store, "documents.matching", project, collection, where, limit)
    if not rows:
        raise missing(collection)
    return [DocumentResult(**_fields(row), score=0.0) for row in rows if row["uuid"] is not None]


async def nearest(
    store: Store,
    project: str,
    collection: str,
    query: NDArray[np.float32],
    *,
    model: int | None,
    where: dict[str, Any] | None,
    limit: int,
) -> Found:
    """Return the documents nearest to a vector, shape (width,). `model` made the vectors of automatic collections.

    Raises NotFound for the collection, BadRequest when its vectors have another width.
    """
    rows = await _fetch(
        store, "documents.nearest", project, collection, model, vector(query), len(query), where, limit, ROWS
    )
    if not rows:
        raise missing(collection)
    if rows[0]["fits"] is False:
        raise BadRequest(f"{WIDTH_MISMATCH}: {rows[0]['width']}, not {len(query)}")
    results = [DocumentResult(**_fields(row), score=1 - row["distance"] / 2) for row in rows if row["uuid"] is not None]
    return Found(results, rows[0]["many"])


async def lexical(
    store: Store,
    project: str,
    collection: str,
    words: Sequence[str],
    query: NDArray[np.float32],
    *,
    model: int | None,
    where: dict[str, Any] | None,
    language: str,
    limit: int,
) -> list[DocumentResult]:
    """Return the documents that hold any of the words, best first; `query` as in `nearest`, which checks its width."""
    rows = await _fetch(
        store,
        "documents.lexical",
        project,
        collection,
        *(model, where, language, " | ".join(words), vector(query), limit),
    )
    return [
        DocumentResult(**_fields(row), score=0.0 if row["distance"] is None else 1 - row["distance"] / 2)
        for row in rows
        if row["uuid"] is not None
    ]


async def patch(store: Store, project: str, collection: str, changes: Sequence[Change]) -> None:
    """Change each document by itself. Raises NotFound if none of them exists, AlreadyExists for a document_id."""
    columns = (
        [change.uuid for change in changes],
        [change.document_id for change in changes],
        [_json(change.metadata) for change in changes],
    )
    try:
        row = await store.database.row(
            "documents.patch", bucket_of(project, collection), project, collection, *columns, datetime.now(UTC)
        )
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists("failed to update documents: bad request: document_id already exists") from error
    if row is None:
        raise missing(collection)
    if not row["changed"]:
        raise NotFound("failed to update documents: documents not found")


async def delete(store: Store, project: str, collection: str, uuids: Sequence[UUID]) -> None:
    """Delete documents for good, vectors included. Raises NotFound if none of them exists."""
    (row,) = await _fetch(store, "documents.delete", project, collection, uuids) or [None]
    if row is None:
        raise missing(collection)
    if not row["gone"]:
        raise NotFound("failed to delete documents: documents not found")


async def texts(store: Store, jobs: Sequence[Job]) -> list[Text]:
    """Return the documents the jobs name, as far as they and their collections still exist."""
    named = [(job.bucket, job.about, item) for job in jobs for item in job.items]
    columns = [list(column) for column in zip(*named, strict=True)] or [[], [], []]
    return [Text(*row) for row in await store.database.fetch("documents.texts", *columns)]


async def put(store: Store, model: int, embedded: Sequence[Text], vectors: NDArray[np.float32]) -> None:
    """Store the vectors, shape (len(embedded), width), of documents that have not gone meanwhile."""
    *columns, _ = (list(column) for column in zip(*embedded, strict=True))
    await store.database.fetch("documents.put", *columns, [vector(row) for row in vectors], model)


async def enqueue_missing(store: Store, model: int) -> int:
    """Enqueue jobs for all documents to embed that have no vector of this model; return how many jobs that took."""
    jobs = 0
    for first in range(0, BUCKETS, BUCKETS_AT_ONCE):
        rows = await store.database.fetch("documents.enqueue_missing", model, first, first + BUCKETS_AT_ONCE - 1)
        jobs += len(rows)
    return jobs


async def drop_retired(store: Store, limit: int) -> int:
    """Remove a batch of vectors of models that search no longer uses; return how many."""
    return len(await store.database.fetch("documents.drop_retired", limit))


async def _fetch(store: Store, statement: str, project: str, collection: str, *arguments: object) -> list[Row]:
    return await store.database.fetch(statement, bucket_of(project, collection), project, collection, *arguments)


def _found(collection: str, rows: list[Row]) -> list[Document]:
    if not rows:
        raise missing(collection)
    if rows[0]["uuid"] is None:
        raise NotFound("failed to get documents: documents not found")
    return [Document(**_fields(row)) for row in rows]


def _fields(row: Row) -> dict[str, Any]:
    fields = {name: row[name] for name in Document.__struct_fields__ if name != "is_embedded"}
    # The text of a vector is a JSON array of the shortest numbers that read back as the same 32-bit floats.
    embedding = None if row["embedding"] is None else msgspec.Raw(row["embedding"].encode())
    return fields | {"embedding": embedding, "is_embedded": embedding is not None}


def _json(metadata: Metadata | None) -> str | None:
    return msgspec.json.encode(metadata).decode() if metadata else None
