"""Collections over HTTP, on a real database. The numbers are those of the compatibility checklist."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from recollect.http.app import App
from recollect.store import Store

KEYS = {
    "uuid",
    "created_at",
    "updated_at",
    "name",
    "description",
    "embedding_dimensions",
    "is_auto_embedded",
    "is_normalized",
    "is_indexed",
    "document_count",
    "document_embedded_count",
}


async def create(api: httpx.AsyncClient, name: str, /, **body: Any) -> httpx.Response:
    return await api.post(
        f"collection/{name}", json={"name": name, "embedding_dimensions": 8, "is_auto_embedded": False} | body
    )


async def test_a_collection_is_created_and_read(api: httpx.AsyncClient) -> None:
    """102: POST answers OK; GET has the documented keys and no others."""
    created = await create(api, "books", description="All of them")
    assert (created.status_code, created.text) == (200, "OK")
    found = (await api.get("collection/books")).json()
    assert set(found) == KEYS
    assert found["name"] == "books"
    assert found["description"] == "All of them"
    assert found["embedding_dimensions"] == 8
    assert found["is_auto_embedded"] is False
    assert found["is_normalized"] is False
    assert found["is_indexed"] is True
    assert found["document_count"] == found["document_embedded_count"] == 0
    assert found["created_at"] == found["updated_at"]
    await create(api, "films", metadata={"a": [1]})
    assert (await api.get("collection/films")).json()["metadata"] == {"a": [1]}


async def test_names_are_in_lower_case(api: httpx.AsyncClient) -> None:
    """103: a collection is found in whatever case its name is written."""
    await create(api, "BooksOfMine")
    for name in ("booksofmine", "BOOKSOFMINE"):
        assert (await api.get(f"collection/{name}")).json()["name"] == "booksofmine"
    assert (await create(api, "booksOFmine")).status_code == 400


async def test_the_name_in_the_body_counts(api: httpx.AsyncClient) -> None:
    """104: the name in the path is not what is created."""
    await create(api, "inpath", name="inbody")
    assert (await api.get("collection/inbody")).status_code == 200
    missing = await api.get("collection/inpath")
    assert (missing.status_code, missing.text) == (404, "collection: inpath not found\n")


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({"name": "ab"}, "Name", "min"),
        ({"name": "a" * 41}, "Name", "max"),
        ({"name": ""}, "Name", "required"),
        ({"name": None}, "Name", "required"),
        ({"name": "a b c"}, "Name", "alphanum"),
        ({"name": "größe"}, "Name", "alphanum"),
        ({"embedding_dimensions": 7}, "EmbeddingDimensions", "min"),
        ({"embedding_dimensions": 2001}, "EmbeddingDimensions", "max"),
        ({"embedding_dimensions": None}, "EmbeddingDimensions", "required"),
        ({"is_auto_embedded": None}, "IsAutoEmbedded", "required"),
        ({"description": "x" * 1001}, "Description", "max"),
    ],
)
async def test_what_no_collection_can_be_is_refused(
    api: httpx.AsyncClient, body: dict[str, Any], field: str, rule: str
) -> None:
    """105: the refusal names the field and the rule it breaks, in the words that v1 has for it."""
    refused = await create(api, "fine", **body)
    assert refused.status_code == 400
    assert refused.text == (
        f"Key: 'CreateDocumentCollectionRequest.{field}' "
        f"Error:Field validation for '{field}' failed on the '{rule}' tag\n"
    )
    assert (await api.get("collection")).json() == []


async def test_every_field_at_fault_is_named(api: httpx.AsyncClient) -> None:
    """105: one line for each."""
    refused = await api.post("collection/x", json={"name": "x", "embedding_dimensions": 3000})
    assert len(refused.text.splitlines()) == 3


@pytest.mark.parametrize("name", ["abc", "a" * 40, "with_and-dash", "123"])
@pytest.mark.parametrize("width", [8, 2000])
async def test_what_a_collection_can_be_is_taken(api: httpx.AsyncClient, name: str, width: int) -> None:
    """105: the bounds themselves are inside."""
    assert (await create(api, name, embedding_dimensions=width)).status_code == 200


async def test_a_name_is_taken_once(api: httpx.AsyncClient) -> None:
    """106: a second collection of the same name is refused."""
    await create(api, "books")
    refused = await create(api, "books")
    assert refused.status_code == 400
    assert refused.text == "failed to create collection: bad request: collection already exists: books\n"


async def test_of_many_creating_one_wins(api: httpx.AsyncClient) -> None:
    """106: of 64 requests at once to create one collection one succeeds and the others are refused."""
    answers = await asyncio.gather(*(create(api, "race") for _ in range(64)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 63
    assert len((await api.get("collection")).json()) == 1


async def test_a_patch_replaces(api: httpx.AsyncClient) -> None:
    """107: metadata is replaced, not merged; what is absent or empty stays; updated_at moves."""
    await create(api, "books", description="old", metadata={"a": 1, "b": 2})
    before = (await api.get("collection/books")).json()
    patched = await api.patch(
        "collection/Books", json={"metadata": {"c": 3}, "description": "", "is_auto_embedded": True}
    )
    assert (patched.status_code, patched.text) == (200, "OK")
    after = (await api.get("collection/books")).json()
    assert after["metadata"] == {"c": 3}
    assert after["description"] == "old"
    assert after["is_auto_embedded"] is False
    assert after["updated_at"] > before["updated_at"]
    await api.patch("collection/books", json={"description": "new", "metadata": {}})
    assert (await api.get("collection/books")).json()["description"] == "new"
    assert (await api.get("collection/books")).json()["metadata"] == {"c": 3}
    assert (await api.patch("collection/books", json={"description": "x" * 1001})).status_code == 400


async def test_a_deleted_name_is_free(api: httpx.AsyncClient) -> None:
    """108: after a deletion the collection is unknown and its name can be taken again, empty."""
    await create(api, "books")
    await api.post("collection/books/document", json=[{"embedding": [1] * 8}])
    deleted = await api.delete("collection/books")
    assert (deleted.status_code, deleted.text) == (200, "OK")
    assert (await api.get("collection/books")).status_code == 404
    assert (await api.delete("collection/books")).status_code == 404
    assert (await create(api, "books")).status_code == 200
    assert (await api.get("collection/books")).json()["document_count"] == 0


async def test_the_list_has_counts(api: httpx.AsyncClient) -> None:
    """109: a bare array, the oldest first, each with its numbers of documents."""
    assert (await api.get("collection")).json() == []
    for name in ("zebra", "aardvark"):
        await create(api, name)
    await api.post("collection/aardvark/document", json=[{"content": "x", "embedding": [1] * 8}] * 3)
    found = (await api.get("collection")).json()
    assert [(one["name"], one["document_count"], one["document_embedded_count"]) for one in found] == [
        ("zebra", 0, 0),
        ("aardvark", 3, 3),
    ]


@pytest.mark.parametrize("force", ["", "?force=false", "?force=true", "?force=1", "?force="])
async def test_an_index_can_always_be_asked_for(api: httpx.AsyncClient, force: str) -> None:
    """110: OK at once, whatever `force` says."""
    await create(api, "books")
    answer = await api.post(f"collection/books/index/create{force}")
    assert (answer.status_code, answer.text) == (200, "OK")


async def test_an_index_of_nothing_is_refused(api: httpx.AsyncClient) -> None:
    """110: an unknown collection is 404, and `force` is a boolean."""
    assert (await api.post("collection/none/index/create")).status_code == 404
    await create(api, "books")
    assert (await api.post("collection/books/index/create?force=maybe")).status_code == 400


async def test_unknown_collections_are_not_found(api: httpx.AsyncClient) -> None:
    """Every route below an unknown collection answers 404."""
    uuid = "00000000-0000-0000-0000-000000000001"
    for method, path, body in [
        ("PATCH", "", {"description": "x"}),
        ("POST", "/search", {"embedding": [1] * 8}),
        ("POST", "/search", {"metadata": {"where": {"jsonpath": "$.a"}}}),
        ("POST", "/document", [{"content": "x"}]),
        ("POST", "/document", []),
        ("GET", f"/document/uuid/{uuid}", None),
        ("PATCH", f"/document/uuid/{uuid}", {"metadata": {"a": 1}}),
        ("DELETE", f"/document/uuid/{uuid}", None),
        ("POST", "/document/list/get", {"uuids": [uuid]}),
        ("POST", "/document/list/get", {"document_ids": ["x"]}),
        ("POST", "/document/list/get", {}),
        ("POST", "/document/list/delete", [uuid]),
        ("PATCH", "/document/list/update", [{"uuid": uuid, "document_id": "x"}]),
    ]:
        answer = await api.request(method, f"collection/none{path}", json=body)
        assert (method, path, answer.status_code, answer.text) == (method, path, 404, "collection: none not found\n")


async def test_a_deleted_collection_leaves_nothing(
    working_app: App, working_api: httpx.AsyncClient, store: Store
) -> None:
    """108: its documents, vectors and jobs are gone from every table soon after."""
    await create(working_api, "books", embedding_dimensions=384, is_auto_embedded=True)
    await working_api.post("collection/books/document", json=[{"content": f"canary {n}"} for n in range(100)])
    await working_api.delete("collection/books")
    assert working_app.services
    async with asyncio.timeout(60), store.database.connection() as connection:
        while True:
            left = [
                await connection.raw.fetchval(f"SELECT count(*) FROM {table}")
                for table in ("collections", "documents", "document_embeddings", "jobs")
            ]
            if left == [0, 0, 0, 0]:
                break
            await asyncio.sleep(0.05)
