"""Real PostgreSQL for every test: one embedded server, one migrated template, a copy of it per test."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import language_model
import pytest
import pytest_asyncio
from live import reached, served

from recollect.core.embeddings import Models
from recollect.core.recall import Recall
from recollect.http.app import App
from recollect.http.services import Services
from recollect.settings import Settings, load
from recollect.store import Store
from recollect.store.database import Database
from recollect.store.embedded import EmbeddedPostgres
from recollect.store.migrate import migrate
from recollect.work.kinds import kinds
from recollect.work.metrics import WorkMetrics
from recollect.work.worker import Worker

POSTGRES = int(os.environ.get("RECOLLECT_TEST_PG", "18"))
_numbers = itertools.count()


@pytest.fixture(scope="session")
def major() -> int:
    """The version of PostgreSQL that the tests run on."""
    return POSTGRES


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres() -> AsyncIterator[str]:
    """The DSN of an empty server, without the database's name."""
    with tempfile.TemporaryDirectory(prefix="recollect-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # the server may run as another user than the tests
        settings = {"fsync": "off", "max_connections": "200", "shared_buffers": "64MB"}
        async with EmbeddedPostgres(Path(folder) / "data", major=POSTGRES, settings=settings) as server:
            yield server.dsn


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def template(postgres: str) -> str:
    """The name of a migrated, empty database to copy."""
    await _execute(postgres, "CREATE DATABASE template_recollect")
    await migrate(_with_database(postgres, "template_recollect"))
    return "template_recollect"


@pytest_asyncio.fixture
async def empty_database_url(postgres: str) -> AsyncIterator[str]:
    """A database of one test's own, without a schema."""
    async with _database(postgres, "template0") as url:
        yield url


@pytest_asyncio.fixture
async def database_url(postgres: str, template: str) -> AsyncIterator[str]:
    """A migrated database of one test's own."""
    async with _database(postgres, template) as url:
        yield url


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """A store on a database of its own."""
    database = Database(database_url, size=8)
    yield Store(database)
    await database.close()


@pytest.fixture(scope="session")
def endpoint_address() -> Iterator[str]:
    """The process that answers as language models do."""
    with language_model.started() as address:
        yield address


@pytest.fixture
def endpoint(endpoint_address: str) -> Iterator[language_model.Endpoint]:
    """The endpoint of a language model, for one test: see language_model.py."""
    endpoint = language_model.Endpoint(endpoint_address, f"room{next(_numbers)}")
    yield endpoint
    endpoint.close()


@pytest.fixture
def settings() -> Settings:
    """The defaults, whatever the environment says. A test module overrides this to choose others."""
    return load({}, None, {"purge_every": 0})


@pytest.fixture
def new_app(settings: Settings) -> Callable[[Store], App]:
    """Make an application on a store, without a model and without workers."""

    def make(store: Store) -> App:
        app = App(settings, starting=lambda: "")
        models = Models(store, settings)
        app.services = Services(
            settings,
            store,
            app.metrics,
            models,
            Recall(store, models, settings.language),
            wake=lambda _: None,
            readiness=lambda: "",
        )
        return app

    return make


@pytest.fixture
def app(new_app: Callable[[Store], App], store: Store) -> App:
    """The application on a database of its own, without a model and without workers."""
    return new_app(store)


@pytest_asyncio.fixture
async def working_app(settings: Settings, store: Store) -> AsyncIterator[App]:
    """The application on a database of its own, with the local model and a worker."""
    app = App(settings, starting=lambda: "")
    models = Models(store, settings)
    await models.open()
    worker = Worker(store, kinds(store, models, WorkMetrics(app.metrics.registry), settings, None))
    app.services = Services(
        settings,
        store,
        app.metrics,
        models,
        Recall(store, models, settings.language),
        wake=worker.wake,
        readiness=lambda: "",
    )
    working = asyncio.create_task(worker.run())
    yield app
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    await models.close()


@pytest_asyncio.fixture
async def working_api(working_app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application with a model and a worker. Paths are relative to /api/v1/."""
    async with _client(working_app) as client:
        yield client


@pytest_asyncio.fixture
async def working_url(working_app: App) -> AsyncIterator[str]:
    """The address of the application with a model and a worker, behind a real socket."""
    async with served(working_app) as address:
        yield address


@pytest_asyncio.fixture
async def api(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application. Paths are relative to /api/v1/."""
    async with _client(app) as client:
        yield client


@pytest_asyncio.fixture
async def url(app: App) -> AsyncIterator[str]:
    """The address of the application behind a real socket, for clients that need one."""
    async with served(app) as address:
        yield address


@contextlib.asynccontextmanager
async def _client(app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with reached(app) as transport:
        yield httpx.AsyncClient(transport=transport, base_url="http://test/api/v1/", timeout=60)


@contextlib.asynccontextmanager
async def _database(postgres: str, template: str) -> AsyncIterator[str]:
    name = f"test_{next(_numbers)}"
    await _execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _with_database(postgres, name)
    await _execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(_with_database(dsn, "postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _with_database(dsn: str, name: str) -> str:
    head, _, query = dsn.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}?{query}"
