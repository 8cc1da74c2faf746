"""Sessions: created, read, changed, listed, deleted, purged."""

from __future__ import annotations

from datetime import UTC, datetime

from recollect.errors import AlreadyExists, BadRequest, NotFound
from recollect.models import Metadata, Session
from recollect.store import Store
from recollect.store.database import Row
from recollect.store.directory import Place
from recollect.store.keys import bucket_of, new_key

PURGE_BATCH = 1000


async def create(
    store: Store, project: str, session_id: str, *, user_id: str | None = None, metadata: Metadata | None = None
) -> Session:
    """Create a session. Raises AlreadyExists (also for a deleted one's name), BadRequest for an unknown user."""
    name_bucket = bucket_of(project, session_id)
    bucket = name_bucket if user_id is None else bucket_of(project, user_id)
    key = new_key(bucket)
    for _ in range(2):
        row = await store.database.row(
            "sessions.create", bucket, project, name_bucket, session_id, key, user_id, metadata, datetime.now(UTC)
        )
        assert row is not None
        if row["key"] is not None:
            store.directory.remember(project, session_id, Place(bucket, key))
            return _session(row[1:])
        if user_id is not None and not row["owned"]:
            raise BadRequest(f"bad request: user does not exist with user_id: {user_id}")
        if not await unname_orphan(store, project, session_id):
            break
    raise AlreadyExists(f"bad request: session already exists with session_id: {session_id}")


async def get(store: Store, project: str, session_id: str) -> Session:
    """Return a live session. Raises NotFound."""
    row = await store.directory.at(project, session_id, lambda place: store.database.row("sessions.get", *place))
    return _found(row)


async def patch(store: Store, project: str, session_id: str, metadata: Metadata | None) -> Session:
    """Merge metadata; bring a deleted session back. Raises NotFound."""
    now = datetime.now(UTC)
    row = await store.directory.at(
        project, session_id, lambda place: store.database.row("sessions.patch", *place, metadata, now)
    )
    return _found(row)


async def delete(store: Store, project: str, session_id: str) -> None:
    """Delete a session and all it holds. Raises NotFound, also for one that is deleted already."""
    now = datetime.now(UTC)
    row = await store.directory.at(
        project, session_id, lambda place: store.database.row("sessions.delete", *place, now)
    )
    if row is None:
        raise NotFound


async def all_after(store: Store, project: str, cursor: int, limit: int | None) -> bytes:
    """Return live sessions with an id above the cursor, in the order of ids, as JSON."""
    row = await store.database.row("sessions.list", project, cursor, limit)
    assert row is not None
    return bytes(row[0])


async def of_user(store: Store, project: str, user_id: str) -> bytes:
    """Return a user's live sessions in the order of ids, as JSON; none for an unknown user."""
    row = await store.database.row("sessions.list_of_user", bucket_of(project, user_id), project, user_id)
    assert row is not None
    return bytes(row[0])


async def unname_orphan(store: Store, project: str, session_id: str) -> bool:
    """Remove a name whose session does not exist; tell whether there was one."""
    row = await store.database.row("sessions.unname_orphan", bucket_of(project, session_id), project, session_id)
    return row is not None


async def purge(store: Store) -> tuple[int, int]:
    """Remove deleted sessions for good and leave jobs for what they held.

    Returns how many sessions went, and how many revived ones had messages to lose.
    """
    gone = cleared = 0
    while True:
        row = await store.database.row("sessions.purge", PURGE_BATCH)
        assert row is not None
        gone += row["gone"]
        cleared += row["cleared"]
        if row["gone"] + row["cleared"] < PURGE_BATCH:
            return gone, cleared


def _found(row: Row | None) -> Session:
    if row is None:
        raise NotFound
    return _session(row)


def _session(row: Row) -> Session:
    return Session(*row)
