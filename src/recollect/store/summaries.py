"""Summaries: what is to be summarised, what was, and which sessions wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from recollect.models import Summary
from recollect.store import Store
from recollect.store.database import Row
from recollect.store.directory import Place
from recollect.store.jobs import Job
from recollect.store.scope import Scope, parts


class Point(NamedTuple):
    """How far a session is summarised and cleared, as seqs, and what its newest summary says; '' when it has none."""

    summarised: int
    cleared: int
    content: str


class Waiting(NamedTuple):
    """A message that no summary covers yet."""

    seq: int
    uuid: UUID
    bytes: int
    beginning: str

    @property
    def is_blank(self) -> bool:
        """Whether it holds nothing but white space; long ones are not looked through."""
        return not self.beginning.strip() and self.bytes == len(self.beginning.encode())


class NewSummary(NamedTuple):
    """A summary as it is stored: up to which message, and what it says."""

    seq: int
    recent_message_uuid: UUID
    content: str
    token_count: int


class Missing(NamedTuple):
    """What waits to be summarised. Messages and tokens count what would stay in the windows, too."""

    sessions: int
    messages: int
    tokens: int


async def look(store: Store, jobs: Sequence[Job], window: int) -> list[Place]:
    """Return the sessions of `summarise` jobs that may have something to summarise and that nobody else is at."""
    columns = [job.bucket for job in jobs], [job.id for job in jobs], [job.about for job in jobs]
    return [Place(*row) for row in await store.database.fetch("summaries.look", *columns, window)]


async def point(store: Store, place: Place) -> Point | None:
    """Return how far a session is summarised; None when it is gone."""
    row = await store.database.row("summaries.point", *place)
    return None if row is None else Point(*row)


async def backlog(store: Store, place: Place, after: int, limit: int) -> list[Waiting]:
    """Return the oldest messages after a seq."""
    return [Waiting(*row) for row in await store.database.fetch("summaries.backlog", *place, after, limit)]


async def lines(store: Store, place: Place, after: int, last: int) -> list[tuple[str, str]]:
    """Return role and content of the messages after one seq and up to another."""
    return [(row[0], row[1]) for row in await store.database.fetch("summaries.lines", *place, after, last)]


async def put(store: Store, place: Place, since: Point, summary: NewSummary, jobs: Sequence[str]) -> bool:
    """Store a summary and enqueue jobs; tell whether it was: not if the session has changed since it was read."""
    row = await store.database.row(
        "summaries.put", *place, since.cleared, since.summarised, *summary, datetime.now(UTC), jobs
    )
    return row is not None


async def listed(store: Store, project: str, session_id: str, *, after: UUID | None, limit: int) -> list[Summary]:
    """Return the summaries of a session, oldest first; none for an unknown session."""

    async def rows_at(place: Place) -> list[Row] | None:
        return await store.database.fetch("summaries.list", *place, after, limit) or None

    rows = await store.directory.at(project, session_id, rows_at) or []
    return [Summary(*row) for row in rows if row["uuid"]]


async def missing(store: Store, scope: Scope, *, window: int) -> Missing:
    """Measure what `enqueue_missing` would enqueue jobs for."""
    total = Missing(0, 0, 0)
    for part in await parts(store, scope):
        row = await store.database.row("summaries.missing", *part, window)
        assert row is not None
        total = Missing(*(one + other for one, other in zip(total, row, strict=True)))
    return total


async def enqueue_missing(store: Store, scope: Scope, *, window: int) -> int:
    """Enqueue a `summarise` job for each session that may need one and has none; return how many."""
    jobs = 0
    for part in await parts(store, scope):
        jobs += len(await store.database.fetch("summaries.enqueue_missing", *part, window))
    return jobs
