"""A client that writes raw bytes, and the server that it writes to, seen from outside of its thread."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from recollect.http.app import VERSION
from recollect.http.connection import Door


class Answer(NamedTuple):
    """One answer, header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Peer:
    """A client of one connection that sends what it is told, well-formed or not."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self.socket.makefile("rb")

    def send(self, data: bytes) -> Peer:
        """Send bytes."""
        self.socket.sendall(data)
        return self

    def line(self) -> bytes:
        """Read a line."""
        return self._stream.readline()

    def answer(self, method: str = "GET") -> Answer:
        """Read one answer, which must be a good one; what it is the answer to decides whether it has a body."""
        version, status, _ = self.line().decode("ascii").split(" ", 2)
        assert version == "HTTP/1.1"
        headers = {}
        while line := self.line().decode("ascii").removesuffix("\r\n"):
            name, value = line.split(": ", 1)
            assert name not in headers
            headers[name] = value
        assert headers["x-zep-version"].encode() == VERSION
        assert re.fullmatch(r"[!-~]{1,64}", headers["x-request-id"])
        assert abs(parsedate_to_datetime(headers["date"]).timestamp() - time.time()) < 60
        body = b"" if method == "HEAD" else self._stream.read(int(headers["content-length"]))
        return Answer(int(status), headers, body)

    def rest(self) -> bytes:
        """Read until the server closes."""
        return self._stream.read()

    def closed(self) -> bool:
        """Wait until the server has closed, and tell whether it said nothing more."""
        with contextlib.suppress(ConnectionResetError):
            return self.rest() == b""
        return True

    def half_close(self) -> None:
        """Say that no more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def leave(self) -> None:
        """Close."""
        self._stream.close()
        self.socket.close()

    def reset(self) -> None:
        """Close in the rudest way."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.leave()


class Serving:
    """The server, seen from outside of its thread."""

    def __init__(self, door: Door, port: int, stop: Callable[[], object], thread: threading.Thread) -> None:
        self.door = door
        self.port = port
        self.stop = stop
        self.thread = thread
        self.peers: list[Peer] = []

    def peer(self) -> Peer:
        """Connect."""
        self.peers.append(Peer(self.port))
        return self.peers[-1]

    def empty(self) -> bool:
        """Wait until the server holds no connection."""
        return eventually(lambda: not self.door.connections)


def eventually(true: Callable[[], Any], seconds: float = 20) -> bool:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(true())
