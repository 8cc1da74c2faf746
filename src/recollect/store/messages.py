"""Messages: added with their session, read as memory or page by page, changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from recollect.errors import DatabaseUnavailable, NotFound
from recollect.models import NO_SUMMARY, Memory, Message, Metadata
from recollect.store import Store, sessions
from recollect.store.directory import Place
from recollect.store.keys import bucket_of, new_key

NO_SUMMARY_JSON = msgspec.json.encode(NO_SUMMARY).decode()
NO_MEMORY_JSON = msgspec.json.encode(Memory([]))

ATTEMPTS = 10
"""A place can prove wrong more than once: purged, created by another, purged again."""


class NewMessage(NamedTuple):
    """A message as it is added. `created_at` None: now."""

    uuid: UUID
    role: str
    content: str
    metadata: Metadata | None
    token_count: int
    created_at: datetime | None


async def add(
    store: Store, project: str, session_id: str, messages: Sequence[NewMessage], *, jobs: Sequence[str], language: str
) -> Place:
    """Store messages in order, in one statement; create the session or bring it back. Returns where it lies."""
    batch = _columns(messages)
    place = store.directory.remembered(project, session_id)
    for _ in range(ATTEMPTS):
        bucket = bucket_of(project, session_id)
        target = place or Place(bucket, new_key(bucket))
        name = None if place else session_id
        row = await store.adds.run(*target, project, name, datetime.now(UTC), *batch, jobs, language)
        if row["key"] is not None:
            store.directory.remember(project, session_id, target)
            return target
        place = await store.directory.look_up(project, session_id)
        if place == target and await sessions.unname_orphan(store, project, session_id):
            place = None
    raise DatabaseUnavailable(f"The session {session_id} keeps moving; try again.")


def _columns(messages: Sequence[NewMessage]) -> tuple[list[object], ...]:
    """Turn messages into one array per column, as the statement unnests them."""
    return (
        [m.uuid for m in messages],
        [m.role for m in messages],
        [m.content for m in messages],
        [None if m.metadata is None else msgspec.json.encode(m.metadata).decode() for m in messages],
        [m.token_count for m in messages],
        [None if m.created_at is None else m.created_at.isoformat() for m in messages],
    )


async def memory(store: Store, project: str, session_id: str, *, last: int, window: int) -> bytes:
    """Return the newest summary and the messages after it, or the last ones, as a Memory in JSON."""
    row = await store.directory.at(
        project, session_id, lambda place: store.database.row("messages.memory", *place, last, window, NO_SUMMARY_JSON)
    )
    return NO_MEMORY_JSON if row is None else bytes(row[0])


async def page(
    store: Store, project: str, session_id: str, *, limit: int | None, offset: int
) -> tuple[msgspec.Raw, int, int]:
    """Return one page of messages, oldest first, as a JSON list; how many are on it; how many there are in all.

    An unknown session has none; nor are they counted past the end.
    """
    row = await store.directory.at(
        project, session_id, lambda place: store.database.row("messages.page", *place, limit, offset)
    )
    return (msgspec.Raw(b"[]"), 0, 0) if row is None else (msgspec.Raw(row[0]), row[1], row[2])


async def get(store: Store, project: str, session_id: str, uuid: UUID) -> Message:
    """Return a message of this session. Raises NotFound."""
    row = await store.directory.at(project, session_id, lambda place: store.database.row("messages.get", *place, uuid))
    if row is None:
        raise NotFound
    return Message(*row)


async def patch(
    store: Store, project: str, session_id: str, uuid: UUID, *, metadata: Metadata | None, token_count: int | None
) -> Message:
    """Merge metadata into a message and set its token count, where given. Raises NotFound."""
    now = datetime.now(UTC)
    row = await store.directory.at(
        project,
        session_id,
        lambda place: store.database.row("messages.patch", *place, uuid, metadata, token_count, now),
    )
    if row is None:
        raise NotFound
    return Message(*row)
