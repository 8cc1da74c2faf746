"""Vectors of messages, and the models they were made with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from recollect.models import EmbeddingModel
from recollect.store import Store
from recollect.store.jobs import Job
from recollect.store.keys import BUCKETS
from recollect.store.vectors import halfvec

BUCKETS_AT_ONCE = 64


class Registered(NamedTuple):
    """A model the database knows. `state` is filling, active or retired."""

    id: int
    model: EmbeddingModel
    state: str


class Text(NamedTuple):
    """A message to embed."""

    bucket: int
    session_key: UUID
    seq: int
    project_id: str
    user_key: UUID | None
    content: str


async def models(store: Store) -> list[Registered]:
    """Return the known models."""
    rows = await store.database.fetch("embeddings.models")
    return [Registered(row["id"], EmbeddingModel(*row[1:4]), row["state"]) for row in rows]


async def register(store: Store, model: EmbeddingModel) -> None:
    """Make a model known: active when there is none yet, else to be filled first; a retired one is filled again."""
    async with store.database.transaction() as connection:
        await connection.fetch("embeddings.lock_models")
        await connection.fetch("embeddings.register_model", model.provider, model.name, model.width)


async def texts(store: Store, jobs: Sequence[Job]) -> list[Text]:
    """Return the messages the jobs name, as far as they still live."""
    named = [(job.bucket, job.about, item) for job in jobs for item in job.items]
    columns = [list(column) for column in zip(*named, strict=True)] or [[], [], []]
    return [Text(*row) for row in await store.database.fetch("embeddings.texts", *columns)]


async def put(store: Store, model: int, embedded: Sequence[Text], vectors: NDArray[np.float32]) -> None:
    """Store the vectors, shape (len(embedded), width), of messages that have not changed or gone meanwhile."""
    columns: list[list[Any]] = [list(column) for column in zip(*embedded, strict=True)]
    contents = columns.pop()
    await store.database.fetch("embeddings.put", *columns, [halfvec(row) for row in vectors], model, contents)


async def enqueue_missing(store: Store, model: int) -> int:
    """Enqueue a `reembed` job for all live messages without a vector of this model; return how many jobs that took."""
    jobs = 0
    for first in range(0, BUCKETS, BUCKETS_AT_ONCE):
        rows = await store.database.fetch("embeddings.enqueue_missing", model, first, first + BUCKETS_AT_ONCE - 1)
        jobs += len(rows)
    return jobs


async def progress(store: Store, model: int) -> tuple[int, int]:
    """Return how many live messages, summaries and documents have a vector of this model, and how many there are."""
    row = await store.database.row("embeddings.progress", model)
    assert row is not None
    return row["embedded"], row["texts"]


async def complete(store: Store, model: int) -> bool:
    """Tell whether a model has a vector of every live message, summary and document that no job is going to embed."""
    return bool((await store.database.fetch("embeddings.complete", model))[0]["complete"])


async def activate(store: Store, model: int) -> bool:
    """Let search use this model from now on, if no message lacks its vector; tell whether it does."""
    async with store.database.transaction() as connection:
        await connection.fetch("embeddings.lock_models")
        if not (await connection.fetch("embeddings.complete", model))[0]["complete"]:
            return False
        await connection.fetch("embeddings.retire_others", model)
        await connection.fetch("embeddings.activate", model)
    return True


async def drop_retired(store: Store, limit: int) -> int:
    """Remove a batch of vectors of models that search no longer uses; return how many."""
    return len(await store.database.fetch("embeddings.drop_retired", limit))
