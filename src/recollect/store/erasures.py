"""Erasure: what a deleted session held leaves the disk, in bounded batches."""

from __future__ import annotations

from uuid import UUID

from recollect.store import Store

BATCH = 1000


async def erase(store: Store, bucket: int, session: UUID, *, most: int | None = None) -> int:
    """Remove everything a session that is gone held, or about so many rows; return how many went."""
    await store.database.fetch("erasures.rest", bucket, session)
    return await _remove(store, bucket, session, None, most)


async def erase_cleared(store: Store, bucket: int, session: UUID) -> None:
    """Remove what a living session held before it was deleted and came back."""
    row = await store.database.row("erasures.mark", bucket, session)
    if row is not None:  # else the session is gone, with a job of its own
        await _remove(store, bucket, session, row["cleared_seq"], None)


async def _remove(store: Store, bucket: int, session: UUID, mark: int | None, most: int | None) -> int:
    removed = 0
    # Messages first: a vector is only ever added to a message that is there.
    for statement in ("erasures.messages", "erasures.embeddings", "erasures.summaries"):
        batch = BATCH
        while batch == BATCH and (most is None or removed < most):
            batch = len(await store.database.fetch(statement, bucket, session, mark, BATCH))
            removed += batch
    return removed
