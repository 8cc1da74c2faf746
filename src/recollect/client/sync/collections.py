# Made by tools/unasync.py of src/recollect/client/aio/collections.py: change that.
from __future__ import annotations

from recollect.client.collection import DocumentCollection
from recollect.client.connections import Api
from recollect.client.models import Json
from recollect.client.wire import Call, path

COLLECTION = "/collection/{name}"


class SyncCollections(Api):
    """Collections of documents."""

    def add_collection(
        self,
        name: str,
        embedding_dimensions: int,
        description: str | None = None,
        metadata: Json | None = None,
        is_auto_embedded: bool = True,  # noqa: FBT001, FBT002 -- the published client takes it by place
    ) -> DocumentCollection:
        """Create a collection of documents that the server embeds, or that come with vectors of yours.

        `name`: 3 to 40 letters, digits, _ and -, in lower case from then on. `embedding_dimensions`: 8 to 2,000; that
        of the server's own model is 384. Raises BadRequest, also if the name is taken.

        >>> notes = client.document.add_collection("travel-notes", embedding_dimensions=384)
        >>> notes.add_documents([Document(content="The ferry leaves at noon.")])
        """
        wanted = {
            "name": name,
            "description": description,
            "metadata": metadata,
            "embedding_dimensions": embedding_dimensions,
            "is_auto_embedded": is_auto_embedded,
        }
        self._connections.sync.send(Call(str, "POST", path(COLLECTION, name=name), body=wanted))
        return self.get_collection(name)

    def get_collection(self, name: str) -> DocumentCollection:
        """Return a collection, with the numbers of its documents. Raises NotFoundError."""
        call = Call(DocumentCollection, "GET", path(COLLECTION, name=name))
        return (self._connections.sync.send(call)).through(self._connections)

    def update_collection(
        self, name: str, description: str | None = None, metadata: Json | None = None
    ) -> DocumentCollection:
        """Replace a collection's description and metadata, each if it is given. Raises NotFoundError."""
        if description is None and metadata is None:
            raise ValueError("neither description nor metadata is given")
        body = {"description": description, "metadata": metadata}
        self._connections.sync.send(Call(str, "PATCH", path(COLLECTION, name=name), body=body))
        return self.get_collection(name)

    def list_collections(self) -> list[DocumentCollection]:
        """Return all collections, the oldest first."""
        found = self._connections.sync.send(Call(list[DocumentCollection], "GET", "/collection"))
        return [collection.through(self._connections) for collection in found]

    def delete_collection(self, collection_name: str) -> None:
        """Delete a collection with all its documents. Raises NotFoundError."""
        where = path("/collection/{collection_name}", collection_name=collection_name)
        self._connections.sync.send(Call(str, "DELETE", where))
