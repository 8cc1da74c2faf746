"""Searching a session's memory."""

from __future__ import annotations

from typing import Any

import msgspec

from recollect.core import filters, mmr
from recollect.core.embeddings import InUse
from recollect.errors import BadRequest, ModelUnavailable
from recollect.http.request import Request, Response, json
from recollect.models import SearchResult
from recollect.store import search
from recollect.store.search import Bounds

DEFAULT_LIMIT = 10
MAX_LIMIT = 1000


class SearchBody(msgspec.Struct):
    """What to look for: a text, a filter on metadata and dates, or both."""

    text: str | None = None
    metadata: dict[str, Any] | None = None
    search_scope: str | None = None
    search_type: str | None = None
    mmr_lambda: float | None = None


async def session(request: Request) -> Response:
    """Find messages of a session, by meaning, by metadata and by date. `dist` is the similarity: higher is nearer."""
    body = request.decode(SearchBody)
    limit = limit_of(request)
    scope = body.search_scope or "messages"
    if scope not in {"messages", "summary"}:
        raise BadRequest("search_scope: invalid search scope")
    if not body.text and not body.metadata:
        raise BadRequest("text, metadata: empty query")
    wanted = filters.parse(body.metadata)
    bounds = Bounds(wanted.start_date, wanted.end_date, wanted.where)
    if scope == "summary":
        return json([])
    if not body.text:
        messages = await search.matching(request.services.store, request.project, request.name(), bounds, limit)
        return json([SearchResult(message=message, dist=0.0) for message in messages])
    return json(await _by_meaning(request, body, body.text, bounds, limit))


async def _by_meaning(request: Request, body: SearchBody, text: str, bounds: Bounds, limit: int) -> list[SearchResult]:
    model = active_model(request)
    query = await model.queries.vector(text)
    diverse = body.search_type == "mmr"
    found = await search.nearest(
        request.services.store,
        request.project,
        request.name(),
        model.id,
        query,
        bounds,
        mmr.candidates(limit) if diverse else limit,
    )
    if not diverse:
        return [SearchResult(message=row.message, dist=row.similarity) for row in found]
    places = mmr.choose(query, [row.vector for row in found], balance=body.mmr_lambda or 0.5, limit=limit)
    return [
        SearchResult(message=found[place].message, dist=found[place].similarity, embedding=found[place].vector.tolist())
        for place in places
    ]


def active_model(request: Request) -> InUse:
    """Return the model whose vectors search reads. Raises ModelUnavailable."""
    model = request.services.models.active
    if model is None:
        raise ModelUnavailable(
            "There is no embedding model to search by meaning with.",
            hint="Run `recollect doctor`, or set RECOLLECT_EMBEDDING_PROVIDER.",
        )
    return model


def limit_of(request: Request) -> int:
    """Return how many results are wanted: 10 unless said otherwise, at most 1,000."""
    limit = request.integer("limit")
    return min(limit, MAX_LIMIT) if limit > 0 else DEFAULT_LIMIT
