"""One statement and at most one flush per operation, counted on the wire and in PostgreSQL's own books."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
from live import reached

from recollect.http.app import App
from recollect.store import Store
from recollect.store.database import Database
from recollect.store.embedded import EmbeddedPostgres
from recollect.store.migrate import migrate

TIMES = 10
SYNC, QUERY, FLUSH = b"S", b"Q", b"H"
"""What a client sends when it is going to wait for an answer."""

# Nobody but the client writes or flushes: what is counted is its own.
QUIET = {"autovacuum": "off", "wal_writer_delay": "10s", "bgwriter_delay": "10s", "checkpoint_timeout": "1h"}
FLUSHES = {
    16: "SELECT wal_sync FROM pg_stat_wal",
    18: "SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal' AND context = 'normal'",
}
"""By PostgreSQL's version."""

Operation = Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]


class Wire:
    """Stands between a client and PostgreSQL and counts how often the client waits for an answer."""

    def __init__(self, target: str) -> None:
        self.trips = 0
        self._target = target

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection until either end closes it."""
        from_server, to_server = await asyncio.open_unix_connection(self._target)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._count(reader, to_server))
            both.create_task(_pass_on(from_server, writer))

    async def _count(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            length = await reader.readexactly(4)  # the first message has no type
            writer.write(length + await reader.readexactly(int.from_bytes(length) - 4))
            while True:
                head = await reader.readexactly(5)
                self.trips += head[:1] in {SYNC, QUERY, FLUSH}
                writer.write(head + await reader.readexactly(int.from_bytes(head[1:]) - 4))
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def flushing(major: int) -> AsyncIterator[str]:
    """The DSN of a server that does flush, unlike the one of the other tests."""
    with tempfile.TemporaryDirectory(prefix="recollect-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        async with EmbeddedPostgres(Path(folder) / "data", major=major, settings=QUIET) as server:
            await migrate(server.dsn)
            yield server.dsn


@pytest_asyncio.fixture
async def wire(flushing: str) -> AsyncIterator[tuple[Wire, str]]:
    """What counts, and the DSN that leads through it."""
    where = parse_qs(urlsplit(flushing).query)
    name = f".s.PGSQL.{where['port'][0]}"
    wire = Wire(f"{where['host'][0]}/{name}")
    with tempfile.TemporaryDirectory(prefix="wire-") as folder:
        server = await asyncio.start_unix_server(wire.serve, f"{folder}/{name}")
        yield wire, flushing.replace(flushing.partition("host=")[2], f"{folder}&port={where['port'][0]}")
        server.close()


@pytest_asyncio.fixture
async def client(
    wire: tuple[Wire, str], new_app: Callable[[Store], App]
) -> AsyncIterator[tuple[httpx.AsyncClient, Store]]:
    """A client of an application that has one connection, which goes through the wire."""
    store = Store(Database(wire[1], size=1))
    async with (
        reached(new_app(store)) as transport,
        httpx.AsyncClient(transport=transport, base_url="http://test/api/v1/") as client,
    ):
        yield client, store
    await store.database.close()


async def _flushes(store: Store, dsn: str) -> int:
    async with store.database.connection() as connection:  # keeps its own count for up to a second
        await connection.raw.execute("SELECT pg_stat_force_next_flush()")
    raw = await asyncpg.connect(dsn)
    number = int(await raw.fetchval(FLUSHES[raw.get_server_version().major]))
    await raw.close()
    return number


MESSAGES = [{"role": "user", "content": "hello", "metadata": {"a": 1}}, {"role": "ai", "content": "hi"}]
RUN = uuid4().hex  # the database outlives a test


def _uuid(number: int) -> str:
    return f"{RUN[:20]}{number:012x}"


OPERATIONS: dict[str, tuple[Operation, int]] = {
    "create session": (lambda api, n: api.post("sessions", json={"session_id": f"made {RUN} {n}"}), 1),
    "add memory to a new session": (
        lambda api, n: api.post(f"sessions/new {RUN} {n}/memory", json={"messages": MESSAGES}),
        1,
    ),
    "add memory": (lambda api, n: api.post(f"sessions/{n}/memory", json={"messages": MESSAGES}), 1),
    "add memory again": (
        lambda api, n: api.post(f"sessions/{n}/memory", json={"messages": [{"uuid": _uuid(n), "content": "again"}]}),
        1,
    ),
    "get memory": (lambda api, n: api.get(f"sessions/{n}/memory"), 0),
    "get messages": (lambda api, n: api.get(f"sessions/{n}/messages?limit=10"), 0),
    "list summaries": (lambda api, n: api.get(f"sessions/{n}/summaries"), 0),
    "get message": (lambda api, n: api.get(f"sessions/{n}/messages/{_uuid(n)}"), 0),
    "patch message": (
        lambda api, n: api.patch(f"sessions/{n}/messages/{_uuid(n)}", json={"metadata": {"b": 2}}),
        1,
    ),
    "get session": (lambda api, n: api.get(f"sessions/{n}"), 0),
    "list sessions": (lambda api, _: api.get("sessions?limit=10&cursor=3"), 0),
    "patch session": (lambda api, n: api.patch(f"sessions/{n}", json={"metadata": {"b": 2}}), 1),
    "delete session": (lambda api, n: api.delete(f"sessions/{n}/memory"), 1),
    "add memory to a deleted session": (
        lambda api, n: api.post(f"sessions/gone {n}/memory", json={"messages": MESSAGES}),
        1,
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_one_trip_and_one_flush(
    name: str, client: tuple[httpx.AsyncClient, Store], wire: tuple[Wire, str], flushing: str
) -> None:
    """In the steady state each operation waits for PostgreSQL once, a write for one flush, a read for none."""
    operation, flushes = OPERATIONS[name]
    api, store = client
    for number in range(TIMES + 1):
        message = {"uuid": _uuid(number), "content": "first"}
        for session in (f"{number}", f"gone {number}"):
            assert (await api.post(f"sessions/{session}/memory", json={"messages": [message]})).status_code == 200
        await api.delete(f"sessions/gone {number}/memory")
    await operation(api, TIMES)  # prepares the statement
    flushed, trips = await _flushes(store, flushing), wire[0].trips
    for number in range(TIMES):
        assert (await operation(api, number)).status_code in {200, 201}
    assert wire[0].trips - trips == TIMES
    flushed = await _flushes(store, flushing) - flushed
    assert flushed <= flushes * TIMES
    assert (flushed > 0) == (flushes > 0)
