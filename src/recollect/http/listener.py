"""Serving an application on a socket until told to stop."""

from __future__ import annotations

import asyncio
import socket

from recollect.http.app import VERSION, App
from recollect.http.connection import Connection, Door

WATCH_SECONDS = 1.0
BACKLOG = 2048
"""Connections that may wait to be accepted."""


async def serve_on(listener: socket.socket, app: App, stop: asyncio.Event) -> None:
    """Answer requests until `stop`; then accept no more, and finish those under way within the settings' grace."""
    loop = asyncio.get_running_loop()
    door = Door(app.answer, max_body=app.settings.max_request_size, headers=b"\r\nx-zep-version: " + VERSION)
    create = loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
    server = await create(lambda: Connection(door), sock=listener, backlog=BACKLOG)
    watching = asyncio.create_task(_watch(door))
    try:
        await stop.wait()
        server.close()
        deadline = loop.time() + app.settings.shutdown_grace
        while True:
            for connection in tuple(door.connections):
                connection.finish()
            await asyncio.sleep(0.01)  # in which those come that were just being accepted
            if not door.connections or loop.time() > deadline:
                break
    finally:
        watching.cancel()
        server.close()
        for connection in tuple(door.connections):
            connection.abort()
        await asyncio.sleep(0)  # in which they close


async def _watch(door: Door) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        door.tell_time()
        now = loop.time()
        for connection in tuple(door.connections):
            connection.watch(now)
