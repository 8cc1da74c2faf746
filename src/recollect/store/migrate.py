"""The schema's way forward: numbered SQL files, each applied once, in one transaction, under a lock."""

from __future__ import annotations

import logging
from importlib import resources
from typing import NamedTuple

import asyncpg

from recollect.errors import DatabaseUnavailable, SchemaError, WrongPostgres
from recollect.store.database import LOST, Connection, connect

OLDEST_POSTGRES = 160000
OLDEST_VECTOR = (0, 8)

log = logging.getLogger(__name__)


class Migration(NamedTuple):
    """One file under migrations/."""

    version: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """Return all migrations in their order."""
    files = resources.files(__package__).joinpath("migrations").iterdir()
    found = [
        Migration(int(file.name[:4]), file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for file in files
        if file.name.endswith(".sql")
    ]
    return sorted(found)


async def migrate(dsn: str) -> list[str]:
    """Bring the schema up to date; return the names of what was applied.

    May run from any number of processes at once and be killed anywhere: each step is one transaction that first takes
    the lock and then looks at what is still to do. Raises SchemaError, WrongPostgres, DatabaseUnavailable.
    """
    raw = await connect(dsn, seconds=10)
    try:
        await _check_server(Connection(raw))
        done = []
        while (name := await _step(raw)) is not None:
            done.append(name)
            log.info("migrated", extra={"migration": name})
    except LOST as error:
        raise DatabaseUnavailable("The connection was lost while the schema was brought up to date.") from error
    else:
        return done
    finally:
        await raw.close()


async def version(dsn: str) -> tuple[int, int]:
    """Return the schema's version and the newest known to this program."""
    raw = await connect(dsn)
    try:
        return await _applied(Connection(raw)), migrations()[-1].version
    finally:
        await raw.close()


async def _step(raw: asyncpg.Connection[asyncpg.Record]) -> str | None:
    connection = Connection(raw)
    known = migrations()
    async with raw.transaction():
        await connection.fetch("schema.lock")
        applied = await _applied(connection)
        if applied > known[-1].version:
            raise SchemaError(
                f"The database's schema has version {applied}, this program knows up to {known[-1].version}.",
                hint="Run the newer Recollect that made it, or restore a backup from before.",
            )
        ahead = [migration for migration in known if migration.version > applied]
        if not ahead:
            return None
        try:
            await raw.execute(ahead[0].sql)
        except asyncpg.InsufficientPrivilegeError as error:
            raise SchemaError(
                f"The database user may not apply {ahead[0].name}: {error}",
                hint="Let a superuser run `CREATE EXTENSION vector`, or give this user the right to.",
            ) from error
        await connection.fetch("schema.record", ahead[0].version, ahead[0].name)
        return ahead[0].name


async def _applied(connection: Connection) -> int:
    present = await connection.row("schema.bookkeeping")
    assert present is not None
    if not present["present"]:
        return 0
    row = await connection.row("schema.applied")
    assert row is not None
    return int(row["version"])


async def _check_server(connection: Connection) -> None:
    row = await connection.row("schema.server")
    assert row is not None
    if row["postgres"] < OLDEST_POSTGRES:
        raise WrongPostgres(
            f"PostgreSQL {row['postgres'] // 10000} is too old.", hint="Recollect needs PostgreSQL 16 or newer."
        )
    vector = row["vector_installed"] or row["vector_available"]
    if vector is None:
        raise WrongPostgres("The extension pgvector is not there.", hint="Install pgvector 0.8 or newer.")
    if tuple(int(part) for part in vector.split(".")[:2]) < OLDEST_VECTOR:
        raise WrongPostgres(
            f"pgvector {vector} is too old.",
            hint="Install pgvector 0.8 or newer and run `ALTER EXTENSION vector UPDATE`.",
        )
