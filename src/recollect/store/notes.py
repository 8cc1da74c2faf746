"""What is noted about messages and summaries in their metadata, under `system`: entities and intents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from recollect.store import Store
from recollect.store.jobs import Job
from recollect.store.scope import Scope, parts

PREFIX = 65_536
"""Characters of a message that are looked at."""

Kind = Literal["entities", "intents"]


class Text(NamedTuple):
    """A message to annotate. `created_at` is in seconds since 1970; `names` are those of who takes part.

    `is_settled` tells that it has entities which rules cannot better.
    """

    bucket: int
    session_key: UUID
    seq: int
    content: str
    created_at: float
    is_settled: bool
    names: list[str]


class SummaryText(NamedTuple):
    """A summary to annotate."""

    bucket: int
    session_key: UUID
    seq: int
    content: str


class Missing(NamedTuple):
    """Messages that lack annotations: jobs for them, how many they are, their tokens, and calls of a model."""

    jobs: int = 0
    messages: int = 0
    tokens: int = 0
    calls: int = 0


async def messages(store: Store, jobs: Sequence[Job], kind: Kind) -> list[Text]:
    """Return the messages the jobs name, as far as they live and no model has annotated them."""
    rows = await store.database.fetch("notes.messages", *_named(jobs), kind, PREFIX)
    return [Text(*row) for row in rows]


async def put(store: Store, kind: Kind, annotated: Sequence[tuple[Text, object]], *, by_model: bool) -> None:
    """Note what was found under `system`, for messages that have not changed or gone meanwhile."""
    if annotated:
        keys = [list(column) for column in zip(*(text[:4] for text, _ in annotated), strict=True)]
        noted = [_in_system(note) for _, note in annotated]
        looked = by_model and kind == "entities", by_model and kind == "intents"
        await store.database.fetch("notes.put", *keys, datetime.now(UTC), noted, *looked, PREFIX)


async def summaries(store: Store, jobs: Sequence[Job]) -> list[SummaryText]:
    """Return the summaries the jobs name, as far as they live."""
    return [SummaryText(*row) for row in await store.database.fetch("notes.summaries", *_named(jobs))]


async def put_summaries(store: Store, annotated: Sequence[tuple[SummaryText, object]]) -> None:
    """Note what was found under `system` of summaries that have not gone meanwhile."""
    if annotated:
        keys = [list(column) for column in zip(*(text[:3] for text, _ in annotated), strict=True)]
        await store.database.fetch("notes.put_summaries", *keys, [_in_system(note) for _, note in annotated])


async def enqueue_missing(
    store: Store, scope: Scope, kind: Kind, *, by_model: bool, most: int, room: int, dry: bool = False
) -> Missing:
    """Enqueue jobs for messages that lack annotations and have none, or only count them.

    A call is taken to hold `most` messages and `room` tokens. Entities found by rules do not count `by_model`.
    """
    total = Missing()
    for part in await parts(store, scope):
        row = await store.database.row("notes.enqueue_missing", *part, kind, by_model, most, room, not dry)
        assert row is not None
        total = Missing(*(one + other for one, other in zip(total, row, strict=True)))
    return total


def _named(jobs: Sequence[Job]) -> list[list[object]]:
    named = [(job.bucket, job.about, item) for job in jobs for item in job.items]
    return [list(column) for column in zip(*named, strict=True)] or [[], [], []]


def _in_system(note: object) -> str:
    return msgspec.json.encode({"system": note}).decode()
