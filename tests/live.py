"""Ways to serve: a process of its own, as users run it, or an application inside the test."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx

from recollect.http.app import App
from recollect.http.listener import serve_on

RECOLLECT = Path(sys.executable).with_name("recollect")
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("RECOLLECT_", "ZEP_"))}


class Server(NamedTuple):
    """A server that runs, on the embedded PostgreSQL."""

    address: str
    data_dir: Path
    process: subprocess.Popen[str]


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """Make a folder that PostgreSQL's user can enter, when the tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="recollect-cli-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def started(*arguments: str | Path, **settings: str) -> Iterator[Server]:
    """Run `recollect serve` until it is ready, and stop it in the end."""
    with reachable_folder() as folder:
        argv = [RECOLLECT, "serve", "--port", "0", "--data-dir", folder / "data", *arguments]
        process = subprocess.Popen(argv, cwd=folder, env=ENVIRON | settings, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        try:
            events = (json.loads(line) for line in process.stderr)
            ready = next((event for event in events if event["event"] == "ready"), None)
            assert ready is not None
            yield Server(ready["address"], folder / "data", process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


@contextlib.asynccontextmanager
async def served(app: App) -> AsyncIterator[str]:
    """Serve an application on a free port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with _serving(app, listener):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.asynccontextmanager
async def reached(app: App) -> AsyncIterator[httpx.AsyncHTTPTransport]:
    """Serve an application on a Unix socket, and give what a client of httpx reaches it by."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/socket"
        listener.bind(path)
        listener.listen()
        async with _serving(app, listener), httpx.AsyncHTTPTransport(uds=path) as transport:
            yield transport


@contextlib.asynccontextmanager
async def _serving(app: App, listener: socket.socket) -> AsyncIterator[None]:
    stop = asyncio.Event()
    serving = asyncio.create_task(serve_on(listener, app, stop))
    yield
    stop.set()
    await serving
