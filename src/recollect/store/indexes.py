"""Indexes that few need, built beside the traffic when they are: of large collections, and of all messages' words.

Those of collections are approximate, one for each; they are measured, and dropped with the collection.

The statements' texts come from the database's own format(), out of integers and the collection's key: nothing that
defines an index can be a parameter.
"""

from __future__ import annotations

from statistics import fmean
from uuid import UUID

from recollect.store import Store
from recollect.store.database import run_alone
from recollect.store.keys import bucket_in, bucket_of

ROWS = 10_000
"""Above so many vectors a collection is worth an index: below, looking at all of them takes a few milliseconds."""

MAX_WIDTH = 2000
"""The widest vectors that pgvector indexes."""

BUILD_SECONDS = 3600
BUILD_SETTINGS = {
    "statement_timeout": f"{BUILD_SECONDS}s",
    "maintenance_work_mem": "256MB",  # a graph that does not fit is built many times slower
    "max_parallel_maintenance_workers": "0",  # they need more shared memory than containers give, and every core
}

NEIGHBOURS = 10


async def request(store: Store, project: str, name: str) -> bool:
    """Enqueue the building of a collection's index, unless that was done before; tell whether it was now."""
    return await store.database.row("indexes.request", bucket_of(project, name), project, name) is not None


async def build(store: Store, bucket: int, key: UUID, *, above: int = ROWS) -> None:
    """Index the vectors a collection is searched by, if there are more than so many; drop its other indexes."""
    wanted = await store.database.row("indexes.wanted", bucket, key, above)
    if wanted is None:
        await drop(store, key)
        return
    if not wanted["many"] or wanted["width"] > MAX_WIDTH:
        return
    model, width = wanted["model"], wanted["width"]
    name = f"{_prefix(key)}{model}"
    await drop(store, key, keep=name)
    create = await store.database.row("indexes.create", bucket, key, model, width, name)
    assert create is not None
    await run_alone(store.database.dsn, [create["text"]], BUILD_SETTINGS)
    if await store.database.row("indexes.finished", bucket, key, model) is None:
        await drop(store, key)  # the collection went meanwhile


async def drop(store: Store, key: UUID, *, keep: str = "") -> None:
    """Drop a collection's indexes but one, and that one too if its building was cut short."""
    texts = [row["text"] for row in await store.database.fetch("indexes.drop", _prefix(key), keep)]
    if texts:
        await run_alone(store.database.dsn, texts, BUILD_SETTINGS)


async def measured_recall(store: Store, key: UUID, *, samples: int = 20) -> float | None:
    """Return the share of the exact 10 nearest neighbours that a collection's index finds; None without an index.

    The mean over some of the collection's own vectors.
    """
    bucket = bucket_in(key)
    wanted = await store.database.row("indexes.wanted", bucket, key, ROWS)
    if wanted is None or not wanted["indexed"]:
        return None
    model = wanted["model"]
    probes = [row["uuid"] for row in await store.database.fetch("indexes.sample", bucket, key, model, samples)]
    rows = [
        await store.database.row("indexes.recall", bucket, key, model, wanted["width"], probe, NEIGHBOURS)
        for probe in probes
    ]
    shares = [row["recall"] for row in rows if row is not None and row["recall"] is not None]
    return fmean(shares) if shares else None


async def has_words(store: Store) -> bool:
    """Tell whether messages can be found by their words without looking at all of a user's."""
    row = await store.database.row("indexes.words")
    return row is not None and bool(row["indexed"])


async def request_words(store: Store, project: str, bucket: int) -> None:
    """Enqueue the indexing of messages by their words, unless that was done before."""
    await store.database.fetch("indexes.request_words", bucket, project)


async def build_words(store: Store) -> None:
    """Index messages by their words."""
    if not await has_words(store):
        texts = [row["text"] for row in await store.database.fetch("indexes.create_words")]
        await run_alone(store.database.dsn, texts, BUILD_SETTINGS)


def _prefix(key: UUID) -> str:
    return f"documents_hnsw_{key.hex}_"
