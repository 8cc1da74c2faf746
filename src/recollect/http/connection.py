"""HTTP/1.1 on one connection: llhttp (through httptools) parses, a handler's answer leaves in one write.

A general server in between took a fifth of the processor time of a get-memory: scopes, events and checks for what never
occurs here, and a second write. It bounded neither heads nor the time a client takes; here both have an end.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import TypeAlias, cast

import httptools

from recollect.errors import TooLarge
from recollect.http.request import Response
from recollect.logs import request_id

MAX_HEAD = 65_536
"""Bytes of a request line and its headers; also of what comes with a body and is none of it."""

IDLE_SECONDS = 75.0
"""A connection without requests is closed."""

RECEIVE_SECONDS = 30.0
"""The time for a head, and for each next part of a body."""

SEND_SECONDS = 60.0
"""How long a client may read nothing of an answer."""

LINGER_SECONDS = 5.0
"""Time for a client to read the answer to a request that was not read to its end."""

STATUS_LINES = {int(status): f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
CHOSEN_ID = re.compile(rb"[\x21-\x7e]{1,64}")
"""An X-Request-Id that a client may choose."""

TEXT = b"text/plain; charset=utf-8"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BAD = Response(b"Invalid HTTP request received.\n", 400, TEXT)
HEAD_TOO_LARGE = Response(b"The request's head is larger than 64 KiB.\n", 431, TEXT)
TIMED_OUT = Response(b"The request did not arrive in time.\n", 408, TEXT)


class Incoming:
    """A request as it arrived.

    `body` is None when it was not read to its end; `refusal` is the answer then, unless the application has one.
    """

    __slots__ = ("body", "headers", "id", "keep_alive", "method", "refusal", "size", "target", "upgrade")

    def __init__(self) -> None:
        self.id = b""
        self.method = ""  # until the head is complete
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.body: bytes | None = b""
        self.size = 0  # of the body, so far
        self.keep_alive = True
        self.upgrade = False
        self.refusal: Response | None = None


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


def _size(head: Incoming) -> int:
    return len(head.target) + sum(len(name) + len(value) + 4 for name, value in head.headers.items())


class Connection(asyncio.Protocol):
    """One client's connection: requests are answered one after the other, in their order."""

    __slots__ = (
        *("_answering", "_deaf", "_door", "_ended", "_fed", "_headers", "_incoming", "_last", "_loop", "_lost"),
        *("_parser", "_paused", "_rest", "_since", "_stalled", "_transport", "_unsent", "_waiting", "_writable"),
    )

    def __init__(self, door: Door) -> None:
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._incoming: Incoming | None = None
        self._headers: dict[bytes, bytes] = {}
        self._rest = bytearray()  # of the body, after its first part
        self._fed = 0  # bytes that came with the request, or before it in one piece
        self._stalled = 0  # bytes that neither completed it nor were part of its body
        self._waiting: list[Incoming] = []
        self._answering: asyncio.Task[None] | None = None
        self._deaf = False  # nothing more is read as requests
        self._ended = False  # the client sends no more
        self._last = False  # the next answer is the last one
        self._lost = False
        self._paused = False
        self._since = self._loop.time()  # when it began to wait for its client
        self._unsent = 0
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

    def eof_received(self) -> bool:
        """Answer what was asked before the client stopped sending, or left; then close."""
        self._deaf = self._ended = True
        return self._answering is not None

    def data_received(self, data: bytes) -> None:
        """Parse what came; the parser calls the on_ methods below."""
        if self._deaf:
            return
        before = self._incoming
        if before is None:
            self._fed = size = 0
        else:
            size = before.size
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stopped:
            self._stay(memoryview(data)[stopped.args[0] :])
        except httptools.HttpParserError:
            self._refuse(BAD)
        incoming = self._incoming
        if incoming is None:
            return
        self._stalled = self._stalled + len(data) if incoming is before and incoming.size == size else 0
        if self._stalled > MAX_HEAD:
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
        """Begin a request, unless it is the rest of one; see `_stay`."""
        if self._incoming is None:
            self._incoming = incoming = Incoming()
            self._headers = incoming.headers
            self._since = self._loop.time()

    def on_url(self, url: bytes) -> None:
        """Take a part of the request's target."""
        incoming = self._incoming
        assert incoming is not None
        if not incoming.method:
            incoming.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; of several of one name the last one counts."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Note how the body will come, and refuse one that is too large before it does."""
        incoming = self._incoming
        assert incoming is not None
        if incoming.method:
            return
        parser, headers = self._parser, incoming.headers
        if self._fed > MAX_HEAD and _size(incoming) > MAX_HEAD:
            self._refuse(HEAD_TOO_LARGE)
            raise TooLarge  # which stops the parser
        incoming.method = parser.get_method().decode("ascii")
        incoming.keep_alive = parser.should_keep_alive()
        if parser.should_upgrade():
            incoming.upgrade = incoming.method != "CONNECT"
            incoming.keep_alive &= incoming.upgrade
        if b"content-length" in headers:
            if int(headers[b"content-length"]) > self._door.max_body:
                self._overflow(incoming)
        elif b"transfer-encoding" in headers:
            self._headers = {}  # what is said after the body counts for nothing
            incoming.keep_alive &= parser.get_http_version() == "1.1"  # others do not know of chunks
        if b"expect" in headers:
            self._encourage(incoming)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, up to the limit."""
        incoming = self._incoming
        assert incoming is not None
        self._since = self._loop.time()
        incoming.size += len(body)
        if incoming.size > self._door.max_body:
            self._overflow(incoming)
        elif incoming.body:
            self._rest += body
        else:
            incoming.body = body

    def on_message_complete(self) -> None:
        """Have the request answered."""
        incoming = self._incoming
        assert incoming is not None
        if incoming.upgrade:
            incoming.upgrade = False
            return
        self._incoming = None
        if self._rest:
            assert incoming.body is not None
            incoming.body += self._rest
            self._rest = bytearray()
        self._take(incoming)

    # What the server tells

    def finish(self) -> None:
        """Answer what has begun to arrive, then close."""
        self._last = True
        if self._answering is None and self._incoming is None and not self._deaf:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._answering is not None:
            self._answering.cancel()
        self._transport.abort()

    def watch(self, now: float) -> None:
        """Close what its client keeps waiting for too long."""
        if self._lost or (self._answering is not None and self._writable is None):
            return
        waited = now - self._since
        if unsent := self._transport.get_write_buffer_size():
            if unsent != self._unsent:
                self._unsent, self._since = unsent, now
            elif waited > SEND_SECONDS:
                self.abort()
        elif self._incoming is None or self._deaf:
            if waited > (LINGER_SECONDS if self._deaf else IDLE_SECONDS):
                self._transport.abort()
        elif waited > RECEIVE_SECONDS:
            self._refuse(TIMED_OUT)

    def _stay(self, rest: memoryview) -> None:
        """Go on in HTTP/1.1 after a head that asked for another protocol.

        The parser takes the body for that protocol's; a head that asks for nothing makes it a body again.
        """
        try:
            while self._incoming is not None:
                headers = self._incoming.headers
                name = b"transfer-encoding" if b"transfer-encoding" in headers else b"content-length"
                self._parser.feed_data(b"POST / HTTP/1.1\r\n%b: %b\r\n\r\n" % (name, headers.get(name, b"0")))
                try:
                    self._parser.feed_data(rest)
                    break
                except httptools.HttpParserUpgrade as stopped:
                    rest = rest[stopped.args[0] :]
        except httptools.HttpParserError:
            self._refuse(BAD)

    def _take(self, incoming: Incoming) -> None:
        if self._deaf:
            return
        self._deaf = not incoming.keep_alive
        self._waiting.append(incoming)
        if self._answering is None:
            self._answering = self._loop.create_task(self._answer())
        elif not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _encourage(self, incoming: Incoming) -> None:
        """Tell a client that waits for it to send the body, unless it waits for other answers first."""
        expected = incoming.headers[b"expect"].strip().lower() == b"100-continue"
        if expected and self._answering is None and self._parser.get_http_version() == "1.1":
            self._transport.write(CONTINUE)

    def _overflow(self, incoming: Incoming) -> None:
        """Have a body that is too large answered without reading it. Raises TooLarge, which stops the parser."""
        incoming.body, incoming.keep_alive = None, False
        self._incoming, self._rest = None, bytearray()
        self._take(incoming)
        raise TooLarge

    def _refuse(self, response: Response) -> None:
        """Answer, in its turn, what is no request that the application could handle."""
        incoming = Incoming()
        incoming.body, incoming.keep_alive, incoming.refusal = None, False, response
        self._incoming, self._rest = None, bytearray()
        self._take(incoming)

    async def _answer(self) -> None:
        try:
            while self._waiting:
                incoming = self._waiting.pop(0)
                chosen = incoming.headers.get(b"x-request-id")
                incoming.id = chosen if chosen and CHOSEN_ID.fullmatch(chosen) else self._door.new_id()
                request_id.set(incoming.id.decode("ascii"))
                response = incoming.refusal or await self._door.answer(incoming)
                if self._lost:
                    return
                keep = incoming.keep_alive and not self._last
                self._write(response, incoming, keep_alive=keep)
                if self._writable is not None:
                    await self._writable
                if not keep:
                    self._part(incoming)
                    return
            if self._ended:
                self._transport.close()
            elif self._paused and not self._lost:
                self._paused = False
                self._transport.resume_reading()
        finally:
            self._answering = None
            self._since = self._loop.time()
            if self._lost:
                self._door.connections.discard(self)

    def _part(self, answered: Incoming) -> None:
        """Close, but let a client that is still sending read the answer first."""
        if answered.body is not None or self._ended or self._lost:
            self._transport.close()
            return
        if self._paused:
            self._transport.resume_reading()
        with suppress(OSError):  # it may be gone
            self._transport.write_eof()

    def _write(self, response: Response, incoming: Incoming, *, keep_alive: bool) -> None:
        parts = [
            STATUS_LINES[response.status],
            b"content-type: ",
            response.content_type,
            b"\r\ncontent-length: ",
            b"%d" % len(response.body),
            self._door.headers,
            b"\r\nx-request-id: ",
            incoming.id,
        ]
        for name, value in response.headers:
            parts += (b"\r\n", name, b": ", value)
        if not keep_alive:
            parts.append(b"\r\nconnection: close\r\n\r\n")
        elif b"connection" in incoming.headers:  # HTTP/1.0 has to be told
            parts.append(b"\r\nconnection: keep-alive\r\n\r\n")
        else:
            parts.append(b"\r\n\r\n")
        if incoming.method != "HEAD":
            parts.append(response.body)
        self._transport.write(b"".join(parts))
