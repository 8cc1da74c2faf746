"""Collections of documents."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from recollect.errors import BadRequest
from recollect.http.request import OK, Request, Response, json
from recollect.store import collections, indexes

TRUE = frozenset({"1", "t", "T", "true", "True", "TRUE"})
FALSE = frozenset({"", "0", "f", "F", "false", "False", "FALSE"})

NAME_LENGTHS = range(3, 41)
WIDTHS = range(8, 2001)
MAX_DESCRIPTION = 1000

# What has to be there is described here and checked below: the decoder would not say it in the protocol's words.
NAME = msgspec.Meta(extra_json_schema={"type": "string", "pattern": "^[A-Za-z0-9_-]{3,40}$"})
WIDTH = msgspec.Meta(extra_json_schema={"type": "integer", "minimum": WIDTHS.start, "maximum": WIDTHS.stop - 1})
EITHER = msgspec.Meta(extra_json_schema={"type": "boolean"})


class NewCollection(msgspec.Struct):
    """A collection to create. `embedding_dimensions`: 8 to 2000; `name`: 3 to 40 letters, digits, _ and -."""

    name: Annotated[str | None, NAME] = None
    description: str | None = None
    metadata: dict[str, Any] | None = None
    embedding_dimensions: Annotated[int | None, WIDTH] = None
    is_auto_embedded: Annotated[bool | None, EITHER] = None


class CollectionPatch(msgspec.Struct):
    """What to replace; empty or absent keeps what there is."""

    description: str | None = None
    metadata: dict[str, Any] | None = None


class Recall(msgspec.Struct):
    """The share of the exact nearest neighbours that a collection's index finds; null while there is no index."""

    recall: float | None


async def create(request: Request) -> Response:
    """Create a collection, by the name in the body."""
    body = request.decode(NewCollection)
    _check(body)
    assert body.name
    assert body.embedding_dimensions
    await collections.create(
        request.services.store,
        request.project,
        body.name.lower(),
        description=body.description or "",
        metadata=body.metadata or None,
        width=body.embedding_dimensions,
        auto=bool(body.is_auto_embedded),
    )
    return OK


async def list_all(request: Request) -> Response:
    """List the collections, the oldest first."""
    return json(await collections.all_of(request.services.store, request.project))


async def get(request: Request) -> Response:
    """Return a collection with the numbers of its documents."""
    return json(await collections.get(request.services.store, request.project, name_of(request)))


async def patch(request: Request) -> Response:
    """Replace a collection's description and metadata, each if it is given."""
    body = request.decode(CollectionPatch)
    if len(body.description or "") > MAX_DESCRIPTION:
        raise BadRequest(invalid("UpdateDocumentCollectionRequest", "Description", "max"))
    await collections.patch(
        request.services.store, request.project, name_of(request), body.description or None, body.metadata or None
    )
    return OK


async def delete(request: Request) -> Response:
    """Delete a collection with all its documents."""
    await collections.delete(request.services.store, request.project, name_of(request))
    request.services.wake("erase_collection")
    return OK


async def create_index(request: Request) -> Response:
    """Index a collection, if it is large enough to need it; with `measure`, tell what its index is worth instead."""
    force, measure = request.query("force"), request.query("measure")
    for text in (force, measure):
        if text not in TRUE | FALSE:
            raise BadRequest(f"force, measure: strconv.ParseBool: parsing {text[:50]!r}: invalid syntax")
    store = request.services.store
    collection = await collections.get(store, request.project, name_of(request))
    if measure in TRUE:
        return json(Recall(await indexes.measured_recall(store, collection.uuid)))
    if await indexes.request(store, request.project, collection.name):
        request.services.wake("index_collection")
    return OK


def name_of(request: Request) -> str:
    """Return the collection's name out of the path: names are in lower case everywhere."""
    return request.name().lower()


def invalid(kind: str, field: str, rule: str) -> str:
    """Return what is wrong with a field, in the protocol's words."""
    return f"Key: '{kind}.{field}' Error:Field validation for '{field}' failed on the '{rule}' tag"


def _check(body: NewCollection) -> None:
    """Refuse what no collection can be, one line per field."""
    wrong = {
        "Name": _name_breaks(body.name or ""),
        "Description": "max" if len(body.description or "") > MAX_DESCRIPTION else "",
        "EmbeddingDimensions": _bounds_broken(body.embedding_dimensions or 0, WIDTHS),
        "IsAutoEmbedded": "required" if body.is_auto_embedded is None else "",
    }
    lines = [invalid("CreateDocumentCollectionRequest", field, rule) for field, rule in wrong.items() if rule]
    if lines:
        raise BadRequest("\n".join(lines))


def _name_breaks(name: str) -> str:
    rest = name.replace("_", "").replace("-", "")
    if name and not (name.isascii() and (rest.isalnum() or not rest)):
        return "alphanum"
    return _bounds_broken(len(name), NAME_LENGTHS)


def _bounds_broken(number: int, bounds: range) -> str:
    if number == 0:
        return "required"
    return "min" if number < bounds.start else "max" if number >= bounds.stop else ""
