"""Searching one session's messages."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recollect.models import Message
from recollect.store import Store
from recollect.store.directory import Place
from recollect.store.vectors import from_halfvec, halfvec


class Found(NamedTuple):
    """A message and its cosine similarity with the query; shape of `vector`: (width,)."""

    message: Message
    similarity: float
    vector: NDArray[np.float32]


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
