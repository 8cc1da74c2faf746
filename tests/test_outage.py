"""The database goes away for a while, and the server in the middle of its work."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from crash import Server, compare, server_in, under_load

from recollect.store.embedded import EmbeddedPostgres

CLIENTS = 8
PATIENCE = 5.0
"""Seconds a request may take before the server counts as hanging."""


@pytest_asyncio.fixture
async def postgres_folder() -> AsyncIterator[Path]:
    """A folder for a PostgreSQL of one test's own, which its user can enter when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="recollect-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "data"


class Clients:
    """Clients that write and read without a pause."""

    def __init__(self, address: str) -> None:
        self.address = f"{address}/api/v1/"
        self.stored: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.successes = [0] * CLIENTS

    async def run(self, number: int, stop: asyncio.Event) -> None:
        """Add a message and read it back, again and again; take no other refusal than a polite 503."""
        async with httpx.AsyncClient(base_url=self.address, timeout=PATIENCE) as client:
            while not stop.is_set():
                uuid = str(uuid4())
                body = {"messages": [{"uuid": uuid, "content": "hello"}]}
                added = await client.post(f"sessions/{number}/memory", json=body)
                if added.status_code == 200:
                    self.stored.append(uuid)
                    self.successes[number] += 1
                for answer in (added, await client.get(f"sessions/{number}/messages/{uuid}")):
                    self.statuses[answer.status_code] += 1
                    if answer.status_code == 503:
                        assert int(answer.headers["retry-after"]) >= 1
                        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
                await asyncio.sleep(0.01)

    async def all_succeed(self) -> None:
        """Wait until each client's adds are stored again."""
        before = list(self.successes)
        async with asyncio.timeout(60):
            while not all(now > then + 2 for now, then in zip(self.successes, before, strict=True)):  # noqa: ASYNC110 -- eight events
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("seconds", [2, pytest.param(20, marks=pytest.mark.soak)])
async def test_the_database_is_gone_for_a_while(postgres_folder: Path, major: int, seconds: float) -> None:
    """Meanwhile each request is answered 503, soon and with Retry-After; afterwards all goes on without a restart."""
    async with EmbeddedPostgres(postgres_folder, major=major) as postgres:
        dsn = postgres.dsn
        with server_in({"RECOLLECT_DATABASE_URL": dsn}) as server:
            await server.start()
            clients, stop = Clients(server.address), asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                for number in range(CLIENTS):
                    tasks.create_task(clients.run(number, stop))
                await clients.all_succeed()
                await postgres.__aexit__(None, None, None)
                clients.statuses.clear()
                await asyncio.sleep(seconds)
                assert clients.statuses[503] > CLIENTS
                await postgres.__aenter__()
                await clients.all_succeed()
                stop.set()
            assert server.process is not None
            assert server.process.poll() is None
            assert set(clients.statuses) <= {200, 404, 503}
            found = await _everything(server)
            assert found.keys() >= set(clients.stored)
            assert set(found.values()) == {1}


async def _everything(server: Server) -> Counter[str]:
    found: Counter[str] = Counter()
    async with httpx.AsyncClient(base_url=f"{server.address}/api/v1/", timeout=60) as client:
        for number in range(CLIENTS):
            page = (await client.get(f"sessions/{number}/messages")).json()
            found.update(message["uuid"] for message in page["messages"])
    return found


async def test_sigterm_under_load() -> None:
    """What is in flight is finished, what was acknowledged is kept, and the process ends with 0."""
    with server_in() as server:
        await server.start()
        body = b'{"messages": [{"role": "user", "content": "in flight"}]}'
        reader, writer = await asyncio.open_connection(urlsplit(server.address).hostname, urlsplit(server.address).port)
        head = f"POST /api/v1/sessions/last/memory HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body[:10])
        async with under_load(server) as load:
            await load.more(50)
            server.stop()
            await asyncio.sleep(0.5)  # the signal has arrived by now, or it does a little later
            writer.write(body[10:])
            answer = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert await server.ended() == 0
            await server.start()
            await load.more(50)
        assert set(load.refused) <= {503}
        async with httpx.AsyncClient(base_url=f"{server.address}/api/v1/") as client:
            (message,) = (await client.get("sessions/last/memory")).json()["messages"]
            assert message["content"] == "in flight"
            assert (await client.delete("sessions/last/memory")).status_code == 200
        figures = await compare(server, load)
        assert (figures.lost, figures.duplicated, figures.disordered, figures.unasked) == (0, 0, 0, 0)
