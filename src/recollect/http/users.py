"""Those whose sessions belong together."""

from __future__ import annotations

from typing import Any

import msgspec

from recollect.decoding import checked_id
from recollect.errors import BadRequest
from recollect.http.request import OK, Id, Request, Response, json, merged
from recollect.store import erasures, users
from recollect.store.keys import bucket_of

ERASED_AT_ONCE = 10_000
"""Rows removed before the answer; the rest is invisible at once, too, and removed by jobs."""


class NewUser(msgspec.Struct):
    """A user to create."""

    user_id: Id = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    metadata: dict[str, Any] | None = None


class UserPatch(msgspec.Struct):
    """What changes of a user: empty fields keep the old value, metadata is merged."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    metadata: dict[str, Any] | None = None


async def create(request: Request) -> Response:
    """Create a user."""
    body = request.decode(NewUser)
    if not body.user_id:
        raise BadRequest("bad request: UserID cannot be empty")
    user = await users.create(
        request.services.store,
        request.project,
        checked_id(body.user_id, "user_id"),
        email=body.email or "",
        first_name=body.first_name or "",
        last_name=body.last_name or "",
        metadata=body.metadata,
    )
    return json(user, 201)


async def get(request: Request) -> Response:
    """Return a user."""
    return json(await users.get(request.services.store, request.project, request.name()))


async def list_all(request: Request) -> Response:
    """List users by ascending id."""
    limit = request.integer("limit")
    return json(
        await users.all_after(
            request.services.store, request.project, request.integer("cursor"), limit if limit > 0 else None
        )
    )


async def patch(request: Request) -> Response:
    """Change a user's fields and merge metadata."""
    body = request.decode(UserPatch)
    user = await users.patch(
        request.services.store,
        request.project,
        request.name(),
        email=body.email or "",
        first_name=body.first_name or "",
        last_name=body.last_name or "",
        metadata=merged(body.metadata, privileged=True),
    )
    return json(user)


async def delete(request: Request) -> Response:
    """Delete a user with all sessions and messages, at once and for good."""
    store, user_id = request.services.store, request.name()
    left = ERASED_AT_ONCE
    for key in await users.delete(store, request.project, user_id):
        if left > 0:
            left -= await erasures.erase(store, bucket_of(request.project, user_id), key, most=left)
    request.services.wake("erase")
    return OK
