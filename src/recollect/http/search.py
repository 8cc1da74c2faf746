"""Searching memory: one session's, or all of a user's."""

from __future__ import annotations

from typing import Any

import msgspec

from recollect.core import filters, mmr
from recollect.core.embeddings import InUse
from recollect.core.recall import Hit, Wanted
from recollect.errors import BadRequest, ModelUnavailable, NotFound
from recollect.http.request import Request, Response, json
from recollect.models import Feature, RankedResult, SearchResult
from recollect.store import recall, search
from recollect.store.search import Bounds

DEFAULT_LIMIT = 10
MAX_LIMIT = 1000


class SearchBody(msgspec.Struct, kw_only=True):
    """What to look for: a text, a filter on metadata and dates, or both.

    `search_type` is similarity (the default), mmr or hybrid.
    """

    text: str | None = None
    metadata: dict[str, Any] | None = None
    search_scope: str | None = None
    search_type: str | None = None
    mmr_lambda: float | None = None


class UserSearchBody(SearchBody, kw_only=True):
    """Likewise across a user's sessions, or those named; here `search_type` is hybrid unless said otherwise."""

    session_ids: list[str] | None = None
    start_date: str | None = None
    end_date: str | None = None


async def session(request: Request) -> Response:
    """Find messages of a session, by meaning, by metadata and by date. `dist` is the similarity: higher is nearer.

    With the scope `summary`, find its summaries.
    """
    body = request.decode(SearchBody)
    limit = limit_of(request)
    bounds = _bounds(body)
    if body.search_scope == "summary":
        scope = await recall.session_scope(request.services.store, request.project, request.name())
        results = await _summaries(request, body, bounds, scope)
        return json([SearchResult(summary=r.summary, dist=r.dist, embedding=r.embedding) for r in results])
    if not body.text:
        messages = await search.matching(request.services.store, request.project, request.name(), bounds, limit)
        return json([SearchResult(message=message, dist=0.0) for message in messages])
    hybrid = request.services.settings.serve_hybrid_for_similarity and body.search_type in {None, "", "similarity"}
    if hybrid or body.search_type == "hybrid":
        scope = await recall.session_scope(request.services.store, request.project, request.name())
        wanted = Wanted(body.text, "hybrid", limit, bounds, explain=_explain(request))
        key = (request.project, "session", request.name())
        return json([] if scope is None else _results(await request.services.recall.search(key, scope, wanted)))
    return json(await _by_meaning(request, body, body.text, bounds, limit))


async def user(request: Request) -> Response:
    """Find messages among all that a user's sessions hold, best first.

    With the scope `summary`, find these sessions' summaries, by meaning.
    """
    body = request.decode(UserSearchBody)
    bounds = _bounds(body)
    bounds = Bounds(body.start_date or bounds.start_date, body.end_date or bounds.end_date, bounds.where)
    kind = body.search_type or "hybrid"
    if kind not in {"hybrid", "similarity", "mmr"}:
        raise BadRequest("search_type is not one of hybrid, similarity, mmr")
    scope = await recall.user_scope(request.services.store, request.project, request.name())
    if scope is None:
        raise NotFound
    if body.search_scope == "summary":
        return json(await _summaries(request, body, bounds, scope))
    wanted = Wanted(
        text=body.text or "",
        kind=kind,
        limit=limit_of(request),
        bounds=bounds,
        sessions=None if body.session_ids is None else frozenset(body.session_ids),
        balance=body.mmr_lambda or 0.5,
        explain=_explain(request),
    )
    key = (request.project, "user", request.name())
    return json(_results(await request.services.recall.search(key, scope, wanted)))


def _bounds(body: SearchBody) -> Bounds:
    if body.search_scope not in {None, "", "messages", "summary"}:
        raise BadRequest("search_scope: invalid search scope")
    dated = isinstance(body, UserSearchBody) and (body.start_date or body.end_date)
    if not (body.text or body.metadata or dated):
        raise BadRequest("text, metadata: empty query")
    wanted = filters.parse(body.metadata)
    return Bounds(wanted.start_date, wanted.end_date, wanted.where)


def _explain(request: Request) -> bool:
    return request.query("explain").lower() in {"1", "t", "true"}


def _results(hits: list[Hit]) -> list[RankedResult]:
    return [
        RankedResult(
            message=hit.message,
            dist=hit.similarity,
            embedding=None if hit.vector is None else hit.vector.tolist(),
            session_id=hit.session_id,
            score=hit.score,
            features=msgspec.UNSET
            if hit.features is None
            else {name: Feature(**feature) for name, feature in hit.features.items()},
        )
        for hit in hits
    ]


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


async def _summaries(
    request: Request, body: SearchBody, bounds: Bounds, scope: recall.Scope | None
) -> list[RankedResult]:
    """Find summaries of the sessions in a scope, by meaning whatever the type of search, and with mmr if that is it."""
    if scope is None:
        return []
    wanted = body.session_ids if isinstance(body, UserSearchBody) else None
    sessions = [state.key for state in scope.sessions if wanted is None or state.session_id in wanted]
    limit, store = limit_of(request), request.services.store
    if not body.text:
        return _as_results(await search.summaries_matching(store, scope.bucket, sessions, bounds, limit))
    model = active_model(request)
    query = await model.queries.vector(body.text)
    drawn = mmr.candidates(limit) if body.search_type == "mmr" else limit
    found = await search.summaries_nearest(store, scope.bucket, sessions, model.id, query, bounds, drawn)
    if body.search_type != "mmr":
        return _as_results([row._replace(vector=None) for row in found])
    vectors = [row.vector for row in found if row.vector is not None]
    places = mmr.choose(query, vectors, balance=body.mmr_lambda or 0.5, limit=limit)
    return _as_results([found[place] for place in places])


def _as_results(found: list[search.FoundSummary]) -> list[RankedResult]:
    return [
        RankedResult(
            summary=row.summary,
            dist=row.similarity,
            score=row.similarity,
            session_id=row.session_id,
            embedding=None if row.vector is None else row.vector.tolist(),
        )
        for row in found
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
