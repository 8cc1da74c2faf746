"""Erasure: what a deleted session held leaves the disk, in bounded batches."""

from __future__ import annotations

from uuid import UUID

from recollect.store import Store

BATCH = 1000


async def erase(store: Store, bucket: int, session: UUID, *, most: int | None = None) -> int:
    """Remove everything a session that is gone held, or about so many rows; return how many went."""
    await store.database.fetch("erasures.rest", bucket, session)
    return await _remove(store, bucket, session, most)


async def erase_cleared(store: Store, bucket: int, session: UUID) -> None:
    """Remove what a living session held before it was deleted and came back."""
    await _remove(store, bucket, session, None)


async def _remove(store: Store, bucket: int, session: UUID, most: int | None) -> int:
    removed = 0
    # Texts before vectors: a vector is only ever added to a text that is there.
    for statement in (
        "erasures.messages",
        "erasures.embeddings",
        "erasures.summaries",
        "erasures.summary_embeddings",
    ):
        batch = BATCH
        while batch == BATCH and (most is None or removed < most):
            batch = len(await store.database.fetch(statement, bucket, session, BATCH))
            removed += batch
    return removed
