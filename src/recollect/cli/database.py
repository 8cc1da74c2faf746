"""The database that commands beside `serve` work on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from recollect.settings import Settings


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[str]:
    """Yield the DSN of the database the settings name; the embedded one is joined when it runs, else started."""
    from recollect.store.embedded import EmbeddedPostgres, default_data_dir, owner

    if settings.database_url:
        yield settings.database_url
        return
    data_dir = settings.data_dir or default_data_dir()
    running = owner(data_dir)
    if running is not None and running.dsn:
        yield running.dsn
        return
    async with EmbeddedPostgres(data_dir, binaries=settings.postgres_binaries) as embedded:
        yield embedded.dsn
