"""Migrations: many at once, killed anywhere, refused where they do not fit."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import NamedTuple

import asyncpg
import pytest
import pytest_asyncio

from recollect.errors import DatabaseUnavailable, SchemaError, WrongPostgres
from recollect.store.database import connect
from recollect.store.migrate import migrate, migrations, version

NAMES = [migration.name for migration in migrations()]
PROCESSES = 8
KILLS = 8
SCRIPT = """
import asyncio, sys
from recollect.store.migrate import migrate
sys.stdin.readline()
print(*asyncio.run(migrate(sys.argv[1])))
"""

# Ends the server process behind a migration once it has run so many statements that define something.
ASSASSIN = """
CREATE SCHEMA assassin;
CREATE SEQUENCE assassin.survived;
CREATE FUNCTION assassin.strike() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('application_name') = 'recollect'
        AND EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE NOT in_extension)
        AND nextval('assassin.survived') = current_setting('assassin.patience')::bigint
    THEN
        PERFORM pg_terminate_backend(pg_backend_pid());
    END IF;
END $$;
CREATE EVENT TRIGGER assassin ON ddl_command_end EXECUTE FUNCTION assassin.strike();
"""

SHAPE = """
SELECT 'column' AS kind, relname::text AS place, attname::text AS name,
    format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END AS text
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = to_regnamespace('recollect') AND attnum > 0 AND relkind = 'r' AND NOT attisdropped
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = to_regnamespace('recollect')
UNION ALL SELECT 'function', '', proname, prosrc FROM pg_proc JOIN pg_language ON pg_language.oid = prolang
WHERE pronamespace = to_regnamespace('recollect') AND lanname IN ('sql', 'plpgsql')
ORDER BY 1, 2, 3, 4
"""


@pytest_asyncio.fixture
async def empty(empty_database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a database without a schema; other tests' expectations of `recollect` do not apply to it."""
    raw = await asyncpg.connect(empty_database_url)
    yield raw
    await raw.close()


async def _shape(dsn: str) -> list[tuple[str, ...]]:
    """Describe everything that a migration made."""
    raw = await asyncpg.connect(dsn)
    rows = await raw.fetch(SHAPE)
    await raw.close()
    return [tuple(row) for row in rows]


async def _migrator(dsn: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, dsn, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )


async def test_eight_processes_at_once(empty_database_url: str, database_url: str) -> None:
    """Of eight processes that migrate one empty database at once each succeeds, and each step is applied by one."""
    processes = [await _migrator(empty_database_url) for _ in range(PROCESSES)]
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0] * PROCESSES
    assert sorted(name for output, _ in outputs for name in output.decode().split()) == sorted(NAMES)
    assert await _shape(empty_database_url) == await _shape(database_url)
    assert len(await _shape(database_url)) > 100


async def test_the_server_process_killed_after_each_statement(
    empty_database_url: str, database_url: str, empty: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Whichever statement is the last to run, the step leaves nothing behind, and in the end the schema is whole."""
    await empty.execute(ASSASSIN)
    name = await empty.fetchval("SELECT current_database()")
    patience, reached = 1, 0
    while True:
        await empty.execute(f"ALTER DATABASE {name} SET assassin.patience = {patience}")
        await empty.execute("SELECT setval('assassin.survived', 1, false)")
        before = await _shape(empty_database_url)
        try:
            done = await migrate(empty_database_url)
        except DatabaseUnavailable:
            applied = (await version(empty_database_url))[0]
            if applied == reached:
                assert await _shape(empty_database_url) == before
                patience += 1
            else:
                reached, patience = applied, 1
        else:
            break
    assert patience > 1
    assert done == NAMES[reached:]
    await empty.execute("DROP EVENT TRIGGER assassin; DROP SCHEMA assassin CASCADE")
    assert await _shape(empty_database_url) == await _shape(database_url)


async def test_the_migrating_process_killed(
    empty_database_url: str, database_url: str, empty: asyncpg.Connection[asyncpg.Record]
) -> None:
    """After kill -9 of the process at several moments of its work the next one makes the schema whole."""
    killed = 0
    for kill in range(KILLS):
        process = await _migrator(empty_database_url)
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while process.returncode is None and not await empty.fetchval(busy):  # noqa: ASYNC110 -- in another process
            await asyncio.sleep(0.002)
        await asyncio.sleep(kill * 0.02)
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
        await process.communicate()
        killed += process.returncode == -signal.SIGKILL
    assert killed
    await migrate(empty_database_url)
    assert await _shape(empty_database_url) == await _shape(database_url)
    assert await version(empty_database_url) == (len(NAMES), len(NAMES))


async def test_migrating_again_does_nothing(database_url: str) -> None:
    """A schema that is up to date is left as it is."""
    before = await _shape(database_url)
    assert await migrate(database_url) == []
    assert await _shape(database_url) == before


async def test_a_newer_schema_is_refused(database_url: str) -> None:
    """A program that is older than the schema says so and touches nothing."""
    raw = await connect(database_url, seconds=10)
    await raw.execute("INSERT INTO recollect_migrations VALUES (9999, '9999_future', now())")
    await raw.close()
    before = await _shape(database_url)
    with pytest.raises(SchemaError, match="9999") as raised:
        await migrate(database_url)
    assert "newer Recollect" in raised.value.hint
    assert await _shape(database_url) == before


# An older server, as far as a client can tell: what it says of itself, in place of what it is.
OLDER = """
SET allow_system_table_mods = on;
ALTER FUNCTION pg_catalog.current_setting(text) RENAME TO true_setting;
CREATE FUNCTION pg_catalog.current_setting(text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE $1 WHEN 'server_version_num' THEN {postgres} ELSE true_setting($1) END
$$;
ALTER VIEW pg_catalog.pg_available_extensions RENAME TO truly_available_extensions;
CREATE VIEW pg_catalog.pg_available_extensions AS
    SELECT * FROM (VALUES ('vector', {available})) AS extension (name, default_version) WHERE default_version <> '';
"""


class Server(NamedTuple):
    """What a server says of itself; an empty version is one that is not there."""

    postgres: str = "180000"
    available: str = "0.8.1"
    installed: str = ""


@pytest.mark.parametrize(
    ("server", "message", "hint"),
    [
        (Server(postgres="150012"), "PostgreSQL 15 is too old", "PostgreSQL 16 or newer"),
        (Server(available="0.7.4"), "pgvector 0.7.4 is too old", "pgvector 0.8 or newer"),
        (Server(installed="0.7.4"), "pgvector 0.7.4 is too old", "ALTER EXTENSION vector UPDATE"),
        (Server(available=""), "pgvector is not there", "Install pgvector"),
    ],
)
async def test_a_server_too_old_is_refused(
    empty: asyncpg.Connection[asyncpg.Record], empty_database_url: str, server: Server, message: str, hint: str
) -> None:
    """An old PostgreSQL, an old pgvector and none are each named, with what to do, and nothing is touched."""
    await empty.execute(OLDER.format(postgres=f"'{server.postgres}'", available=f"'{server.available}'::text"))
    if server.installed:
        await empty.execute("CREATE EXTENSION vector")
        await empty.execute("UPDATE pg_extension SET extversion = $1 WHERE extname = 'vector'", server.installed)
    with pytest.raises(WrongPostgres, match=message) as raised:
        await migrate(empty_database_url)
    assert hint in raised.value.hint
    assert await empty.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname = 'recollect'") == 0
