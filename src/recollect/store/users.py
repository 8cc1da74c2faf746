"""Users: created, read, changed, listed, deleted with all their sessions."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from recollect.errors import AlreadyExists, NotFound
from recollect.models import Metadata, User
from recollect.store import Store
from recollect.store.keys import bucket_of, new_key


async def create(
    store: Store, project: str, user_id: str, *, email: str, first_name: str, last_name: str, metadata: Metadata | None
) -> User:
    """Create a user. Raises AlreadyExists."""
    bucket = bucket_of(project, user_id)
    row = await store.database.row(
        "users.create",
        *(bucket, new_key(bucket), project, user_id, email, first_name, last_name, metadata, datetime.now(UTC)),
    )
    if row is None:
        raise AlreadyExists(f"bad request: user already exists with user_id: {user_id}")
    return User(*row)


async def get(store: Store, project: str, user_id: str) -> User:
    """Return a user. Raises NotFound."""
    row = await store.database.row("users.get", bucket_of(project, user_id), project, user_id)
    if row is None:
        raise NotFound
    return User(*row)


async def all_after(store: Store, project: str, cursor: int, limit: int | None) -> list[User]:
    """Return users with an id above the cursor, in the order of ids."""
    return [User(*row) for row in await store.database.fetch("users.list", project, cursor, limit)]


async def patch(
    store: Store, project: str, user_id: str, *, email: str, first_name: str, last_name: str, metadata: Metadata | None
) -> User:
    """Change what is not empty and merge metadata. Raises NotFound."""
    row = await store.database.row(
        "users.patch",
        *(bucket_of(project, user_id), project, user_id, email, first_name, last_name, metadata, datetime.now(UTC)),
    )
    if row is None:
        raise NotFound
    return User(*row)


async def delete(store: Store, project: str, user_id: str) -> list[UUID]:
    """Delete a user and its sessions; return their keys, whose contents await erasure. Raises NotFound."""
    bucket = bucket_of(project, user_id)
    async with store.database.transaction() as connection:
        owner = await connection.row("users.lock", bucket, project, user_id)
        if owner is None:
            raise NotFound
        rows = await connection.fetch("users.delete", bucket, owner["key"])
    return [row["about"] for row in rows]
