"""The documents of a collection."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from numpy.typing import NDArray

from recollect.core import filters, mmr
from recollect.core.blend import blend
from recollect.core.recall import DRAWN, MOST_WORDS
from recollect.core.text import words
from recollect.errors import BadRequest
from recollect.http.collections import invalid, name_of
from recollect.http.request import OK, Request, Response, json
from recollect.http.search import active_model
from recollect.models import DocumentResult, DocumentSearchResult
from recollect.store import documents, indexes
from recollect.store.documents import Change, NewDocument
from recollect.store.vectors import vector

LONGEST_NEW_ID = 100
LONGEST_CHANGED_ID = 40
DEFAULT_LIMIT = 20
MOST = 2**31 - 1
MOST_COMPARED = 1000
"""Results of a search that compares candidates with each other, for diversity or by how telling their words are."""


class DocumentBody(msgspec.Struct):
    """A document to add: its text, its vector, or both."""

    content: str | None = None
    embedding: list[float] | None = None
    document_id: str | None = None
    metadata: dict[str, Any] | None = None


class DocumentPatch(msgspec.Struct):
    """What to replace; empty or absent keeps what there is."""

    document_id: str | None = None
    metadata: dict[str, Any] | None = None


class ListedPatch(DocumentPatch):
    """What to replace in which document."""

    uuid: UUID | None = None


class Wanted(msgspec.Struct):
    """Documents by their uuids, or by the ids that clients gave them; neither: all."""

    uuids: list[UUID] | None = None
    document_ids: list[str] | None = None


class DocumentSearch(msgspec.Struct):
    """What to look for: a text or a vector, and a filter on metadata.

    `search_type` is similarity (the default), mmr or, for a text, hybrid.
    """

    text: str | None = None
    embedding: list[float] | None = None
    metadata: dict[str, Any] | None = None
    search_type: str | None = None
    mmr_lambda: float | None = None


async def add(request: Request) -> Response:
    """Add documents, all or none; answer their uuids in order."""
    bodies = request.decode(list[DocumentBody])
    settings = request.services.settings
    embed = settings.embed_documents and settings.embedding_provider != "none"
    uuids = await documents.add(
        request.services.store,
        request.project,
        name_of(request),
        [_new(body, place) for place, body in enumerate(bodies)],
        embed=embed,
        language=settings.language,
    )
    if embed and not all(body.embedding for body in bodies):
        request.services.wake("embed_documents")
    return json(uuids)


async def get(request: Request) -> Response:
    """Return one document."""
    found = await documents.by_uuid(request.services.store, request.project, name_of(request), [request.uuid()])
    return json(found[0])


async def get_list(request: Request) -> Response:
    """Return the documents that exist among those asked for."""
    body = request.decode(Wanted)
    place = request.services.store, request.project, name_of(request)
    if body.uuids and body.document_ids:
        raise BadRequest("cannot specify both uuids and documentIDs")
    if body.uuids:
        return json(await documents.by_uuid(*place, body.uuids))
    if body.document_ids:
        return json(await documents.by_document_id(*place, body.document_ids))
    return json(await documents.every(*place))


async def patch(request: Request) -> Response:
    """Replace a document's id and metadata, each if it is given."""
    body = request.decode(DocumentPatch)
    change = _change(request.uuid(), body, "UpdateDocumentRequest")
    if change[1:] == (None, None):
        raise BadRequest("failed to Update documents: no fields to update")
    await documents.patch(request.services.store, request.project, name_of(request), [change])
    return OK


async def patch_list(request: Request) -> Response:
    """Replace ids and metadata of several documents, each by itself."""
    changes = []
    for place, body in enumerate(request.decode(list[ListedPatch])):
        if body.uuid is None:
            raise BadRequest(invalid(f"[{place}].UpdateDocumentListRequest", "UUID", "required"))
        changes.append(_change(body.uuid, body, f"[{place}].UpdateDocumentListRequest"))
    if len({change.uuid for change in changes}) < len(changes):
        raise BadRequest("the same uuid stands twice")
    if all(change[1:] == (None, None) for change in changes):
        raise BadRequest("failed to Update documents: no fields to update")
    await documents.patch(request.services.store, request.project, name_of(request), changes)
    return OK


async def delete(request: Request) -> Response:
    """Delete one document, for good."""
    await documents.delete(request.services.store, request.project, name_of(request), [request.uuid()])
    return OK


async def delete_list(request: Request) -> Response:
    """Delete documents, for good; those that do not exist are passed over, unless none does."""
    uuids = request.decode(list[UUID])
    await documents.delete(request.services.store, request.project, name_of(request), uuids)
    return OK


async def search(request: Request) -> Response:
    """Find documents by meaning, by a vector, by metadata, or by one of the first two and the third.

    `score` is (1 + cosine similarity) / 2, higher is nearer; 0 when metadata alone was asked for.
    """
    body = request.decode(DocumentSearch)
    if not (body.text or body.embedding or body.metadata):
        raise BadRequest("at least one of text, metadata, or embedding must be specified")
    if body.text and body.embedding:
        raise BadRequest("cannot specify both text and embedding")
    where = filters.parse(body.metadata).where
    limit = min(request.integer("limit"), MOST)
    limit = limit if limit > 0 else DEFAULT_LIMIT
    if not (body.text or body.embedding):
        results = await documents.matching(request.services.store, request.project, name_of(request), where, limit)
        return json(DocumentSearchResult(results, [], len(results)))
    query = body.embedding or []
    if body.text:
        query = (await active_model(request).queries.vector(body.text)).tolist()
    if body.search_type == "hybrid" and body.text:
        results = await _hybrid(request, body.text, _direction(query), where, limit)
    else:
        results = await _nearest(request, body, _direction(query), where, limit)
    return json(DocumentSearchResult(results, query, len(results)))


async def _hybrid(
    request: Request, text: str, query: NDArray[np.float32], where: dict[str, Any] | None, limit: int
) -> list[DocumentResult]:
    """Return the best documents by words and by meaning; each one's score remains that of its vector."""
    services = request.services
    limit = min(limit, MOST_COMPARED)
    many = max(DRAWN, limit)
    near = await _nearest(request, DocumentSearch(), query, where, many)
    model = services.models.active
    worded = await documents.lexical(
        services.store,
        request.project,
        name_of(request),
        list(dict.fromkeys(words(text)))[:MOST_WORDS],
        query,
        model=model.id if model else None,
        where=where,
        language=services.settings.language,
        limit=many,
    )
    found = list({result.uuid: result for result in [*near, *worded]}.values())
    similarities = np.array([2 * result.score - 1 if result.is_embedded else 0 for result in found], np.float32)
    contents = [result.content for result in found]
    order = blend(text, contents, similarities, limit=limit, language=services.settings.language)
    return [found[place] for place in order]


async def _nearest(
    request: Request, body: DocumentSearch, query: NDArray[np.float32], where: dict[str, Any] | None, limit: int
) -> list[DocumentResult]:
    model = request.services.models.active
    diverse = body.search_type == "mmr"
    limit = min(limit, MOST_COMPARED) if diverse else limit
    found = await documents.nearest(
        request.services.store,
        request.project,
        name_of(request),
        query,
        model=model.id if model else None,
        where=where,
        limit=mmr.candidates(limit) if diverse else limit,
    )
    if found.outgrown and await indexes.request(request.services.store, request.project, name_of(request)):
        request.services.wake("index_collection")
    if not diverse:
        return found.results
    rows = [np.array(msgspec.json.decode(result.embedding), dtype=np.float32) for result in found.results]
    places = mmr.choose(query, rows, balance=body.mmr_lambda or 0.5, limit=limit)
    return [found.results[place] for place in places]


def _direction(numbers: list[float]) -> NDArray[np.float32]:
    """Return a vector's direction, of unit length: the numbers themselves may be too large or small to compare."""
    exact = np.array(numbers, dtype=np.float64)
    largest = np.abs(exact).max()
    if largest == 0:
        raise BadRequest("embedding: a vector of zeros is near nothing")
    exact /= largest
    return (exact / np.linalg.norm(exact)).astype(np.float32)


def _new(body: DocumentBody, place: int) -> NewDocument:
    kind = f"[{place}].CreateDocumentRequest"
    if not body.content and not body.embedding:
        raise BadRequest(
            f"{invalid(kind, 'Content', 'required_without')}\n{invalid(kind, 'Embedding', 'required_without')}"
        )
    _check_id(body.document_id, LONGEST_NEW_ID, kind)
    embedding = None
    if body.embedding:
        numbers = np.array(body.embedding, dtype=np.float64)
        if np.abs(numbers).max() > np.finfo(np.float32).max:
            raise BadRequest(f"[{place}].embedding holds a number beyond 32-bit floats")
        embedding = vector(numbers)
    return NewDocument(body.document_id or None, body.content or "", body.metadata or None, embedding)


def _change(uuid: UUID, body: DocumentPatch, kind: str) -> Change:
    _check_id(body.document_id, LONGEST_CHANGED_ID, kind)
    return Change(uuid, body.document_id or None, body.metadata or None)


def _check_id(document_id: str | None, longest: int, kind: str) -> None:
    if document_id and not (document_id.isascii() and document_id.isprintable()):
        raise BadRequest(invalid(kind, "DocumentID", "printascii"))
    if document_id and len(document_id) > longest:
        raise BadRequest(invalid(kind, "DocumentID", "max"))
