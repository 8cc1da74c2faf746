"""The client: where the server is, and the parts of its API."""

from __future__ import annotations

import asyncio
import os
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

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
from recollect.client.wire import API, HEADERS, Wire

if TYPE_CHECKING:
    from recollect.client.local import LocalServer


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
    0.1 seconds or as long as the server asks for, where a call can be repeated safely: reading, searching,
    changing, and adding memory. `transport` stands in for the network in tests.

    Besides what its own description names, any call may raise Unreachable, AuthError, Unavailable, OutOfSpace, APIError
    for an answer that nobody foresaw, and ValueError or TypeError before anything is sent.

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
        authorization = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._wire = wire = Wire(base_url.rstrip("/") + API, HEADERS | authorization, httpx.Timeout(timeout), retries)
        self._local: LocalServer | None = None
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

    @classmethod
    def embedded(
        cls,
        data_dir: str | os.PathLike[str] | None = None,
        api_key: str | None = None,
        *,
        timeout: float | httpx.Timeout | None = 10.0,
        retries: int = 3,
        start_timeout: float = 120.0,
    ) -> Self:
        """Return a client that brings its server along: for notebooks, tests and programs for one desk.

        The server keeps its data in `data_dir`, the server's own default unless said otherwise. It is started when the
        context is entered, or by the first call, opens no port, and is stopped when the last client of that folder, in
        whichever process, has left its context or died. A server that runs there already is joined. The server takes
        its other settings from the environment and `recollect.toml`, and logs to `server.log` in the folder.

        Starting raises StartupError if the server does not start, with the reason, or is not ready after
        `start_timeout` seconds. Needs `pip install 'recollect[server]'`, and Unix sockets.

        >>> with ZepClient.embedded("assistant-data") as client:
        ...     client.memory.add_memory("trip", Memory(messages=[Message(role="Ana", content="Hi")]))
        """
        from recollect.client.local import LocalServer  # noqa: PLC0415 -- only those who bring one wait for it

        client = cls("http://localhost", api_key, timeout=timeout, retries=retries)
        client._local = LocalServer(data_dir, start_timeout, client._wire)
        client._sync_pool.local = client._async_pool.local = client._local
        return client

    @property
    def base_url(self) -> str:
        """The address of the API."""
        return self._wire.base_url

    def check(self) -> None:
        """Return if the server answers, is ready and takes the token; else raise what a call would raise."""
        self.user.list(limit=1)

    async def acheck(self) -> None:
        """Return if the server answers, is ready and takes the token; else raise what a call would raise."""
        await self.user.alist(limit=1)

    def close(self) -> None:
        """Close the connections of blocking calls, which are refused from then on; let go of a server brought along."""
        self._sync_pool.close()
        if self._local is not None:
            self._local.leave()

    async def aclose(self) -> None:
        """Close all connections; calls are refused from then on. Other event loops close theirs when they end."""
        self._sync_pool.close()
        await self._async_pool.aclose()
        if self._local is not None:
            await asyncio.to_thread(self._local.leave)

    def __enter__(self) -> Self:
        if self._local is not None:
            self._local.join()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        if self._local is not None:
            try:
                await asyncio.to_thread(self._local.join)
            except asyncio.CancelledError:
                threading.Thread(target=self._local.leave).start()
                raise
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
