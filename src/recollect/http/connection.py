"""HTTP/1.1 on one connection: llhttp (through httptools) parses, a handler's answer leaves in one write.

A general server in between took a third of the processor time of a get-memory: scopes, events and checks for what
never occurs here, and a second write. What it would have bounded no better is bounded here: heads, bodies, time.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import TypeAlias, cast

import httptools

from recollect.http.request import Response
from recollect.logs import request_id

MAX_HEAD = 65_536
"""Bytes of a request line and its headers."""

MAX_WAITING = 16
"""Requests that a client may send ahead before it is no longer listened to."""

IDLE_SECONDS = 75.0
"""A connection without requests is closed."""

RECEIVE_SECONDS = 30.0
"""The time for a head, and for each next part of a body."""

SEND_SECONDS = 60.0
"""How long a client may leave an answer unread."""

LINGER_SECONDS = 5.0
"""Time for a client to read the answer to a request that was not read to its end."""

STATUS_LINES = {int(status): f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
MAX_ID = 64
"""Characters of an X-Request-Id that a client may choose."""

TEXT = b"text/plain; charset=utf-8"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BAD = Response(b"Invalid HTTP request received.\n", 400, TEXT)
HEAD_TOO_LARGE = Response(b"The request's head is larger than 64 KiB.\n", 431, TEXT)
TIMED_OUT = Response(b"The request did not arrive in time.\n", 408, TEXT)


class Incoming:
    """A request as it arrived. `body` is None when it is over the limit."""

    __slots__ = ("body", "headers", "id", "keep_alive", "method", "size", "target")

    def __init__(self) -> None:
        self.id = b""
        self.method = ""
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.body: bytes | None = b""
        self.size = 0
        self.keep_alive = True


Answer: TypeAlias = Callable[[Incoming], Awaitable[Response]]


class Door:
    """What the connections of one server share. `headers` end every head, and hold the time."""

    def __init__(self, answer: Answer, *, max_body: int, headers: bytes) -> None:
        self.answer = answer
        self.max_body = max_body
        self.connections: set[Connection] = set()
        self._headers = headers
        self._first_id = os.urandom(6).hex()
        self._ids = itertools.count()
        self.tell_time()

    def tell_time(self) -> None:
        """Put the current time into the headers."""
        self.headers = b"%b\r\ndate: %b" % (self._headers, formatdate(usegmt=True).encode())

    def new_id(self) -> bytes:
        """Return a request's id: unique among all processes, and cheap."""
        return f"{self._first_id}{next(self._ids):08x}".encode()


class Connection(asyncio.Protocol):
    """One client's connection: requests are answered one after the other, in their order."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._incoming: Incoming | None = None
        self._parts: list[bytes] = []
        self._head_size = 0
        self._waiting: deque[Incoming] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._deaf = False  # nothing more is read as requests
        self._last = False  # the next answer is the last one
        self._lost = False
        self._since = self._loop.time()  # when it began to wait for its client
        self._writable: asyncio.Future[None] | None = None

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._door.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; a request that is being answered is finished, since what it does may be wanted."""
        del exc
        self._lost = self._deaf = True
        self._parser = None  # type: ignore[assignment]  # the two hold each other
        self._waiting.clear()
        self.resume_writing()
        if self._answering is None:
            self._door.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came; the parser calls the on_ methods below."""
        if self._deaf:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # nothing to upgrade to: answered as if it had not been asked
            self._deaf = True
        except httptools.HttpParserError:
            self._refuse(BAD)
        if self._incoming is None or self._incoming.method:
            self._head_size = 0
        else:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self._refuse(HEAD_TOO_LARGE)

    def pause_writing(self) -> None:
        """Wait until the client has read."""
        self._writable = self._loop.create_future()
        self._since = self._loop.time()

    def resume_writing(self) -> None:
        """Go on."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # What the parser tells

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._incoming = Incoming()
        self._head_size = 0
        self._since = self._loop.time()

    def on_url(self, url: bytes) -> None:
        """Take a part of the request's target."""
        assert self._incoming is not None
        self._incoming.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; of several of one name the last one counts."""
        assert self._incoming is not None
        self._incoming.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Note how the body will come, and refuse one that is too large before it does."""
        incoming = self._incoming
        assert incoming is not None
        incoming.method = self._parser.get_method().decode("ascii")
        incoming.keep_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        length = incoming.headers.get(b"content-length", b"0")
        if int(length) > self._door.max_body:
            self._overflow(incoming)
        elif incoming.headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, up to the limit."""
        incoming = self._incoming
        if incoming is None:
            return
        self._since = self._loop.time()
        incoming.size += len(body)
        if incoming.size > self._door.max_body:
            self._overflow(incoming)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        """Have the request answered."""
        incoming, self._incoming = self._incoming, None
        if incoming is None or self._deaf:
            return
        if self._parts:
            incoming.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._parts = []
        self._take(incoming)

    # What the server tells

    def finish(self) -> None:
        """Answer what is being answered, then close."""
        self._last = True
        if self._answering is None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._answering is not None:
            self._answering.cancel()
        self._transport.abort()

    def watch(self, now: float) -> None:
        """Close what its client keeps waiting for too long."""
        waited = now - self._since
        if self._lost:
            return
        if self._writable is not None:
            if waited > SEND_SECONDS:
                self.abort()
        elif self._answering is None:
            if self._deaf:
                if waited > LINGER_SECONDS:
                    self._transport.abort()
            elif self._incoming is None:
                if waited > IDLE_SECONDS:
                    self._transport.close()
            elif waited > RECEIVE_SECONDS:
                self._refuse(TIMED_OUT)

    def _take(self, incoming: Incoming) -> None:
        self._waiting.append(incoming)
        if self._answering is None:
            self._answering = self._loop.create_task(self._answer())
        elif len(self._waiting) > MAX_WAITING:
            self._transport.pause_reading()

    def _overflow(self, incoming: Incoming) -> None:
        """Answer a body that is too large without reading it."""
        self._deaf = True
        self._incoming, self._parts = None, []
        incoming.body, incoming.keep_alive = None, False
        self._take(incoming)

    def _refuse(self, response: Response) -> None:
        """Answer what is no request that anybody could handle, unless earlier ones are still to be answered."""
        self._deaf = True
        self._incoming, self._parts = None, []
        if self._answering is None:
            self._write(response, None, keep_alive=False)
            self._part()

    async def _answer(self) -> None:
        try:
            while self._waiting:
                incoming = self._waiting.popleft()
                incoming.id = incoming.headers.get(b"x-request-id", b"")[:MAX_ID] or self._door.new_id()
                request_id.set(incoming.id.decode("latin-1"))
                response = await self._door.answer(incoming)
                if self._lost:
                    return
                keep = incoming.keep_alive and not self._last
                self._write(response, incoming, keep_alive=keep)
                if self._writable is not None:
                    await self._writable
                if not keep:
                    self._waiting.clear()
                    self._part()
                    return
                self._transport.resume_reading()
            if self._deaf:  # an invalid request came after the last valid one
                self._part()
        finally:
            self._answering = None
            self._since = self._loop.time()
            if self._lost:
                self._door.connections.discard(self)

    def _part(self) -> None:
        """Close, but let a client that is still sending read the answer first."""
        self._since = self._loop.time()
        if not self._deaf:
            self._transport.close()
        elif not self._lost:
            with suppress(OSError):  # it may be gone
                self._transport.write_eof()

    def _write(self, response: Response, incoming: Incoming | None, *, keep_alive: bool) -> None:
        parts = [
            STATUS_LINES[response.status],
            b"content-type: ",
            response.content_type,
            b"\r\ncontent-length: ",
            b"%d" % len(response.body),
            self._door.headers,
        ]
        if incoming is not None:
            parts += (b"\r\nx-request-id: ", incoming.id)
        for name, value in response.headers:
            parts += (b"\r\n", name, b": ", value)
        parts.append(b"\r\n\r\n" if keep_alive else b"\r\nconnection: close\r\n\r\n")
        if incoming is None or incoming.method != "HEAD":
            parts.append(response.body)
        self._transport.write(b"".join(parts))
