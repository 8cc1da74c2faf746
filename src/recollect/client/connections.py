"""What the calls of an API object go through."""

from __future__ import annotations

from typing import NamedTuple, Self

from recollect.client.aio.connection import AsyncConnection
from recollect.client.sync.connection import SyncConnection


class Connections(NamedTuple):
    """Both ways to the server."""

    aio: AsyncConnection
    sync: SyncConnection


class Api:
    """A part of the API; its methods come from the halves that wait."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections


class Collected:
    """A collection's own part of the API."""

    name: str
    _connections: Connections | None = None

    @property
    def _reached(self) -> Connections:
        if self._connections is None:
            raise ValueError("this collection was made by hand: get it from client.document.get_collection")
        return self._connections

    def through(self, connections: Connections) -> Self:
        """Return the collection, now with a way to the server."""
        self._connections = connections
        return self
