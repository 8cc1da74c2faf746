"""Documents over HTTP, on a real database. The numbers are those of the compatibility checklist."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recollect.store import Store

WIDTH = 8
NOBODY = str(uuid4())


def axis(place: int, *more: float) -> list[float]:
    """A vector of WIDTH along one axis, and a little along the ones after it."""
    vector = [0.0] * WIDTH
    vector[place] = 1.5
    for offset, number in enumerate(more, start=1):
        vector[(place + offset) % WIDTH] = number
    return vector


async def create(api: httpx.AsyncClient, name: str = "books", *, width: int = WIDTH, auto: bool = False) -> str:
    body = {"name": name, "embedding_dimensions": width, "is_auto_embedded": auto}
    assert (await api.post(f"collection/{name}", json=body)).status_code == 200
    return f"collection/{name}"


async def add(api: httpx.AsyncClient, collection: str, *documents: dict[str, Any]) -> list[str]:
    answer = await api.post(f"{collection}/document", json=documents)
    assert answer.status_code == 200, answer.text
    uuids: list[str] = answer.json()
    return uuids


async def found(api: httpx.AsyncClient, collection: str, limit: int = 0, **body: Any) -> list[dict[str, Any]]:
    answer = await api.post(f"{collection}/search?limit={limit or ''}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["result_count"] == len(answer.json()["results"])
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def test_added_documents_come_back(api: httpx.AsyncClient) -> None:
    """111, 118: uuids in the order of the documents; each comes back whole, with its vector as given."""
    books = await create(api)
    given = [
        {"content": "one", "embedding": axis(0, 0.1), "document_id": "first", "metadata": {"n": 1}},
        {"content": "two", "embedding": axis(1, 1e-20, 3e38)},
    ]
    uuids = await add(api, books, *given)
    assert [str(UUID(uuid)) for uuid in uuids] == uuids
    first, second = [(await api.get(f"{books}/document/uuid/{uuid}")).json() for uuid in uuids]
    assert set(first) == {
        "uuid", "created_at", "updated_at", "document_id", "content", "metadata", "embedding", "is_embedded",
    }  # fmt: skip
    assert (first["uuid"], first["document_id"], first["content"]) == (uuids[0], "first", "one")
    assert first["metadata"] == {"n": 1}
    assert first["embedding"] == axis(0, 0.1)
    assert first["is_embedded"] is True
    assert first["created_at"] == first["updated_at"] > "2020"
    assert "metadata" not in second
    assert second["document_id"] == ""
    assert second["embedding"] == axis(1, 1e-20, 3e38)
    assert await add(api, books) == []


async def test_a_document_may_be_only_a_vector(api: httpx.AsyncClient) -> None:
    """111: content may be absent when a vector is there; null is absent."""
    books = await create(api)
    (uuid,) = await add(api, books, {"embedding": axis(0), "content": None, "document_id": None, "metadata": None})
    assert (await api.get(f"{books}/document/uuid/{uuid}")).json()["content"] == ""


floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(floats, min_size=WIDTH, max_size=WIDTH), min_size=1, max_size=5))
async def test_vectors_come_back_bit_equal(api: httpx.AsyncClient, rows: list[list[float]]) -> None:
    """118: every 32-bit float survives the way into the database and back, zeros and the smallest ones included."""
    if (await api.get("collection/exact")).status_code == 404:
        await create(api, "exact")
    uuids = await add(api, "collection/exact", *({"embedding": row} for row in rows))
    answer = await api.post("collection/exact/document/list/get", json={"uuids": uuids})
    back = np.array([document["embedding"] for document in answer.json()], dtype=np.float32)
    sent = np.array(rows, dtype=np.float32) + np.float32(0)  # JSON readers lose the sign of zero
    assert back.tobytes() == sent.tobytes()


async def test_a_taken_document_id_refuses_the_batch(api: httpx.AsyncClient) -> None:
    """112: nothing of a batch is stored when one of its ids is taken, or stands twice in it."""
    books = await create(api)
    await add(api, books, {"content": "x", "embedding": axis(0), "document_id": "a"})
    for ids in (["b", "a"], ["c", "c"]):
        batch = [{"content": "x", "embedding": axis(0), "document_id": one} for one in ids]
        refused = await api.post(f"{books}/document", json=batch)
        assert refused.status_code == 400
        assert refused.text == "failed to create documents: bad request: document_id already exists\n"
    assert (await api.get(books)).json()["document_count"] == 1
    await add(api, await create(api, "films"), {"content": "x", "embedding": axis(0), "document_id": "a"})


async def test_two_clients_with_one_document_id(api: httpx.AsyncClient) -> None:
    """112: of clients that add the same ids at once, in whatever order, one has all of them in."""
    books = await create(api)
    ids = [f"id {n}" for n in range(20)]

    async def client(turn: int) -> int:
        order = ids if turn % 2 else ids[::-1]
        batch = [{"content": f"{turn}", "embedding": axis(0), "document_id": one} for one in order]
        return (await api.post(f"{books}/document", json=batch)).status_code

    assert sorted(await asyncio.gather(*map(client, range(8)))) == [200] + [400] * 7
    stored = (await api.post(f"{books}/document/list/get", json={"document_ids": ids})).json()
    assert len(stored) == 20
    assert len({document["content"] for document in stored}) == 1


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, "'required_without'"),
        ({"content": "", "embedding": []}, "'required_without'"),
        ({"content": "x", "embedding": [1] * 8, "document_id": "x" * 101}, "'DocumentID' failed on the 'max'"),
        ({"content": "x", "embedding": [1] * 8, "document_id": "naïve"}, "'DocumentID' failed on the 'printascii'"),
        ({"content": "x", "embedding": [1] * 8, "document_id": "tab\t"}, "'DocumentID' failed on the 'printascii'"),
        ({"content": "x"}, "cannot create documents without embeddings in a non-auto-embedded collection"),
        ({"content": "x", "embedding": [1] * 7}, "embedding width mismatch"),
        ({"content": "x", "embedding": [1] * 7 + [4e38]}, "[1].embedding holds a number beyond 32-bit floats"),
        ({"content": "x", "embedding": ["1"] * 8}, "$[1].embedding[0]"),
        ({"content": "\0", "embedding": [1] * 8}, "NUL"),
    ],
)
async def test_a_wrong_element_refuses_the_batch(api: httpx.AsyncClient, document: dict[str, Any], text: str) -> None:
    """113, 114, 115: the refusal says what is wrong, and the good documents beside it are not stored either."""
    books = await create(api)
    refused = await api.post(f"{books}/document", json=[{"content": "fine", "embedding": axis(0)}, document])
    assert refused.status_code == 400
    assert text in refused.text
    assert (await api.get(books)).json()["document_count"] == 0


@pytest.mark.parametrize("body", [b'[{"embedding":[NaN]}]', b'[{"embedding":[1e999]}]', b'[{"content":"x"', b"{}"])
async def test_what_is_no_json_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    """113: there is no NaN or infinity in JSON, and a batch is an array."""
    await create(api)
    assert (await api.post("collection/books/document", content=body)).status_code == 400


async def test_vectors_are_not_given_to_automatic_collections(api: httpx.AsyncClient) -> None:
    """114: an automatic collection takes no vectors; its documents wait for theirs."""
    books = await create(api, auto=True)
    refused = await api.post(f"{books}/document", json=[{"content": "x"}, {"content": "y", "embedding": axis(0)}])
    assert refused.status_code == 400
    assert refused.text == "cannot create documents with embeddings in an auto-embedded collection\n"
    (uuid,) = await add(api, books, {"content": "x"})
    document = (await api.get(f"{books}/document/uuid/{uuid}")).json()
    assert (document["is_embedded"], document["embedding"]) == (False, None)


async def test_documents_with_vectors_are_ready(api: httpx.AsyncClient) -> None:
    """116: with vectors given, both counts are equal at once."""
    books = await create(api)
    await add(api, books, *({"content": "x", "embedding": axis(0)} for _ in range(5)))
    collection = (await api.get(books)).json()
    assert collection["document_count"] == collection["document_embedded_count"] == 5


async def test_automatic_collections_become_ready(working_api: httpx.AsyncClient) -> None:
    """117, 125: documents of an automatic collection are embedded soon, and found by meaning."""
    texts = ["the cat sleeps", "stocks fell sharply", "rain all day"] + [f"number {n}" for n in range(97)]
    books = await create(working_api, width=384, auto=True)
    uuids = await add(working_api, books, *({"content": text} for text in texts))
    await embedded(working_api, books)
    documents = (await working_api.post(f"{books}/document/list/get", json={"uuids": uuids})).json()
    assert [document["content"] for document in documents] == texts
    assert all(document["is_embedded"] and len(document["embedding"]) == 384 for document in documents)
    answer = (await working_api.post(f"{books}/search?limit=3", json={"text": "a kitten is asleep"})).json()
    assert answer["results"][0]["content"] == "the cat sleeps"
    assert len(answer["query_vector"]) == 384
    same = await found(working_api, books, text="rain all day")
    assert same[0]["content"] == "rain all day"
    assert same[0]["score"] == pytest.approx(1, abs=1e-5)
    diverse = await found(working_api, books, 3, text="rain all day", search_type="mmr")
    assert len(diverse) == 3


async def test_an_automatic_collection_takes_the_models_width(working_api: httpx.AsyncClient) -> None:
    """117: whatever width was declared, the vectors are the model's, and a query by a vector must fit them."""
    books = await create(working_api, width=1536, auto=True)
    (uuid,) = await add(working_api, books, {"content": "the cat sleeps"})
    await embedded(working_api, books)
    assert (await working_api.get(books)).json()["embedding_dimensions"] == 1536
    vector = (await working_api.get(f"{books}/document/uuid/{uuid}")).json()["embedding"]
    assert len(vector) == 384
    assert (await found(working_api, books, text="cat"))[0]["uuid"] == uuid
    assert (await found(working_api, books, embedding=vector))[0]["score"] == pytest.approx(1)
    refused = await working_api.post(f"{books}/search", json={"embedding": [1] * 1536})
    assert refused.status_code == 400
    assert "embedding width mismatch" in refused.text
    assert "384, not 1536" in refused.text


async def embedded(api: httpx.AsyncClient, collection: str) -> None:
    async with asyncio.timeout(60):
        while True:
            found = (await api.get(collection)).json()
            if found["document_embedded_count"] == found["document_count"]:
                return
            await asyncio.sleep(0.05)


async def test_what_is_not_embedded_is_not_near(api: httpx.AsyncClient, store: Store) -> None:
    """130: documents that wait for their vector are found by metadata, never by a vector."""
    books = await create(api, auto=True, width=384)
    await add(api, books, {"content": "x", "metadata": {"a": 1}})
    async with store.database.connection() as connection:
        await connection.raw.execute("INSERT INTO embedding_models VALUES (1, 'local', 'none', 8, 'active')")
    assert await found(api, books, metadata={"where": {"jsonpath": "$.a"}}) != []
    answer = await api.post(f"{books}/search", json={"text": "x"})
    assert answer.status_code == 503


async def test_unknown_documents_are_not_found(api: httpx.AsyncClient) -> None:
    """118, 120, 122, 123: 404 for unknown ones, 400 for what is no uuid."""
    books = await create(api)
    await add(api, books, {"content": "x", "embedding": axis(0)})
    patch = {"metadata": {"a": 1}}
    for method, path, body in [
        ("GET", f"uuid/{NOBODY}", None),
        ("PATCH", f"uuid/{NOBODY}", patch),
        ("DELETE", f"uuid/{NOBODY}", None),
        ("POST", "list/get", {"uuids": [NOBODY]}),
        ("POST", "list/get", {"document_ids": ["none"]}),
        ("POST", "list/delete", [NOBODY]),
        ("POST", "list/delete", []),
        ("PATCH", "list/update", [{"uuid": NOBODY, **patch}]),
    ]:
        answer = await api.request(method, f"{books}/document/{path}", json=body)
        assert (method, path, answer.status_code) == (method, path, 404)
        assert answer.text.endswith("documents not found\n")
    for method, path, body in [
        ("GET", "uuid/x", None),
        ("PATCH", "uuid/x", patch),
        ("DELETE", "uuid/x", None),
        ("POST", "list/get", {"uuids": ["x"]}),
        ("POST", "list/get", {"uuids": [NOBODY], "document_ids": ["x"]}),
        ("POST", "list/delete", ["x"]),
        ("PATCH", "list/update", [{"uuid": "x", **patch}]),
        ("PATCH", "list/update", [patch]),
        ("PATCH", "list/update", [{"uuid": NOBODY, **patch}] * 2),
    ]:
        answer = await api.request(method, f"{books}/document/{path}", json=body)
        assert (method, path, answer.status_code) == (method, path, 400)


async def test_documents_are_reached_without_the_word_uuid(api: httpx.AsyncClient) -> None:
    """119: the paths that the published JavaScript client uses for reading and changing one document."""
    books = await create(api)
    (uuid,) = await add(api, books, {"content": "x", "embedding": axis(0)})
    patched = await api.patch(f"{books}/document/{uuid}", json={"uuid": uuid, "document_id": "a", "metadata": {"b": 1}})
    assert (patched.status_code, patched.text) == (200, "OK")
    document = (await api.get(f"{books}/document/{uuid}")).json()
    assert (document["document_id"], document["metadata"]) == ("a", {"b": 1})


async def test_a_patch_replaces(api: httpx.AsyncClient) -> None:
    """120: metadata is replaced, not merged; nothing to change is refused; what else is sent is ignored."""
    books = await create(api)
    (uuid,) = await add(api, books, {"content": "x", "embedding": axis(0), "metadata": {"a": 1}, "document_id": "d"})
    path = f"{books}/document/uuid/{uuid}"
    before = (await api.get(path)).json()
    await api.patch(path, json={"metadata": {"b": 2}, "content": "y"})
    after = (await api.get(path)).json()
    assert after["updated_at"] > before["updated_at"]
    assert after | {"updated_at": "", "metadata": ""} == before | {"updated_at": "", "metadata": ""}
    assert after["metadata"] == {"b": 2}
    for nothing in ({}, {"metadata": {}, "document_id": ""}, {"description": "x"}):
        refused = await api.patch(path, json=nothing)
        assert refused.status_code == 400
        assert refused.text == "failed to Update documents: no fields to update\n"
    assert (await api.patch(path, json={"document_id": "x" * 41})).status_code == 400
    await add(api, books, {"content": "x", "embedding": axis(0), "document_id": "taken"})
    assert (await api.patch(path, json={"document_id": "taken"})).status_code == 400


async def test_a_list_of_changes_is_each_its_own(api: httpx.AsyncClient) -> None:
    """121: what one element changes stays as it was in the others; unknown ones are passed over."""
    books = await create(api)
    base = {"content": "x", "embedding": axis(0)}
    uuids = await add(api, books, *({**base, "document_id": f"d{n}", "metadata": {"n": n}} for n in range(3)))
    changes = [
        {"uuid": uuids[0], "document_id": "new"},
        {"uuid": uuids[1], "metadata": {"new": True}},
        {"uuid": NOBODY, "metadata": {"new": True}},
        {"uuid": uuids[2]},
    ]
    assert (await api.patch(f"{books}/document/list/update", json=changes)).text == "OK"
    documents = (await api.post(f"{books}/document/list/get", json={"uuids": uuids})).json()
    assert [(document["document_id"], document["metadata"]) for document in documents] == [
        ("new", {"n": 0}),
        ("d1", {"new": True}),
        ("d2", {"n": 2}),
    ]
    refused = await api.patch(f"{books}/document/list/update", json=[{"uuid": uuids[0]}])
    assert refused.status_code == 400


async def test_documents_are_listed_as_asked(api: httpx.AsyncClient) -> None:
    """122: by uuid or by document_id in the order asked for, those that exist; neither: all."""
    books = await create(api)
    base = {"content": "x", "embedding": axis(0)}
    uuids = await add(api, books, *({**base, "document_id": f"d{n}"} for n in range(4)))
    path = f"{books}/document/list/get"
    some = (await api.post(path, json={"uuids": [uuids[2], NOBODY, uuids[0]], "document_ids": None})).json()
    assert [document["uuid"] for document in some] == [uuids[2], uuids[0]]
    some = (await api.post(path, json={"document_ids": ["d3", "none", "d1"]})).json()
    assert [document["document_id"] for document in some] == ["d3", "d1"]
    everything = (await api.post(path, json={})).json()
    assert {document["uuid"] for document in everything} == set(uuids)
    assert (await api.post(f"{await create(api, 'empty')}/document/list/get", json={})).status_code == 404


async def test_deleted_documents_are_gone(api: httpx.AsyncClient) -> None:
    """123, 124: what is deleted is unknown at once, counts no more, is not found, and frees its document_id."""
    books = await create(api)
    base = {"content": "x", "embedding": axis(0), "metadata": {"a": 1}}
    uuids = await add(api, books, *({**base, "document_id": f"d{n}"} for n in range(4)))
    deleted = await api.post(f"{books}/document/list/delete", json=[*uuids[:2], NOBODY])
    assert (deleted.status_code, deleted.text) == (200, "OK")
    deleted = await api.delete(f"{books}/document/uuid/{uuids[2]}")
    assert (deleted.status_code, deleted.text) == (200, "OK")
    assert (await api.delete(f"{books}/document/uuid/{uuids[2]}")).status_code == 404
    assert (await api.get(f"{books}/document/uuid/{uuids[0]}")).status_code == 404
    collection = (await api.get(books)).json()
    assert collection["document_count"] == collection["document_embedded_count"] == 1
    assert [one["uuid"] for one in await found(api, books, embedding=axis(0))] == uuids[3:]
    await add(api, books, {**base, "document_id": "d0"})


async def test_a_collection_deleted_while_documents_are_added(api: httpx.AsyncClient, store: Store) -> None:
    """Each writer either has its documents in or learns that the collection is gone; none are left behind visible."""
    books = await create(api)

    async def writer() -> set[int]:
        batch = [{"content": "x", "embedding": axis(0)}] * 10
        return {(await api.post(f"{books}/document", json=batch)).status_code for _ in range(20)}

    writers = [asyncio.create_task(writer()) for _ in range(4)]
    while (await api.get(books)).json()["document_count"] < 100:  # noqa: ASYNC110 -- it happens in the database
        await asyncio.sleep(0.001)
    assert (await api.delete(books)).status_code == 200
    assert set().union(*await asyncio.gather(*writers)) == {200, 404}
    await create(api)
    assert (await api.get(books)).json()["document_count"] == 0
    async with store.database.connection() as connection:
        assert await connection.raw.fetchval("SELECT count(*) FROM jobs WHERE kind = 'erase_collection'") == 1


async def test_deleted_while_being_embedded(working_api: httpx.AsyncClient, store: Store) -> None:
    """117: documents and collections that go while their vectors are made leave neither vectors nor jobs."""
    keep, drop = (
        await create(working_api, width=384, auto=True),
        await create(working_api, "drop", width=384, auto=True),
    )
    uuids = await add(working_api, keep, *({"content": f"text {n}"} for n in range(200)))
    await add(working_api, drop, *({"content": f"text {n}"} for n in range(200)))
    await working_api.post(f"{keep}/document/list/delete", json=uuids[::2])
    await working_api.delete(drop)
    async with asyncio.timeout(60), store.database.connection() as connection:
        while await connection.raw.fetchval("SELECT count(*) FROM jobs"):  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.05)
        rows = await connection.raw.fetch("SELECT uuid FROM document_embeddings")
    assert {str(row["uuid"]) for row in rows} == set(uuids[1::2])
    documents = (await working_api.post(f"{keep}/document/list/get", json={"uuids": uuids[1:4:2]})).json()
    for document in documents:
        nearest = (await found(working_api, keep, 1, text=document["content"]))[0]
        assert nearest["uuid"] == document["uuid"]
