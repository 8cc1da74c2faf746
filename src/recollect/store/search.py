"""Searching one session's messages, and the summaries of one or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from recollect.models import Message, Summary
from recollect.store import Store
from recollect.store.directory import Place
from recollect.store.vectors import from_halfvec, halfvec


class Found(NamedTuple):
    """A message and its cosine similarity with the query; shape of `vector`: (width,)."""

    message: Message
    similarity: float
    vector: NDArray[np.float32]


class FoundSummary(NamedTuple):
    """A summary, the session it is of, and its similarity and vector as with a message; 0 and None without a query."""

    summary: Summary
    session_id: str
    similarity: float = 0.0
    vector: NDArray[np.float32] | None = None


class Bounds(NamedTuple):
    """What a filter asks of a row, as the statements take it."""

    start_date: str | None
    end_date: str | None
    where: dict[str, Any] | None


async def nearest(
    store: Store, project: str, session_id: str, model: int, query: NDArray[np.float32], bounds: Bounds, limit: int
) -> list[Found]:
    """Return the live messages nearest to a unit vector, nearest first; exact. None for an unknown session."""
    vector = halfvec(query)

    async def run(place: Place) -> list[Any] | None:
        if any(bounds):
            return await store.database.fetch("search.nearest_matching", *place, model, vector, limit, *bounds) or None
        return await store.database.fetch("search.nearest", *place, model, vector, limit) or None

    rows = await store.directory.at(project, session_id, run) or []
    return [Found(Message(*row[:7]), row[7], from_halfvec(row[8])) for row in rows]


async def matching(store: Store, project: str, session_id: str, bounds: Bounds, limit: int) -> list[Message]:
    """Return the live messages that fulfil a filter, newest first."""

    async def run(place: Place) -> list[Any] | None:
        return await store.database.fetch("search.matching", *place, limit, *bounds) or None

    return [Message(*row) for row in await store.directory.at(project, session_id, run) or []]


async def summaries_nearest(
    store: Store,
    bucket: int,
    sessions: Sequence[UUID],
    model: int,
    query: NDArray[np.float32],
    bounds: Bounds,
    limit: int,
) -> list[FoundSummary]:
    """Return the summaries of live sessions nearest to a unit vector, nearest first; exact."""
    rows = await store.database.fetch(
        "search.summaries_nearest", bucket, sessions, model, halfvec(query), limit, *bounds
    )
    return [FoundSummary(Summary(*row[:6]), row[6], row[7], from_halfvec(row[8])) for row in rows]


async def summaries_matching(
    store: Store, bucket: int, sessions: Sequence[UUID], bounds: Bounds, limit: int
) -> list[FoundSummary]:
    """Return the summaries of live sessions that fulfil a filter, newest first."""
    rows = await store.database.fetch("search.summaries_matching", bucket, sessions, limit, *bounds)
    return [FoundSummary(Summary(*row[:6]), row[6]) for row in rows]
