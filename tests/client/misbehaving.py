"""A server that answers each connection as it was told to, whatever it is asked."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

DROP = b""
"""Read the request and close the connection without an answer."""
SILENCE = b"silence"
"""Read the request and do not answer."""


def answer(status: int, body: str = "", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Any", f"Content-Length: {len(body.encode())}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join([*lines, "", ""]) + body).encode()


class Misbehaving:
    """Answers the nth request with the nth of its answers, and the last one over and over."""

    def __init__(self, *answers: bytes) -> None:
        self.requests: list[bytes] = []
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._kept: list[socket.socket] = []
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @contextlib.contextmanager
    def running(self) -> Iterator[Misbehaving]:
        thread = threading.Thread(target=self._serve)
        thread.start()
        yield self
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        thread.join(60)
        for connection in self._kept:
            connection.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(60)
            self.requests.append(_request(connection))
            reply = self._answers[min(len(self.requests), len(self._answers)) - 1]
            if reply == SILENCE:
                self._kept.append(connection)
                continue
            connection.sendall(reply)
            connection.close()


def _request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
