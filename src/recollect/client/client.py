"""The client: where the server is, and the parts of its API."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import httpx

from recollect.client.aio.collections import AsyncCollections
from recollect.client.aio.connection import AsyncConnection
from recollect.client.aio.jobs import AsyncJobs
from recollect.client.aio.memory import AsyncMemory
from recollect.client.aio.messages import AsyncMessages
from recollect.client.aio.users import AsyncUsers
from recollect.client.connections import Connections
from recollect.client.pools import AsyncPool, SyncPool, Transport
from recollect.client.sync.collections import SyncCollections
from recollect.client.sync.connection import SyncConnection
from recollect.client.sync.jobs import SyncJobs
from recollect.client.sync.memory import SyncMemory
from recollect.client.sync.messages import SyncMessages
from recollect.client.sync.users import SyncUsers
from recollect.client.wire import HEADERS, Wire

API = "/api/v1"


class MemoryClient(AsyncMemory, SyncMemory):
    """Sessions, and the memory of each."""


class MessageClient(AsyncMessages, SyncMessages):
    """The messages of a session, one by one or page by page."""


class UserClient(AsyncUsers, SyncUsers):
    """Users, their sessions, and search across these."""


class DocumentClient(AsyncCollections, SyncCollections):
    """Collections of documents."""


class JobClient(AsyncJobs, SyncJobs):
    """The server's work in the background, for operators."""


class ZepClient:
    """A client of a Recollect server, for blocking and, with names that begin with an a, for asynchronous calls.

    `api_key` is a token, needed where the server wants one. `timeout` is in seconds, for connecting and for each pause
    in an answer, 10 unless said otherwise; an `httpx.Timeout` tells them apart. A connection that breaks, and an answer
    of 503 or 429, is met with up to `retries` further attempts, 3 unless said otherwise, after pauses that double from
    0.1 seconds or as long as the server asks for, where a call can be repeated safely: reading, searching, and adding
    memory. `transport` stands in for the network in tests.

    Nothing is sent before the first call; `check` asks whether all is well. One client serves all threads and event
    loops of a program. Raises ValueError for an address that is none.

    >>> async with ZepClient("http://127.0.0.1:8000") as client:
    ...     memory = await client.memory.aget_memory("trip")
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float | httpx.Timeout | None = 10.0,
        retries: int = 3,
        transport: Transport = None,
    ) -> None:
        if not _is_address(base_url):
            raise ValueError(f"base_url is {base_url!r}, which is not like http://127.0.0.1:8000")
        self.base_url = base_url.rstrip("/") + API
        authorization = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        wire = Wire(self.base_url, HEADERS | authorization, httpx.Timeout(timeout), retries)
        self._async_pool = AsyncPool(transport)
        self._sync_pool = SyncPool(transport)
        connections = Connections(AsyncConnection(wire, self._async_pool), SyncConnection(wire, self._sync_pool))
        self.memory = memory = MemoryClient(connections)
        self.message = MessageClient(connections)
        self.user = UserClient(connections)
        self.document = DocumentClient(connections)
        self.job = JobClient(connections)
        # The published client still has these here, too.
        self.add_session, self.aadd_session = memory.add_session, memory.aadd_session
        self.get_session, self.aget_session = memory.get_session, memory.aget_session
        self.add_memory, self.aadd_memory = memory.add_memory, memory.aadd_memory
        self.get_memory, self.aget_memory = memory.get_memory, memory.aget_memory
        self.delete_memory, self.adelete_memory = memory.delete_memory, memory.adelete_memory
        self.search_memory, self.asearch_memory = memory.search_memory, memory.asearch_memory

    def check(self) -> None:
        """Return if the server answers, is ready and takes the token; else raise what a call would raise."""
        self.user.list(limit=1)

    async def acheck(self) -> None:
        """Return if the server answers, is ready and takes the token; else raise what a call would raise."""
        await self.user.alist(limit=1)

    def close(self) -> None:
        """Close the connections of blocking calls, which are refused from then on."""
        self._sync_pool.close()

    async def aclose(self) -> None:
        """Close all connections; calls are refused from then on. Other event loops close theirs when they end."""
        self._sync_pool.close()
        await self._async_pool.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _is_address(text: str) -> bool:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return url.scheme in {"http", "https"} and bool(url.host)
