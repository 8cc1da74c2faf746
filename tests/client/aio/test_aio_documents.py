from __future__ import annotations

import asyncio

import pytest

from recollect import BadRequest, Document, DocumentCollection, NotFoundError, ZepClient

NOBODY = "6b3f2f0a-8f5e-4a7c-9f64-0c1d2e3f4a5b"
WIDTH = 8


def vector(direction: int) -> list[float]:
    return [1.0 if place == direction else 0.1 for place in range(WIDTH)]


async def with_vectors(client: ZepClient, name: str, count: int) -> tuple[DocumentCollection, list[str]]:
    """Make a collection of documents with vectors of their own."""
    collection = await client.document.aadd_collection(name, WIDTH, is_auto_embedded=False)
    documents = [
        Document(content=f"text {number}", document_id=f"id-{number}", metadata={"n": number}, embedding=vector(number))
        for number in range(count)
    ]
    return collection, await collection.aadd_documents(documents, batch_size=2)


async def test_collections_are_made_changed_and_deleted(client: ZepClient, name: str) -> None:
    """A collection goes through its whole life, and each answer tells its state."""
    made = await client.document.aadd_collection(name, 384, description="Notes", metadata={"a": 1})
    assert (made.name, made.description, made.metadata) == (name, "Notes", {"a": 1})
    assert (made.embedding_dimensions, made.is_auto_embedded, made.status) == (384, True, "pending")
    changed = await client.document.aupdate_collection(name, metadata={"b": 2})
    assert (changed.description, changed.metadata) == ("Notes", {"b": 2})
    assert changed in await client.document.alist_collections()
    assert changed == await client.document.aget_collection(name)
    await client.document.adelete_collection(name)
    with pytest.raises(NotFoundError, match=f"collection: {name} not found"):
        await client.document.aget_collection(name)
    with pytest.raises(ValueError, match="neither"):
        await client.document.aupdate_collection(name)


async def test_documents_are_added_in_order(client: ZepClient, name: str) -> None:
    """Documents added in batches are found under the uuids that adding them returned, in order."""
    collection, uuids = await with_vectors(client, name, 5)
    assert [document.content for document in await collection.aget_documents(uuids)] == [f"text {n}" for n in range(5)]
    document = await collection.aget_document(uuids[3])
    assert (document.document_id, document.metadata, document.is_embedded) == ("id-3", {"n": 3}, True)
    assert document.embedding == pytest.approx(vector(3))
    assert [found.uuid for found in await collection.aget_documents_by_id(["id-4", "id-0"])] == [uuids[4], uuids[0]]
    assert (await client.document.aget_collection(name)).status == "ready"


async def test_documents_are_changed_and_deleted(client: ZepClient, name: str) -> None:
    """What is given replaces what there was; what is deleted is gone."""
    collection, uuids = await with_vectors(client, name, 4)
    await collection.aupdate_document(uuids[0], metadata={"m": 1})
    await collection.aupdate_document(uuids[0], document_id="other")
    changed = await collection.aget_document(uuids[0])
    assert (changed.document_id, changed.metadata) == ("other", {"m": 1})
    await collection.adelete_document(uuids[0])
    await collection.adelete_documents(uuids[1:3])
    assert [document.uuid for document in await collection.aget_documents(uuids)] == uuids[3:]
    with pytest.raises(NotFoundError, match="documents not found"):
        await collection.aget_document(uuids[0])


async def test_documents_are_searched_by_vector(client: ZepClient, name: str) -> None:
    """The nearest come first with their scores, whatever the kind of search; metadata filters."""
    collection, uuids = await with_vectors(client, name, 4)
    found, query = await collection.asearch_return_query_vector(embedding=vector(2), limit=2)
    assert (found[0].uuid, found[0].score) == (uuids[2], pytest.approx(1, abs=1e-6))
    assert query == pytest.approx(vector(2))
    diverse = await collection.asearch(embedding=vector(2), limit=3, search_type="mmr", mmr_lambda=0.9)
    assert diverse[0].uuid == uuids[2]
    filtered = await collection.asearch(metadata={"where": {"jsonpath": "$ ? (@.n == 1)"}})
    assert [document.uuid for document in filtered] == [uuids[1]]


async def test_documents_are_searched_by_text(client: ZepClient, name: str) -> None:
    """Documents that the server embeds are found by what they mean."""
    collection = await client.document.aadd_collection(name, 384)
    await collection.aadd_documents([Document(content="The ferry leaves at noon."), Document(content="Bring a coat.")])
    for _ in range(300):
        if (await client.document.aget_collection(name)).status == "ready":
            break
        await asyncio.sleep(0.1)
    for search_type in ("similarity", "hybrid"):
        found = await collection.asearch("When does the ship go?", limit=1, search_type=search_type)
        assert [document.content for document in found] == ["The ferry leaves at noon."]


async def test_an_index_can_be_asked_for_and_measured(client: ZepClient, name: str) -> None:
    """Asking for an index that a small collection does not need does no harm; without one there is no recall."""
    collection, _ = await with_vectors(client, name, 1)
    await collection.acreate_index()
    await collection.acreate_index(force=True)
    assert await collection.ameasure_index() is None


async def test_mistakes_are_told_before_anything_is_sent(client: ZepClient, name: str) -> None:
    """What cannot be right is refused by the client, what only the server can know by the server."""
    collection, uuids = await with_vectors(client, name, 1)
    for call in (
        lambda: collection.aupdate_document(uuids[0]),
        lambda: collection.aupdate_document(uuids[0], description="none"),
        lambda: collection.aget_documents([]),
        lambda: collection.adelete_documents([]),
        collection.asearch,
        lambda: collection.aadd_documents([], batch_size=0),
        lambda: DocumentCollection(name=name).aget_document(NOBODY),
    ):
        with pytest.raises(ValueError):
            await call()
    with pytest.raises(BadRequest, match="width"):
        await collection.aadd_documents([Document(content="x", embedding=[1.0])])
