"""The queue, for operators."""

from __future__ import annotations

from uuid import UUID

from recollect.errors import BadRequest
from recollect.http.request import OK, Request, Response, json
from recollect.store import jobs

STATES = ("due", "leased", "failed")
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


async def list_all(request: Request) -> Response:
    """List jobs in the order they were enqueued; those that are done are gone."""
    state, cursor = request.query("state") or None, request.query("cursor")
    if state is not None and state not in STATES:
        raise BadRequest(f"state is not one of {', '.join(STATES)}")
    try:
        after = UUID(cursor) if cursor else None
    except ValueError as error:
        raise BadRequest("cursor is not the id of a job") from error
    limit = request.integer("limit")
    found = await jobs.listed(
        request.services.store,
        request.project,
        state=state,
        kind=request.query("kind") or None,
        after=after,
        limit=min(limit, MAX_LIMIT) if limit > 0 else DEFAULT_LIMIT,
    )
    return json(found)


async def retry(request: Request) -> Response:
    """Run a failed job again, with all its attempts before it."""
    kind = await jobs.retry(request.services.store, request.project, request.uuid(0))
    request.services.wake(kind)
    return OK
