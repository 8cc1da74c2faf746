"""PostgreSQL's log: bounded, and without a word of a user."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest
from processes import DEADLINE, query, until

from recollect.store.embedded import EmbeddedPostgres
from recollect.store.embedded.postmaster import LONGEST_LOG

SECRET = "confided"


async def test_long_log(data_dir: Path, pg_major: int) -> None:
    """A long log is set aside once, and PostgreSQL goes on writing to the emptied one."""
    current, older = data_dir / "postgres.log", data_dir / "postgres.log.1"
    async with EmbeddedPostgres(data_dir, major=pg_major):
        for letter in (b"a", b"b"):
            with current.open("ab") as file:
                file.write(letter * (LONGEST_LOG + 1))
            await until(lambda: current.stat().st_size < LONGEST_LOG)
            assert letter in older.read_bytes()[-10:]
    assert b"shut down" in current.read_bytes()
    assert b"\0" not in current.read_bytes()


async def test_long_log_of_a_stopped_server(data_dir: Path, pg_major: int) -> None:
    """A log that is long at the start is set aside then."""
    (data_dir / "postgres.log").write_bytes(b"a" * (LONGEST_LOG + 1))
    async with EmbeddedPostgres(data_dir, major=pg_major):
        assert (data_dir / "postgres.log").stat().st_size < LONGEST_LOG


async def test_nowhere_to_set_it_aside(data_dir: Path, pg_major: int) -> None:
    """A log that can't be kept is dropped, and PostgreSQL goes on being looked after."""
    (data_dir / "postgres.log.1").mkdir()
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        with (data_dir / "postgres.log").open("ab") as file:
            file.write(b"a" * (LONGEST_LOG + 1))
        await until(lambda: (data_dir / "postgres.log").stat().st_size < LONGEST_LOG)
        first = postgres.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: postgres.pid != first)


async def test_no_word_of_a_user(data_dir: Path, pg_major: int) -> None:
    """Neither failing statements nor crashes in the middle of one put what a user wrote into the log."""
    async with EmbeddedPostgres(data_dir, major=pg_major, settings={"log_lock_waits": "on"}) as postgres:
        await _fail_in_many_ways(postgres.dsn)
        first = postgres.pid
        busy = await asyncpg.connect(postgres.dsn)
        sleeping = asyncio.create_task(busy.execute(f"SELECT pg_sleep(600), '{SECRET}'"))
        await _wait_for_statement(postgres.dsn)
        os.kill(busy.get_server_pid(), signal.SIGKILL)
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await sleeping
        await until(lambda: postgres.pid != first)
        await asyncio.wait_for(postgres.wait_ready(), DEADLINE)
    log = (data_dir / "postgres.log").read_text()
    assert "signal 9" in log
    assert SECRET not in log


async def _fail_in_many_ways(dsn: str) -> None:
    await query(dsn, "CREATE TABLE t (word text UNIQUE CHECK (length(word) < 20), number int)")
    await query(dsn, "INSERT INTO t VALUES ($1)", SECRET)
    for statement in (
        f"INSERT INTO t VALUES ('{SECRET}')",
        f"INSERT INTO t VALUES ('{SECRET * 10}')",
        f"SELECT '{SECRET}'::int",
        f"SELECT '{SECRET}'::jsonb",
        f"SELECT {SECRET}",
        f"DO $$ BEGIN RAISE EXCEPTION '{SECRET}'; END $$",
        f"DO $$ BEGIN RAISE WARNING '{SECRET}'; END $$",
        f"SET statement_timeout = 10; SELECT pg_sleep(10), '{SECRET}'",
    ):
        try:
            await query(dsn, statement)
        except asyncpg.PostgresError:
            continue
        assert "WARNING" in statement
    with pytest.raises(asyncpg.UniqueViolationError):
        await query(dsn, "INSERT INTO t VALUES ($1)", SECRET)


async def _wait_for_statement(dsn: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while not await query(  # noqa: ASYNC110 -- nothing tells of a statement's start
            dsn, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'"
        ):
            await asyncio.sleep(0.01)
