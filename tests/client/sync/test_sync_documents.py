# Made by tools/unasync.py of tests/client/aio/test_aio_documents.py: change that.
from __future__ import annotations

import time

import pytest

from recollect import BadRequest, Document, DocumentCollection, NotFoundError, ZepClient

NOBODY = "6b3f2f0a-8f5e-4a7c-9f64-0c1d2e3f4a5b"
WIDTH = 8


def vector(direction: int) -> list[float]:
    return [1.0 if place == direction else 0.1 for place in range(WIDTH)]


def with_vectors(client: ZepClient, name: str, count: int) -> tuple[DocumentCollection, list[str]]:
    """Make a collection of documents with vectors of their own."""
    collection = client.document.add_collection(name, WIDTH, is_auto_embedded=False)
    documents = [
        Document(content=f"text {number}", document_id=f"id-{number}", metadata={"n": number}, embedding=vector(number))
        for number in range(count)
    ]
    return collection, collection.add_documents(documents, batch_size=2)


def test_collections_are_made_changed_and_deleted(client: ZepClient, name: str) -> None:
    """A collection goes through its whole life, and each answer tells its state."""
    made = client.document.add_collection(name, 384, description="Notes", metadata={"a": 1})
    assert (made.name, made.description, made.metadata) == (name, "Notes", {"a": 1})
    assert (made.embedding_dimensions, made.is_auto_embedded, made.status) == (384, True, "pending")
    changed = client.document.update_collection(name, metadata={"b": 2})
    assert (changed.description, changed.metadata) == ("Notes", {"b": 2})
    assert changed in client.document.list_collections()
    assert changed == client.document.get_collection(name)
    client.document.delete_collection(name)
    with pytest.raises(NotFoundError, match=f"collection: {name} not found"):
        client.document.get_collection(name)
    with pytest.raises(ValueError, match="neither"):
        client.document.update_collection(name)


def test_documents_are_added_in_order(client: ZepClient, name: str) -> None:
    """Documents added in batches are found under the uuids that adding them returned, in order."""
    collection, uuids = with_vectors(client, name, 5)
    assert [document.content for document in collection.get_documents(uuids)] == [f"text {n}" for n in range(5)]
    document = collection.get_document(uuids[3])
    assert (document.document_id, document.metadata, document.is_embedded) == ("id-3", {"n": 3}, True)
    assert document.embedding == pytest.approx(vector(3))
    assert [found.uuid for found in collection.get_documents_by_id(["id-4", "id-0"])] == [uuids[4], uuids[0]]
    assert (client.document.get_collection(name)).status == "ready"


def test_documents_are_changed_and_deleted(client: ZepClient, name: str) -> None:
    """What is given replaces what there was; what is deleted is gone."""
    collection, uuids = with_vectors(client, name, 4)
    collection.update_document(uuids[0], metadata={"m": 1})
    collection.update_document(uuids[0], document_id="other")
    changed = collection.get_document(uuids[0])
    assert (changed.document_id, changed.metadata) == ("other", {"m": 1})
    collection.delete_document(uuids[0])
    collection.delete_documents(uuids[1:3])
    assert [document.uuid for document in collection.get_documents(uuids)] == uuids[3:]
    with pytest.raises(NotFoundError, match="documents not found"):
        collection.get_document(uuids[0])


def test_documents_are_searched_by_vector(client: ZepClient, name: str) -> None:
    """The nearest come first with their scores, whatever the kind of search; metadata filters."""
    collection, uuids = with_vectors(client, name, 4)
    found, query = collection.search_return_query_vector(embedding=vector(2), limit=2)
    assert (found[0].uuid, found[0].score) == (uuids[2], pytest.approx(1, abs=1e-6))
    assert query == pytest.approx(vector(2))
    diverse = collection.search(embedding=vector(2), limit=3, search_type="mmr", mmr_lambda=0.9)
    assert diverse[0].uuid == uuids[2]
    filtered = collection.search(metadata={"where": {"jsonpath": "$ ? (@.n == 1)"}})
    assert [document.uuid for document in filtered] == [uuids[1]]


def test_documents_are_searched_by_text(client: ZepClient, name: str) -> None:
    """Documents that the server embeds are found by what they mean."""
    collection = client.document.add_collection(name, 384)
    collection.add_documents([Document(content="The ferry leaves at noon."), Document(content="Bring a coat.")])
    for _ in range(300):
        if (client.document.get_collection(name)).status == "ready":
            break
        time.sleep(0.1)
    for search_type in ("similarity", "hybrid"):
        found = collection.search("When does the ship go?", limit=1, search_type=search_type)
        assert [document.content for document in found] == ["The ferry leaves at noon."]


def test_an_index_can_be_asked_for_and_measured(client: ZepClient, name: str) -> None:
    """Asking for an index that a small collection does not need does no harm; without one there is no recall."""
    collection, _ = with_vectors(client, name, 1)
    collection.create_index()
    collection.create_index(force=True)
    assert collection.measure_index() is None


def test_mistakes_are_told_before_anything_is_sent(client: ZepClient, name: str) -> None:
    """What cannot be right is refused by the client, what only the server can know by the server."""
    collection, uuids = with_vectors(client, name, 1)
    for call in (
        lambda: collection.update_document(uuids[0]),
        lambda: collection.update_document(uuids[0], description="none"),
        lambda: collection.get_documents([]),
        lambda: collection.delete_documents([]),
        collection.search,
        lambda: collection.add_documents([], batch_size=0),
        lambda: DocumentCollection(name=name).get_document(NOBODY),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(BadRequest, match="width"):
        collection.add_documents([Document(content="x", embedding=[1.0])])
