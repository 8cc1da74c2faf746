"""Programs that keep a server running: it was started for them, and ends with the last of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from recollect import unix_socket

PATIENCE = 30.0
"""Seconds that a new server waits for its first holder, which may have been killed meanwhile."""


def door(path: Path) -> Path:
    """Return the socket to connect to in order to hold the server that listens on `path`."""
    return path.with_name(f"{path.name}.hold")


@asynccontextmanager
async def holding(path: Path, unused: Callable[[], None], patience: float = PATIENCE) -> AsyncIterator[None]:
    """Take holders at the door of `path`, and call `unused` once the last of them has gone.

    A holder connects and gets a byte. It goes by closing its half of the connection or by dying, and then sees the
    other half close: at once if others remain, else when this process has ended.
    """
    loop = asyncio.get_running_loop()
    holders = Holders(unused)
    listener = await loop.create_unix_server(lambda: Holder(holders), sock=unix_socket.listen(door(path)))
    waiting = loop.call_later(patience, holders.check)
    try:
        yield
    finally:
        waiting.cancel()
        listener.close()
        unix_socket.clear(door(path))


class Holders:
    """Those who hold the server, until nobody does."""

    def __init__(self, unused: Callable[[], None]) -> None:
        self.over = False
        self._lines: set[asyncio.Transport] = set()
        self._unused = unused

    def enter(self, line: asyncio.Transport) -> None:
        """Count a holder in, unless it comes too late."""
        if self.over:
            line.abort()
        else:
            self._lines.add(line)
            line.write(b"\n")

    def leave(self, line: asyncio.Transport) -> None:
        """Count a holder out."""
        if line in self._lines:
            self._lines.remove(line)
            self.check()

    def check(self) -> None:
        """If nobody holds the server, say so; from then on nobody can."""
        if not self._lines and not self.over:
            self.over = True
            self._unused()


class Holder(asyncio.Protocol):
    """One connection that holds the server."""

    def __init__(self, holders: Holders) -> None:
        self._holders = holders

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Enter."""
        self._line = cast("asyncio.Transport", transport)  # uvloop's own is none by class
        self._holders.enter(self._line)

    def eof_received(self) -> None:
        """Leave; the transport closes by itself."""
        self._holders.leave(self._line)
        if self._holders.over:
            os.dup(self._line.get_extra_info("socket").fileno())  # which nobody closes but the end of the process

    def connection_lost(self, _error: Exception | None) -> None:
        """Leave, if the connection broke."""
        self._holders.leave(self._line)
