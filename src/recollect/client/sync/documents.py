# Made by tools/unasync.py of src/recollect/client/aio/documents.py: change that.
from __future__ import annotations

from recollect.client.connections import Collected
from recollect.client.models import Document, DocumentSearchResult, IndexRecall, Json, SearchType
from recollect.client.wire import Call, path

DOCUMENT = "/collection/{name}/document/uuid/{uuid}"
DOCUMENTS = "/collection/{name}/document"
LIST = "/collection/{name}/document/list"


class SyncDocuments(Collected):
    """The documents of one collection."""

    def add_documents(self, documents: list[Document], batch_size: int = 500) -> list[str]:
        """Add documents, `batch_size` to a request, each batch all or none; return their uuids in order.

        Raises BadRequest (an id is taken, a vector is of the wrong width, has to be there or must not be), TooLarge.

        >>> uuids = notes.add_documents([Document(content="The ferry leaves at noon.")])
        >>> document = notes.get_document(uuids[0])
        """
        if batch_size < 1:
            raise ValueError("batch_size is less than 1")
        where = path(DOCUMENTS, name=self.name)
        uuids: list[str] = []
        for start in range(0, len(documents), batch_size):
            batch = [document.dict(exclude_none=True) for document in documents[start : start + batch_size]]
            uuids += self._reached.sync.send(Call(list[str], "POST", where, body=batch))
        return uuids

    def get_document(self, uuid: str) -> Document:
        """Return a document with its vector. Raises NotFoundError, BadRequest for what is no uuid."""
        return self._reached.sync.send(Call(Document, "GET", path(DOCUMENT, name=self.name, uuid=uuid)))

    def get_documents(self, uuids: list[str]) -> list[Document]:
        """Return the documents that exist among those with these uuids, in order. Raises NotFoundError if none does."""
        if not uuids:
            raise ValueError("uuids is empty")
        where = path(f"{LIST}/get", name=self.name)
        call = Call(list[Document], "POST", where, body={"uuids": uuids}, repeatable=True)
        return self._reached.sync.send(call)

    def get_documents_by_id(self, document_ids: list[str]) -> list[Document]:
        """Likewise by the ids that you gave them."""
        if not document_ids:
            raise ValueError("document_ids is empty")
        where = path(f"{LIST}/get", name=self.name)
        call = Call(list[Document], "POST", where, body={"document_ids": document_ids}, repeatable=True)
        return self._reached.sync.send(call)

    def update_document(
        self, uuid: str, document_id: str | None = None, metadata: Json | None = None, *, description: str | None = None
    ) -> None:
        """Replace a document's id and metadata, each if it is given. Raises NotFoundError, BadRequest.

        Documents have no description: it is taken because the published client takes it, and not sent.
        """
        if document_id is None and metadata is None:
            raise ValueError(
                "documents have no description"
                if description is not None
                else "neither document_id nor metadata is given"
            )
        body = {"document_id": document_id, "metadata": metadata}
        self._reached.sync.send(Call(str, "PATCH", path(DOCUMENT, name=self.name, uuid=uuid), body=body))

    def delete_document(self, uuid: str) -> None:
        """Delete a document, for good. Raises NotFoundError."""
        self._reached.sync.send(Call(str, "DELETE", path(DOCUMENT, name=self.name, uuid=uuid)))

    def delete_documents(self, uuids: list[str]) -> None:
        """Delete documents, for good; those that do not exist are passed over. Raises NotFoundError if none does."""
        if not uuids:
            raise ValueError("uuids is empty")
        self._reached.sync.send(Call(str, "POST", path(f"{LIST}/delete", name=self.name), body=uuids))

    def create_index(
        self,
        force: bool = False,  # noqa: FBT001, FBT002 -- the published client takes it by place
    ) -> None:
        """Have the collection indexed if it is large enough to need it; the server also does so by itself."""
        where = path("/collection/{name}/index/create", name=self.name)
        self._reached.sync.send(Call(str, "POST", where, query={"force": force}))

    def measure_index(self) -> float | None:
        """Return the share of the exact nearest neighbours that the index finds; None while there is no index."""
        where = path("/collection/{name}/index/create", name=self.name)
        call = Call(IndexRecall, "POST", where, query={"measure": True}, repeatable=True)
        return (self._reached.sync.send(call)).recall

    def search(
        self,
        text: str | None = None,
        embedding: list[float] | None = None,
        metadata: Json | None = None,
        limit: int | None = None,
        search_type: SearchType | None = None,
        mmr_lambda: float | None = None,
    ) -> list[Document]:
        """Find at most `limit` documents (20 unless said otherwise) by text or by vector, by metadata, or by both.

        The best come first; `score` is (1 + cosine similarity) / 2, 0 if metadata alone was asked for. `search_type`
        is "similarity" unless said otherwise, "mmr" or, with a text, "hybrid". Raises BadRequest, NotFoundError.

        >>> documents = notes.search("When does the ferry leave?", limit=3)
        >>> print([(document.content, document.score) for document in documents])
        """
        found, _ = self.search_return_query_vector(text, embedding, metadata, limit, search_type, mmr_lambda)
        return found

    def search_return_query_vector(
        self,
        text: str | None = None,
        embedding: list[float] | None = None,
        metadata: Json | None = None,
        limit: int | None = None,
        search_type: SearchType | None = None,
        mmr_lambda: float | None = None,
    ) -> tuple[list[Document], list[float]]:
        """Likewise, with the vector that the documents were compared with; empty if there was none."""
        if not (text or embedding or metadata):
            raise ValueError("none of text, embedding and metadata is given")
        wanted = {
            "text": text,
            "embedding": embedding,
            "metadata": metadata,
            "search_type": search_type,
            "mmr_lambda": mmr_lambda,
        }
        call = Call(
            DocumentSearchResult,
            "POST",
            path("/collection/{name}/search", name=self.name),
            body={name: value for name, value in wanted.items() if value is not None},
            query={"limit": limit},
            repeatable=True,
        )
        result = self._reached.sync.send(call)
        return result.results, result.query_vector
