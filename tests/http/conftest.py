"""The server in a thread of its own, on either event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop
from peer import Serving, eventually

from recollect.http import listener
from recollect.http.app import App
from recollect.http.connection import Door
from recollect.store import Store
from recollect.store.database import Database


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """Each event loop that the server may run on."""
    return uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop


@pytest.fixture
def serving(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
    database_url: str,
    new_app: Callable[[Store], App],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Serving]:
    """The application on a database of its own; in the end nothing that went wrong may have been logged."""
    doors: list[Door] = []
    stops: list[Callable[[], object]] = []

    def open_door(*arguments: Any, **options: Any) -> Door:
        doors.append(Door(*arguments, **options))
        return doors[0]

    async def serve() -> None:
        database = Database(database_url, size=4)
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set))
        await listener.serve_on(server, new_app(Store(database)), stop)
        await database.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(serve())

    monkeypatch.setattr(listener, "Door", open_door)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=run)
        thread.start()
        assert eventually(lambda: doors)
        serving = Serving(doors[0], server.getsockname()[1], lambda: stops[0]() if thread.is_alive() else None, thread)
        yield serving
        for peer in serving.peers:
            peer.leave()
        serving.stop()
        thread.join(60)
        assert not thread.is_alive()
    assert [record.getMessage() for record in caplog.records if record.levelname not in {"DEBUG", "INFO"}] == []
