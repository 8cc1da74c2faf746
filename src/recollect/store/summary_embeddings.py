"""Vectors of summaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from recollect.store import Store
from recollect.store.embeddings import BUCKETS_AT_ONCE
from recollect.store.jobs import Job
from recollect.store.keys import BUCKETS
from recollect.store.vectors import halfvec


class Text(NamedTuple):
    """A summary to embed."""

    bucket: int
    session_key: UUID
    seq: int
    project_id: str
    content: str


async def texts(store: Store, jobs: Sequence[Job]) -> list[Text]:
    """Return the summaries the jobs name, as far as their sessions live."""
    named = [(job.bucket, job.about, item) for job in jobs for item in job.items]
    columns = [list(column) for column in zip(*named, strict=True)] or [[], [], []]
    return [Text(*row) for row in await store.database.fetch("summary_embeddings.texts", *columns)]


async def put(store: Store, model: int, embedded: Sequence[Text], vectors: NDArray[np.float32]) -> None:
    """Store the vectors, shape (len(embedded), width), of summaries that have not gone meanwhile."""
    columns = list(zip(*embedded, strict=True))[:-1]
    await store.database.fetch("summary_embeddings.put", *columns, [halfvec(row) for row in vectors], model)


async def enqueue_missing(store: Store, model: int) -> int:
    """Enqueue a `reembed_summaries` job for all summaries without a vector of this model; return how many jobs."""
    jobs = 0
    for first in range(0, BUCKETS, BUCKETS_AT_ONCE):
        last = first + BUCKETS_AT_ONCE - 1
        jobs += len(await store.database.fetch("summary_embeddings.enqueue_missing", model, first, last))
    return jobs


async def drop_retired(store: Store, limit: int) -> int:
    """Remove a batch of vectors of models that search no longer uses; return how many."""
    return len(await store.database.fetch("summary_embeddings.drop_retired", limit))
