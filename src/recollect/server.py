"""The server: everything wired in one `async with`, and stopped in the opposite order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

from prometheus_client import CollectorRegistry

from recollect import unix_socket
from recollect.core.embeddings import Models
from recollect.core.recall import Recall
from recollect.errors import DatabaseUnavailable, ModelUnavailable, StartupError
from recollect.holders import holding
from recollect.http.app import App
from recollect.http.listener import serve_on
from recollect.http.services import Services
from recollect.llm import Call, LanguageModel
from recollect.llm.configured import open_model
from recollect.settings import Settings
from recollect.store import Store, documents, embeddings, jobs, summary_embeddings, usage
from recollect.store.database import Database
from recollect.store.embedded import EmbeddedPostgres, default_data_dir
from recollect.store.migrate import migrate
from recollect.store.scope import Scope
from recollect.work.enrich import FOLLOWING, Backlog, Enrichment, Estimate, available
from recollect.work.kinds import kinds
from recollect.work.metrics import WorkMetrics
from recollect.work.models import REEMBED, follow_models, switch
from recollect.work.purge import purge_regularly
from recollect.work.wake import Announcer, wake_on_announcement
from recollect.work.worker import Worker

log = logging.getLogger(__name__)


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; then finish what is in flight. Raises StartupError.

    The port answers from the start: /healthz at once, the rest with 503 and the reason until the database is ready.
    """
    embedded = None
    if settings.database_url is None:
        embedded = EmbeddedPostgres(settings.data_dir or default_data_dir(), binaries=settings.postgres_binaries)
    app = App(settings, starting=lambda: _starting(embedded))
    stop = asyncio.Event()
    backend = asyncio.create_task(_run_backend(settings, app, embedded, stop))
    with await _listen(settings, backend) as listener:
        app.address = _address(settings, listener)
        async with _stopping(settings, closing := asyncio.Event()):
            log.info("listening", extra={"address": app.address})
            serving = asyncio.create_task(serve_on(listener, app, closing))
            await asyncio.wait({serving, backend}, return_when=asyncio.FIRST_COMPLETED)
            closing.set()
            await serving
    stop.set()
    if app.services is None:
        backend.cancel()  # a start that was interrupted, not one that is under way
    with contextlib.suppress(asyncio.CancelledError):
        await backend
    log.info("stopped")


async def _run_backend(settings: Settings, app: App, embedded: EmbeddedPostgres | None, stop: asyncio.Event) -> None:
    """Keep everything behind the HTTP door running until it is told to stop."""
    async with AsyncExitStack() as stack:
        if embedded is not None:
            await stack.enter_async_context(embedded)
            embedded.set_address(app.address)
        dsn = embedded.dsn if embedded else settings.database_url
        assert dsn is not None
        store, models, llm = await stack.enter_async_context(_workshop(settings, dsn))
        worker = await stack.enter_async_context(_background(settings, store, models, llm, app))
        app.services = Services(
            settings,
            store,
            app.metrics,
            models,
            Recall(store, models, settings.language),
            wake=worker.wake,
            readiness=lambda: _not_ready(embedded),
        )
        log.info("ready", extra={"address": app.address})
        await stop.wait()


async def work(settings: Settings, dsn: str) -> None:
    """Do background work only, until SIGTERM or SIGINT. Raises StartupError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _workshop(settings, dsn) as (store, models, llm):
        handlers = kinds(store, models, WorkMetrics(CollectorRegistry()), settings, llm)
        worker = Worker(store, handlers, lanes=max(settings.workers, 1))
        async with _beside(
            worker.run, partial(wake_on_announcement, dsn, worker), partial(follow_models, store, models)
        ):
            log.info("working", extra={"lanes": max(settings.workers, 1)})
            await stop.wait()
    log.info("stopped")


async def reembed(settings: Settings, dsn: str, report: Callable[[int, int], None]) -> None:
    """Embed what has no vector of the configured model and let that model take over.

    Calls `report` with the texts embedded so far and in all. Raises ModelUnavailable when there is no model.
    """
    async with _workshop(settings, dsn) as (store, models, llm):
        target = models.filling or models.active
        if models.configured is None or target is None:
            raise ModelUnavailable("There is no embedding model to embed with.", hint="Run `recollect doctor`.")
        handlers = kinds(store, models, WorkMetrics(CollectorRegistry()), settings, llm)
        worker = Worker(store, [kind for kind in handlers if kind.name in REEMBED])
        for texts in (embeddings, summary_embeddings, documents):
            await texts.enqueue_missing(store, target.id)
        async with _working(worker):
            while not (await switch(store, models) and await embeddings.complete(store, target.id)):
                report(*await embeddings.progress(store, target.id))
                await asyncio.sleep(0.5)
            report(*await embeddings.progress(store, target.id))


async def estimate(settings: Settings, dsn: str, wanted: Sequence[Enrichment], scope: Scope) -> list[Estimate]:
    """Tell what enriching a scope would cost. Raises SettingsError, ModelUnavailable."""
    wanted = available(settings, wanted)
    async with _workshop(settings, dsn) as (store, _, llm):
        return [await Backlog(store, settings, llm, scope).estimate(kind) for kind in wanted]


async def enrich(
    settings: Settings, dsn: str, wanted: Sequence[Enrichment], scope: Scope, report: Callable[[int, int], None]
) -> int:
    """Make what a scope lacks of some kinds of enrichment; return how many jobs of these kinds have failed.

    Calls `report` with the jobs done so far and in all. Raises SettingsError, ModelUnavailable.
    """
    wanted = available(settings, wanted)
    names = {*wanted, *(name for kind in wanted for name in FOLLOWING.get(kind, ()))}
    async with _workshop(settings, dsn) as (store, models, llm):
        backlog = Backlog(store, settings, llm, scope)
        for kind in wanted:
            await backlog.enqueue(kind)
        handlers = kinds(store, models, WorkMetrics(CollectorRegistry()), settings, llm)
        worker = Worker(store, [kind for kind in handlers if kind.name in names], lanes=max(settings.workers, 1))
        most = 0
        async with _working(worker):
            while True:
                waiting = [kind for kind in await jobs.overview(store) if kind.kind in names]
                left = sum(kind.waiting for kind in waiting)
                most = max(most, left)
                report(most - left, most)
                if not left:
                    return sum(kind.failed for kind in waiting)
                await asyncio.sleep(0.5)


@contextlib.asynccontextmanager
async def _working(worker: Worker) -> AsyncIterator[None]:
    """Have a worker at work for as long as a command watches."""
    running = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@contextlib.asynccontextmanager
async def _workshop(settings: Settings, dsn: str) -> AsyncIterator[tuple[Store, Models, LanguageModel | None]]:
    """Open the database, brought up to date, and the models: what all work needs."""
    while True:
        try:
            await migrate(dsn)
            break
        except DatabaseUnavailable as error:
            log.warning("waiting for the database", extra={"reason": error.message})
            await asyncio.sleep(1)
    database = Database(dsn, size=settings.database_pool_size, statement_timeout=settings.statement_timeout)
    store = Store(database)
    models = Models(store, settings)

    async def record(call: Call) -> None:
        await usage.add(store, *call)

    llm = open_model(settings, record)
    try:
        await models.open()
        yield store, models, llm
    finally:
        await models.close()
        if llm is not None:
            await llm.aclose()
        await database.close()


@contextlib.asynccontextmanager
async def _background(
    settings: Settings, store: Store, models: Models, llm: LanguageModel | None, app: App
) -> AsyncIterator[Worker | Announcer]:
    """Run what goes on beside the requests; yield whom to tell of new jobs."""
    loops: list[Callable[[], Awaitable[None]]] = [partial(follow_models, store, models)]
    if settings.purge_every:
        loops.append(partial(purge_regularly, store, settings.purge_every * 60))
    worker: Worker | Announcer
    if settings.workers:
        handlers = kinds(store, models, WorkMetrics(app.metrics.registry), settings, llm)
        worker = Worker(store, handlers, lanes=settings.workers)
        loops.append(partial(wake_on_announcement, store.database.dsn, worker))
    else:
        worker = Announcer(store)
    async with _beside(worker.run, *loops):
        yield worker


@contextlib.asynccontextmanager
async def _beside(*loops: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Keep endless loops running; in the end cancel them and wait until they are still."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_kept(loop)) for loop in loops]
        try:
            yield
        finally:
            for task in running:
                task.cancel()


async def _kept(loop: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await loop()
        except Exception:  # the server outlives what nobody thought of
            log.exception("background work broke off and starts again")
        await asyncio.sleep(1)


def _starting(embedded: EmbeddedPostgres | None) -> str:
    if embedded is not None and embedded.state != "ready":
        return f"PostgreSQL is {embedded.state}"
    return "starting: bringing the schema up to date, loading the embedding model"


def _not_ready(embedded: EmbeddedPostgres | None) -> str:
    return "" if embedded is None or embedded.state == "ready" else embedded.state


async def _listen(settings: Settings, backend: asyncio.Task[None]) -> socket.socket:
    try:
        return unix_socket.listen(settings.socket) if settings.socket else _listen_on_port(settings)
    except StartupError:
        await asyncio.wait({backend}, timeout=1)  # another server on our folder is the better thing to report
        if backend.done():
            await backend
        backend.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await backend
        raise


def _listen_on_port(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise StartupError(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}.",
            hint="Choose another port with --port, or 0 for any free one.",
        ) from error
    # Inherited by connections. asyncio, where uvloop is not, leaves it out for such sockets: +40 ms an answer.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _address(settings: Settings, listener: socket.socket) -> str:
    if settings.socket:
        return f"unix:{settings.socket}"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listener.getsockname()[1]}"


@contextlib.asynccontextmanager
async def _stopping(settings: Settings, closing: asyncio.Event) -> AsyncIterator[None]:
    """Have signals stop the server, or its last holder where it runs for those."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, closing.set)
    async with AsyncExitStack() as stack:
        if settings.socket:
            stack.callback(unix_socket.clear, settings.socket)  # by then it is closed
            if settings.until_unused:
                await stack.enter_async_context(holding(settings.socket, closing.set))
        yield
