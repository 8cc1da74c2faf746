"""Conversations, each of a user or of nobody."""

from __future__ import annotations

from typing import Any

import msgspec

from recollect.decoding import checked_id
from recollect.http.request import Id, Request, Response, as_it_is, json, merged
from recollect.store import sessions


class NewSession(msgspec.Struct):
    """A session to create."""

    session_id: Id = None
    user_id: str | None = None
    metadata: dict[str, Any] | None = None


class SessionPatch(msgspec.Struct):
    """What changes of a session: metadata is merged, everything else stays."""

    metadata: dict[str, Any] | None = None


async def create(request: Request) -> Response:
    """Create a session, for a user or for nobody."""
    body = request.decode(NewSession)
    session = await sessions.create(
        request.services.store,
        request.project,
        checked_id(body.session_id or "", "session_id"),
        user_id=checked_id(body.user_id, "user_id") if body.user_id else None,
        metadata=body.metadata,
    )
    return json(session, 201)


async def get(request: Request) -> Response:
    """Return a session."""
    return json(await sessions.get(request.services.store, request.project, request.name()))


async def patch(request: Request) -> Response:
    """Merge metadata into a session; a deleted session comes back, without its messages."""
    metadata = merged(request.decode(SessionPatch).metadata, privileged=False)
    return json(await sessions.patch(request.services.store, request.project, request.name(), metadata))


async def list_all(request: Request) -> Response:
    """List live sessions by ascending id."""
    limit = request.integer("limit")
    return as_it_is(
        await sessions.all_after(
            request.services.store, request.project, request.integer("cursor"), limit if limit > 0 else None
        )
    )


async def list_of_user(request: Request) -> Response:
    """List a user's live sessions by ascending id; none for an unknown user."""
    return as_it_is(await sessions.of_user(request.services.store, request.project, request.name()))
