"""What the tests of background work share: a place to work in, and ways to look at what was done."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import msgspec
from live import reached

from recollect.core.embeddings import Models
from recollect.core.recall import Recall
from recollect.http.app import App
from recollect.http.services import Services
from recollect.llm import Call, LanguageModel
from recollect.llm.configured import open_model
from recollect.settings import Settings, load
from recollect.store import Store, usage
from recollect.work.kinds import kinds
from recollect.work.metrics import WorkMetrics
from recollect.work.worker import Kind, Worker

WIDTH = 8
PYTHON = sys.executable
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("RECOLLECT_", "ZEP_"))}


def remote(url: str, **others: object) -> Settings:
    """Return settings that embed through an endpoint, and do nothing else."""
    given = {"purge_every": 0, "embedding_provider": "openai", "embedding_base_url": url, "embedding_width": WIDTH}
    return load({}, None, given | {"embedding_model": "fake", "entities": False} | others)


@contextlib.asynccontextmanager
async def working(
    store: Store, settings: Settings, *, lanes: int = 1, change: Callable[[Kind], Kind] = lambda kind: kind
) -> AsyncIterator[App]:
    """Run the application's services with a worker whose kinds may be changed."""
    async with idle(store, settings) as app, language_model(store, settings) as llm:
        worker = worker_of(app, llm, lanes=lanes, change=change)
        wake_by(app, worker.wake)
        async with running(worker.run()):
            yield app


@contextlib.asynccontextmanager
async def language_model(store: Store, settings: Settings) -> AsyncIterator[LanguageModel | None]:
    """Open the language model that the settings name, if they do."""

    async def record(call: Call) -> None:
        await usage.add(store, *call)

    llm = open_model(settings, record)
    yield llm
    if llm is not None:
        await llm.aclose()


def worker_of(
    app: App,
    llm: LanguageModel | None = None,
    *,
    lanes: int = 1,
    change: Callable[[Kind], Kind] = lambda kind: kind,
) -> Worker:
    """Return a worker beside an application."""
    services = app.services
    assert services is not None
    metrics = WorkMetrics(app.metrics.registry)
    made = kinds(services.store, services.models, metrics, services.settings, llm)
    return Worker(services.store, [change(kind) for kind in made], lanes=lanes)


def wake_by(app: App, wake: Callable[[str], None]) -> None:
    """Let an application tell of its jobs in another way."""
    assert app.services is not None
    app.services = msgspec.structs.replace(app.services, wake=wake)


@contextlib.asynccontextmanager
async def idle(store: Store, settings: Settings) -> AsyncIterator[App]:
    """Run the application's services without a worker."""
    app = App(settings, starting=lambda: "")
    models = Models(store, settings)
    await models.open()
    recall = Recall(store, models, settings.language)
    app.services = Services(settings, store, app.metrics, models, recall, wake=lambda _: None, readiness=lambda: "")
    yield app
    await models.close()


@contextlib.asynccontextmanager
async def running(*work: Awaitable[None]) -> AsyncIterator[None]:
    """Run something beside the test, and stop it in good order."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the application. Paths are relative to /api/v1/."""
    async with (
        reached(app) as transport,
        httpx.AsyncClient(transport=transport, base_url="http://test/api/v1/", timeout=60) as api,
    ):
        yield api


async def say(api: httpx.AsyncClient, session: str, contents: Iterable[str], wait: float | None = None) -> int:
    """Add messages to a session; return the status."""
    body = {"messages": [{"role": "user", "content": content} for content in contents]}
    path = f"sessions/{session}/memory" + (f"?wait={wait}" if wait is not None else "")
    return (await api.post(path, json=body)).status_code


async def found(api: httpx.AsyncClient, session: str, text: str, limit: int = 10) -> list[str]:
    """Search a session; return the contents found."""
    answer = await api.post(f"sessions/{session}/search", params={"limit": limit}, json={"text": text})
    assert answer.status_code == 200, answer.text
    return [result["message"]["content"] for result in answer.json()]


async def rows(store: Store, statement: str, *arguments: object) -> list[Any]:
    """Look into the database."""
    async with store.database.connection() as connection:
        found: list[Any] = await connection.raw.fetch(statement, *arguments)
        return found


async def number(store: Store, statement: str, *arguments: object) -> int:
    """Return the one number a statement gives."""
    return int((await rows(store, statement, *arguments))[0][0])


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait for a condition to come true; it should be long before the deadline."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 -- it may be another process that makes it true
            await asyncio.sleep(0.02)


async def all_done(store: Store) -> bool:
    """Tell whether no job is left."""
    return await number(store, "SELECT count(*) FROM jobs") == 0


async def vectors_per_message(store: Store) -> set[int]:
    """Return how many vectors the messages have; {1} when each has exactly one."""
    counts = await rows(
        store,
        "SELECT DISTINCT count(e.seq) FROM messages AS m LEFT JOIN message_embeddings AS e "
        "USING (bucket, session_key, seq) GROUP BY m.bucket, m.session_key, m.seq",
    )
    return {row[0] for row in counts}


async def orphans(store: Store) -> int:
    """Return how many vectors belong to no message."""
    return await number(
        store,
        "SELECT count(*) FROM message_embeddings AS e WHERE NOT EXISTS (SELECT FROM messages AS m "
        "WHERE m.bucket = e.bucket AND m.session_key = e.session_key AND m.seq = e.seq)",
    )


@contextlib.asynccontextmanager
async def process(*argv: str | Path, **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a Python process with settings of its own; ask it to stop in the end, if it still runs."""
    started = await asyncio.create_subprocess_exec(
        PYTHON,
        *map(str, argv),
        env=ENVIRON | environ,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert started.stderr is not None
    drained = asyncio.create_task(started.stderr.read())
    try:
        yield started
    finally:
        if started.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                started.send_signal(signal.SIGTERM)
        await started.wait()
        await drained
