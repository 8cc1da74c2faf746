"""Clients for bench/load.py: so many connections, each asking again as soon as it is answered.

Usage: python bench/traffic.py PORT OPERATION CONNECTIONS SECONDS SESSIONS PROCESSES. Prints one line of JSON: how many
requests were answered, how many with an error, in how many seconds, and the time each took in milliseconds at some
percentiles. A protocol of its own, because a client library would cost more than the server.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import uvloop

SENTENCE = "The quick brown fox told the lazy dog about the meeting on Tuesday, the harbour, and the price of kale. "
TEXT = (SENTENCE * 4)[:330]
ADD = json.dumps({"messages": [{"role": ("user", "assistant")[place % 2], "content": TEXT} for place in range(4)]})
QUESTIONS = [f"what was said about the meeting {number}" for number in range(20)]


def request(operation: str, number: int) -> bytes:
    """Return the bytes of one request about a session."""
    session = f"/api/v1/sessions/bench-{number}"
    if operation == "mixed":
        operation = "add" if random.random() < 0.2 else "get"
    method, path, body = {
        "add": ("POST", f"{session}/memory", ADD),
        "get": ("GET", f"{session}/memory", ""),
        "patch": ("PATCH", session, json.dumps({"metadata": {"turn": {"last": number}}})),
        "list": ("GET", f"/api/v1/sessions?limit=20&cursor={number}", ""),
        "search": ("POST", f"{session}/search", json.dumps({"text": QUESTIONS[number % len(QUESTIONS)]})),
    }[operation]
    return f"{method} {path} HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, operation: str, sessions: int, until: float, times: list[float]) -> None:
        self.operation, self.sessions, self.until, self.times = operation, sessions, until, times
        self.errors = 0
        self.buffer = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.started = time.perf_counter()
        if self.started > self.until:
            self.transport.close()
            return
        self.transport.write(request(self.operation, random.randrange(1, self.sessions + 1)))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.times.append(time.perf_counter() - self.started)
        self.errors += not head.startswith(b"HTTP/1.1 2")
        self.buffer = b""
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.done.set_result(None)


def main(port: int, operation: str, connections: int, seconds: float, sessions: int, processes: int) -> None:
    parts = [connections // processes + (number < connections % processes) for number in range(processes)]
    with ProcessPoolExecutor(processes) as pool:
        done = list(pool.map(partial(ask_all, port, operation, seconds, sessions), parts))
    times = sorted(time for part, _ in done for time in part)
    percentiles = {f"p{share}": round(times[len(times) * share // 100] * 1000, 2) for share in (50, 95, 99)}
    errors = sum(errors for _, errors in done)
    print(json.dumps({"requests": len(times), "errors": errors, "seconds": seconds, **percentiles}))


def ask_all(port: int, operation: str, seconds: float, sessions: int, connections: int) -> tuple[list[float], int]:
    """Be some of the clients, in a process of their own."""
    return uvloop.run(_ask(port, operation, seconds, sessions, connections))


async def _ask(port: int, operation: str, seconds: float, sessions: int, connections: int) -> tuple[list[float], int]:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    until = time.perf_counter() + seconds
    clients = [Client(operation, sessions, until, times) for _ in range(connections)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)
    await asyncio.gather(*(client.done for client in clients))
    return times, sum(client.errors for client in clients)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6]))
