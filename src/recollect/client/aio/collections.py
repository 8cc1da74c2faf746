from __future__ import annotations

from recollect.client.collection import DocumentCollection
from recollect.client.connections import Api
from recollect.client.models import Json
from recollect.client.wire import Call, path

COLLECTION = "/collection/{name}"


class AsyncCollections(Api):
    """Collections of documents."""

    async def aadd_collection(
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

        >>> notes = await client.document.aadd_collection("travel-notes", embedding_dimensions=384)
        >>> await notes.aadd_documents([Document(content="The ferry leaves at noon.")])
        """
        wanted = {
            "name": name,
            "description": description,
            "metadata": metadata,
            "embedding_dimensions": embedding_dimensions,
            "is_auto_embedded": is_auto_embedded,
        }
        await self._connections.aio.asend(Call(str, "POST", path(COLLECTION, name=name), body=wanted))
        return await self.aget_collection(name)

    async def aget_collection(self, name: str) -> DocumentCollection:
        """Return a collection, with the numbers of its documents. Raises NotFoundError."""
        call = Call(DocumentCollection, "GET", path(COLLECTION, name=name))
        return (await self._connections.aio.asend(call)).through(self._connections)

    async def aupdate_collection(
        self, name: str, description: str | None = None, metadata: Json | None = None
    ) -> DocumentCollection:
        """Replace a collection's description and metadata, each if it is given. Raises NotFoundError."""
        if description is None and metadata is None:
            raise ValueError("neither description nor metadata is given")
        body = {"description": description, "metadata": metadata}
        await self._connections.aio.asend(Call(str, "PATCH", path(COLLECTION, name=name), body=body))
        return await self.aget_collection(name)

    async def alist_collections(self) -> list[DocumentCollection]:
        """Return all collections, the oldest first."""
        found = await self._connections.aio.asend(Call(list[DocumentCollection], "GET", "/collection"))
        return [collection.through(self._connections) for collection in found]

    async def adelete_collection(self, collection_name: str) -> None:
        """Delete a collection with all its documents. Raises NotFoundError."""
        where = path("/collection/{collection_name}", collection_name=collection_name)
        await self._connections.aio.asend(Call(str, "DELETE", where))
