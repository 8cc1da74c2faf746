"""The queue's rows."""

from __future__ import annotations

from typing import NamedTuple

from recollect.store import Store


class Overview(NamedTuple):
    """The jobs of one kind, in numbers."""

    kind: str
    waiting: int
    failed: int
    oldest_seconds: float


async def overview(store: Store) -> list[Overview]:
    """Count the jobs by kind."""
    return [Overview(*row) for row in await store.database.fetch("jobs.overview")]
