"""Single messages of a session, and pages of them."""

from __future__ import annotations

from typing import Any

import msgspec

from recollect.errors import BadRequest
from recollect.http.memory import Int32
from recollect.http.request import MAX_INT64, Request, Response, json, merged
from recollect.store import messages

PAGE = 100


class MessagePatch(msgspec.Struct):
    """What changes of a message: metadata is merged, role and content stay."""

    metadata: dict[str, Any] | None = None
    token_count: Int32 | None = None


async def page(request: Request) -> Response:
    """List messages, oldest first; here `cursor` is a page number, from 1, and `limit` the page's size."""
    try:
        limit, cursor = request.integer("limit"), request.integer("cursor")
    except BadRequest:  # the protocol forgives here
        limit, cursor = PAGE, 1
    offset = min(limit * (cursor - 1), MAX_INT64) if limit > 0 and cursor > 1 else 0
    found, count, total = await messages.page(
        request.services.store,
        request.project,
        request.name(),
        limit=limit if limit > 0 else None,
        offset=offset,
    )
    return json({"messages": found, "total_count": total, "row_count": count})


async def get(request: Request) -> Response:
    """Return one message."""
    return json(await messages.get(request.services.store, request.project, request.name(), request.uuid()))


async def patch(request: Request) -> Response:
    """Merge metadata into a message; set its token count where given."""
    uuid = request.uuid()
    body = request.decode(MessagePatch)
    message = await messages.patch(
        request.services.store,
        request.project,
        request.name(),
        uuid,
        metadata=merged(body.metadata, privileged=False),
        token_count=body.token_count,
    )
    return json(message)
