"""Connections that stay open between calls: one pool for all threads, one for each event loop."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from collections.abc import AsyncGenerator
from functools import cache
from typing import TYPE_CHECKING

import httpx

from recollect.client.wire import CLOSED

if TYPE_CHECKING:
    from recollect.client.local import LocalServer

Transport = httpx.BaseTransport | httpx.AsyncBaseTransport | None

LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=4.0)
"""A connection rests for less time than the 5 seconds after which the server closes it."""


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # takes 20 ms, so once for all pools


class SyncPool:
    """Connections for calls that block, shared by all threads."""

    local: LocalServer | None = None
    """The server to connect to in place of the network."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._client: httpx.Client | None = None
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._closed = False

    def client(self) -> httpx.Client:
        """Return the open pool. Raises RuntimeError once it was closed."""
        if self.local is not None and not self.local.is_joined:
            self.local.join()
        with self._lock:
            if self._closed:
                raise RuntimeError(CLOSED)
            if self._client is not None and self._process != os.getpid():
                self._client.close()  # that of the process we were forked from: shared, it would mix up answers
                self._client = None
            if self._client is None:
                self._client, self._process = self._new(), os.getpid()
            return self._client

    def close(self) -> None:
        """Close the connections for good."""
        with self._lock:
            self._closed = True
            if self._client is not None:
                self._client.close()

    def _new(self) -> httpx.Client:
        transport = self._transport
        if self.local is not None and self.local.uds is not None:
            transport = httpx.HTTPTransport(uds=self.local.uds, limits=LIMITS, verify=_tls())
        if transport is not None and not isinstance(transport, httpx.BaseTransport):
            raise TypeError("this transport is for asynchronous calls only")
        return httpx.Client(transport=transport, limits=LIMITS, verify=_tls())


class AsyncPool:
    """Connections for calls that do not block: some for each event loop, since a connection belongs to one."""

    local: LocalServer | None = None
    """The server to connect to in place of the network."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._clients: dict[asyncio.AbstractEventLoop, tuple[httpx.AsyncClient, AsyncGenerator[None]]] = {}
        self._lock = threading.Lock()
        self._closed = False

    async def aclient(self) -> httpx.AsyncClient:
        """Return the open pool of the event loop that runs. Raises RuntimeError once the client was closed."""
        loop = asyncio.get_running_loop()
        if self.local is not None and not self.local.is_joined:
            await asyncio.to_thread(self.local.join)
        with self._lock:
            if self._closed:
                raise RuntimeError(CLOSED)
            found = self._clients.get(loop)
            if found is not None:
                return found[0]
            for gone in [other for other in self._clients if other.is_closed()]:
                del self._clients[gone]
            client = self._new()
            closing = _closing(client)
            self._clients[loop] = client, closing
        await anext(closing)
        return client

    async def aclose(self) -> None:
        """Close this event loop's connections, and refuse calls from any other, which closes its own when it ends."""
        with self._lock:
            self._closed = True
            found = self._clients.pop(asyncio.get_running_loop(), None)
        if found is not None:
            await found[1].aclose()

    def _new(self) -> httpx.AsyncClient:
        transport = self._transport
        if self.local is not None and self.local.uds is not None:
            transport = httpx.AsyncHTTPTransport(uds=self.local.uds, limits=LIMITS, verify=_tls())
        if transport is not None and not isinstance(transport, httpx.AsyncBaseTransport):
            raise TypeError("this transport is for blocking calls only")
        return httpx.AsyncClient(transport=transport, limits=LIMITS, verify=_tls())


async def _closing(client: httpx.AsyncClient) -> AsyncGenerator[None]:
    """Close a client at the latest when its event loop ends: `asyncio.run` finishes the generators left open."""
    try:
        yield
    finally:
        await client.aclose()
