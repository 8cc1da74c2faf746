"""An embedding endpoint over real sockets that misbehaves on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

WIDTH = 8

Json = dict[str, Any]


def vector(text: str, width: int = WIDTH) -> list[float]:
    """Return a vector that tells texts apart; its length is not 1."""
    return [float(len(text)), *(float(sum(text.encode()) % (place + 7)) for place in range(width - 1))]


def answer(request: Json, width: int = WIDTH) -> Json:
    """Return a good answer, in reverse order, as the protocol allows."""
    items = [{"object": "embedding", "index": i, "embedding": vector(t, width)} for i, t in enumerate(request["input"])]
    return {"object": "list", "model": request["model"], "data": items[::-1], "usage": {"prompt_tokens": 1}}


class Endpoint:
    """What it was asked, and what it does about it: set `behave`."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.busy = self.most_busy = 0
        self.behave: Callable[[Json, asyncio.StreamWriter], Awaitable[None]] = good

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")[1:-2]
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                request = json.loads(await reader.readexactly(int(headers["content-length"])))
                self.headers.append(headers)
                self.requests.append(request)
                self.busy += 1
                self.most_busy = max(self.most_busy, self.busy)
                try:
                    await self.behave(request, writer)
                finally:
                    self.busy -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    """Run an endpoint on a free port of the loopback."""
    self = Endpoint()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield self
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def raw(body: bytes, status: int = 200, **headers: str) -> bytes:
    """Return a whole HTTP response."""
    given = {"content-type": "application/json", "content-length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status} Words\r\n{lines}\r\n".encode() + body


async def good(request: Json, writer: asyncio.StreamWriter) -> None:
    """Answer as it should."""
    writer.write(raw(json.dumps(answer(request)).encode()))
    await writer.drain()


def says(
    body: bytes | Json, status: int = 200, **headers: str
) -> Callable[[Json, asyncio.StreamWriter], Awaitable[None]]:
    """Answer the same to everything."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def behave(_: Json, writer: asyncio.StreamWriter) -> None:
        writer.write(raw(content, status, **headers))
        await writer.drain()

    return behave


def alters(change: Callable[[list[Json]], list[Json]]) -> Callable[[Json, asyncio.StreamWriter], Awaitable[None]]:
    """Answer well but for one thing."""

    async def behave(request: Json, writer: asyncio.StreamWriter) -> None:
        good_answer = answer(request)
        writer.write(raw(json.dumps(good_answer | {"data": change(good_answer["data"])}).encode()))
        await writer.drain()

    return behave


async def hangs(_: Json, __: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def trickles(_: Json, writer: asyncio.StreamWriter) -> None:
    """Send the answer byte by byte, often enough for each single read to succeed."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drops(_: Json, writer: asyncio.StreamWriter) -> None:
    """Close the connection in the middle of the answer."""
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{"data": [')
    await writer.drain()
    writer.close()


async def floods(_: Json, writer: asyncio.StreamWriter) -> None:
    """Send 100 MB."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
    for _part in range(1_000):
        writer.write(b" " * 100_000)
        await writer.drain()
