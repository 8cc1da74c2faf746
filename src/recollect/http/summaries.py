"""Summaries: what a session was about, as far as it has left the window."""

from __future__ import annotations

from uuid import UUID

from recollect.errors import BadRequest
from recollect.http.request import Request, Response, json
from recollect.store import summaries

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


async def list_all(request: Request) -> Response:
    """List a session's summaries, oldest first: each carries the one before it forward.

    A session that does not exist has none.
    """
    limit = request.integer("limit")
    found = await summaries.listed(
        request.services.store,
        request.project,
        request.name(),
        after=_after(request),
        limit=min(limit, MAX_LIMIT) if limit > 0 else DEFAULT_LIMIT,
    )
    return json(found)


def _after(request: Request) -> UUID | None:
    text = request.query("cursor")
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise BadRequest(f"cursor: unable to parse UUID: {text[:100]!r}") from error
