"""The queue's rows: claimed under a lease, finished, put off, failed, shown, run again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from recollect.errors import NotFound
from recollect.models import JobState
from recollect.store import Store
from recollect.store.directory import Place
from recollect.store.keys import bucket_in

MAX_ERROR = 2000
"""Characters kept of a job's error."""


class Job(NamedTuple):
    """One leased job: what is to be done about which session or collection, and for which items of it."""

    bucket: int
    id: UUID
    project_id: str
    kind: str
    about: UUID
    items: list[UUID]
    attempts: int


class Overview(NamedTuple):
    """The jobs of one kind, in numbers."""

    kind: str
    waiting: int
    failed: int
    oldest_seconds: float


async def claim(store: Store, kind: str, worker: UUID, *, most: int, items: int, lease: float) -> list[Job]:
    """Lease the oldest due jobs of a kind for so many seconds, no more than hold so many items (but at least one).

    A job whose lease ran out is taken alone.
    """
    rows = await store.database.fetch("jobs.claim", kind, most, items, worker, lease)
    return [Job(*row) for row in rows]


async def finish(store: Store, jobs: Sequence[Job], worker: UUID) -> None:
    """Remove jobs that are done, unless their lease ran out and somebody else has them."""
    await store.database.fetch("jobs.finish", [job.bucket for job in jobs], [job.id for job in jobs], worker)


async def postpone(store: Store, job: Job, worker: UUID, *, seconds: float, error: str, forgiven: bool) -> None:
    """Make a job due again later; a forgiven attempt does not count."""
    await store.database.fetch("jobs.postpone", job.bucket, job.id, worker, seconds, error[:MAX_ERROR], forgiven)


async def fail(store: Store, job: Job, worker: UUID, error: str) -> None:
    """Keep a job for a person to look at."""
    await store.database.fetch("jobs.fail", job.bucket, job.id, worker, error[:MAX_ERROR])


async def release(store: Store, workers: Sequence[UUID]) -> None:
    """Give back everything that workers have leased."""
    await store.database.fetch("jobs.release", workers)


async def listed(
    store: Store, project: str, *, state: str | None, kind: str | None, after: UUID | None, limit: int
) -> list[JobState]:
    """Return jobs in the order they were enqueued."""
    rows = await store.database.fetch("jobs.list", project, state, kind, after, limit)
    return [JobState(*row) for row in rows]


async def retry(store: Store, project: str, job: UUID) -> str:
    """Make a failed job due, with all its attempts before it; return its kind. Raises NotFound."""
    row = await store.database.row("jobs.retry", bucket_in(job), job, project)
    if row is None:
        raise NotFound
    return str(row["kind"])


async def retry_failed(store: Store, project: str) -> int:
    """Make all failed jobs due; return how many."""
    return len(await store.database.fetch("jobs.retry_failed", project))


async def pending(store: Store, place: Place, kind: str, items: Sequence[UUID]) -> bool:
    """Tell whether any of these items still waits for a job of this kind."""
    row = await store.database.row("jobs.pending", *place, kind, items)
    return row is not None and bool(row["pending"])


async def overview(store: Store) -> list[Overview]:
    """Count the jobs by kind."""
    return [Overview(*row) for row in await store.database.fetch("jobs.overview")]


async def announce(store: Store) -> None:
    """Wake the workers of all processes."""
    await store.database.fetch("jobs.announce")
