"""Collections and documents, on a server that embeds."""

import time
from uuid import uuid4

from case import ASYNC, ClientTest
from zep_python.document import Document
from zep_python.exceptions import APIError, NotFoundError

WIDTH = 8


def axis(place, more=0.25):
    vector = [0.0] * WIDTH
    vector[place], vector[(place + 1) % WIDTH] = 0.75, more
    return vector


class Collections(ClientTest):
    def add(self, name, **fields):
        given = {"embedding_dimensions": WIDTH, "is_auto_embedded": False, **fields}
        return self.call(self.client.document.add_collection, name, **given)

    def test_102_109_a_collection_is_added_read_changed_and_deleted(self):
        manager = self.client.document
        added = self.add("papers", description="mine", metadata={"a": 1}, is_auto_embedded=True)
        self.assertEqual((added.name, added.description, added.metadata), ("papers", "mine", {"a": 1}))
        self.assertEqual((added.embedding_dimensions, added.is_auto_embedded), (WIDTH, True))
        self.assertEqual((added.document_count, added.status), (0, "pending"))
        changed = self.call(manager.update_collection, "papers", metadata={"b": 2})
        self.assertEqual((changed.description, changed.metadata), ("mine", {"b": 2}))
        self.assertGreater(changed.updated_at, changed.created_at)
        self.assertEqual(self.call(manager.get_collection, "PAPERS"), changed)
        self.assertIn(changed, self.call(manager.list_collections))
        self.call(manager.delete_collection, "papers")
        self.refused(NotFoundError, manager.get_collection, "papers")
        self.refused(NotFoundError, manager.delete_collection, "papers")
        self.refused(NotFoundError, manager.update_collection, "papers", description="x")

    def test_106_what_cannot_be_added_raises_api_error(self):
        self.add("taken")
        error = self.refused(
            APIError, self.client.document.add_collection, "taken", embedding_dimensions=WIDTH, is_auto_embedded=False
        )
        self.assertIn("collection already exists", error.response_data["message"])

    def test_111_116_118_120_documents_are_added_read_and_changed(self):
        books = self.add("books1")
        new = [
            Document(content="one", embedding=axis(0), document_id="first", metadata={"n": 1}),
            Document(content="two", embedding=axis(3)),
        ]
        uuids = self.call(books.add_documents, new)
        found = self.call(books.get_documents, uuids)
        self.assertEqual([document.uuid for document in found], uuids)
        self.assertEqual([document.embedding for document in found], [axis(0), axis(3)])
        self.assertEqual((found[0].document_id, found[0].metadata, found[0].is_embedded), ("first", {"n": 1}, True))
        self.assertEqual(self.call(books.get_document, uuids[1]), found[1])
        books = self.call(self.client.document.get_collection, "books1")
        self.assertEqual((books.document_count, books.status), (2, "ready"))

        self.call(books.update_document, uuids[0], metadata={"m": 2})
        self.assertEqual(self.call(books.get_document, uuids[0]).metadata, {"m": 2})
        if ASYNC:  # this variant sends a description instead of the document's id, which documents do not have
            self.refused(APIError, books.update_document, uuids[0], description="x")
        else:
            books.update_document(uuids[0], document_id="renamed")
            self.assertEqual(books.get_document(uuids[0]).document_id, "renamed")
        self.refused(NotFoundError, books.update_document, str(uuid4()), metadata={"m": 2})

    def test_112_114_115_what_cannot_be_added_stores_nothing(self):
        books, auto = self.add("books2"), self.add("books3", is_auto_embedded=True)
        good = Document(content="good", embedding=axis(0), document_id="same")
        for bad in (
            Document(content="bad", embedding=axis(1), document_id="same"),
            Document(content="bad"),
            Document(content="bad", embedding=[0.5]),
        ):
            self.refused(APIError, books.add_documents, [good, bad])
        self.refused(APIError, auto.add_documents, [good])
        for name in ("books2", "books3"):
            self.assertEqual(self.call(self.client.document.get_collection, name).document_count, 0)

    def test_123_documents_are_deleted(self):
        books = self.add("books4")
        uuids = self.call(books.add_documents, [Document(content=str(n), embedding=axis(n)) for n in range(3)])
        self.call(books.delete_document, uuids[1])
        self.refused(NotFoundError, books.delete_document, uuids[1])
        self.refused(NotFoundError, books.get_document, uuids[1])
        self.refused(NotFoundError, books.get_documents, [uuids[1]])
        self.assertEqual([found.content for found in self.call(books.get_documents, uuids)], ["0", "2"])

    def test_111_many_documents_come_in_batches(self):
        books = self.add("books5")
        new = [Document(content=f"number {n}", embedding=axis(n % WIDTH)) for n in range(1100)]
        uuids = self.call(books.add_documents, new)
        self.assertEqual(len(set(uuids)), 1100)
        self.assertEqual(self.call(books.get_document, uuids[1050]).content, "number 1050")

    def test_125_126_127_129_documents_are_found(self):
        books = self.add("books6")
        new = [Document(content=str(n), embedding=axis(n, 0.125 * n), metadata={"odd": n % 2}) for n in range(6)]
        self.call(books.add_documents, new)
        found, vector = self.call(books.search_return_query_vector, embedding=axis(2), limit=3)
        self.assertEqual((found[0].content, len(found), vector), ("2", 3, axis(2)))
        self.assertAlmostEqual(found[0].score, 1, places=4)
        self.assertEqual(found, sorted(found, key=lambda document: -document.score))
        odd = {"where": {"jsonpath": "$[*] ? (@.odd == 1)"}}
        found = self.call(books.search, embedding=axis(2), metadata=odd)
        self.assertEqual({document.content for document in found}, {"1", "3", "5"})
        found, vector = self.call(books.search_return_query_vector, metadata=odd)
        self.assertEqual(({document.score for document in found}, vector), ({0}, []))
        found = self.call(books.search, embedding=axis(2), limit=2, search_type="mmr", mmr_lambda=0.3)
        self.assertEqual((found[0].content, len(found)), ("2", 2))
        self.refused(APIError, books.search, embedding=axis(2), text="both")

    def test_128_a_search_where_nothing_is_finds_nothing(self):
        books = self.add("books7")
        self.assertEqual(self.call(books.search, embedding=axis(0)), [])
        self.call(self.client.document.delete_collection, "books7")
        self.assertEqual(self.call(books.search_return_query_vector, embedding=axis(0)), ([], []))

    def test_117_125_texts_are_embedded_and_found(self):
        stories = self.add("stories", embedding_dimensions=384, is_auto_embedded=True)
        texts = ["The puppy fetched a ball.", "Volcanoes shape Iceland.", "Espresso needs fine coffee."]
        uuids = self.call(stories.add_documents, [Document(content=text) for text in texts])
        deadline = time.monotonic() + 60
        while self.call(self.client.document.get_collection, "stories").status != "ready":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self.assertEqual(len(self.call(stories.get_document, uuids[0]).embedding), 384)
        found, vector = self.call(stories.search_return_query_vector, "a dog at play", limit=2)
        self.assertEqual((found[0].content, len(found), len(vector)), (texts[0], 2, 384))
        found = self.call(stories.search, "a dog at play", search_type="mmr", limit=3)
        self.assertEqual(found[0].content, texts[0])

    def test_110_an_index_can_be_asked_for(self):
        books = self.add("books8")
        books.create_index()
        self.call(books.add_documents, [Document(content="one", embedding=axis(0))])
        books = self.call(self.client.document.get_collection, "books8")
        self.assertRaises(ValueError, books.create_index)
        books.create_index(force=True)
