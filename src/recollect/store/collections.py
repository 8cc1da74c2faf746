"""Collections of documents: created, read, listed, changed, deleted, erased."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from recollect.errors import AlreadyExists, NotFound
from recollect.models import Collection, Metadata
from recollect.store import Store
from recollect.store.database import Row
from recollect.store.keys import bucket_of, new_key

ERASE_BATCH = 1000


def missing(name: str) -> NotFound:
    """Return the error for a collection that does not exist."""
    return NotFound(f"collection: {name} not found")


async def create(
    store: Store, project: str, name: str, *, description: str, metadata: Metadata | None, width: int, auto: bool
) -> None:
    """Create a collection, empty. Raises AlreadyExists."""
    bucket = bucket_of(project, name)
    row = await store.database.row(
        "collections.create",
        bucket,
        new_key(bucket),
        project,
        name,
        description,
        metadata,
        width,
        auto,
        datetime.now(UTC),
    )
    if row is None:
        raise AlreadyExists(f"failed to create collection: bad request: collection already exists: {name}")


async def get(store: Store, project: str, name: str) -> Collection:
    """Return a collection with its counts. Raises NotFound."""
    row = await store.database.row("collections.get", bucket_of(project, name), project, name)
    if row is None:
        raise missing(name)
    return _collection(row)


async def all_of(store: Store, project: str) -> list[Collection]:
    """Return all collections, the oldest first."""
    return [_collection(row) for row in await store.database.fetch("collections.list", project)]


async def patch(store: Store, project: str, name: str, description: str | None, metadata: Metadata | None) -> None:
    """Replace what is given. Raises NotFound."""
    row = await store.database.row(
        "collections.patch", bucket_of(project, name), project, name, description, metadata, datetime.now(UTC)
    )
    if row is None:
        raise missing(name)


async def delete(store: Store, project: str, name: str) -> None:
    """Delete a collection: its documents can't be reached any more, and are left to a job. Raises NotFound."""
    row = await store.database.row("collections.delete", bucket_of(project, name), project, name)
    if row is None:
        raise missing(name)


async def erase(store: Store, bucket: int, key: UUID) -> None:
    """Remove the documents and jobs of a collection that is gone, in bounded batches."""
    await store.database.fetch("collections.forget_jobs", bucket, key)
    while len(await store.database.fetch("collections.erase", bucket, key, ERASE_BATCH)) == ERASE_BATCH:
        pass


def _collection(row: Row) -> Collection:
    return Collection(
        uuid=row["key"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        name=row["name"],
        description=row["description"],
        embedding_dimensions=row["width"],
        is_auto_embedded=row["is_auto_embedded"],
        is_normalized=False,
        is_indexed=True,  # clients wait for it; search is right either way
        document_count=row["documents"],
        document_embedded_count=row["embedded"],
        metadata=row["metadata"],
    )
