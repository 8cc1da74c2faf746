"""A database whose making was cut off."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from processes import Server, query, until

from recollect.errors import StartupError
from recollect.store.embedded import EmbeddedPostgres


@pytest.mark.parametrize("moment", ["PG_VERSION", "base/5"])
async def test_killed_half_way(place: Path, pg_major: int, run: Callable[..., Server], moment: str) -> None:
    """Whenever initdb and we are killed, the next start makes a whole database."""
    data_dir = place / "data"
    server = run(data_dir, pg_major)
    await until((data_dir / "postgres.new" / moment).exists)
    us = psutil.Process(server.process.pid)
    us.suspend()
    for process in (*us.children(recursive=True), us):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert not (data_dir / "postgres").exists()
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT current_database()") == "recollect"
    assert not (data_dir / "postgres.new").exists()


async def test_we_alone_killed(place: Path, pg_major: int, run: Callable[..., Server]) -> None:
    """An initdb that we leave behind by being killed ends, and does not meddle with the next one."""
    data_dir = place / "data"
    server = run(data_dir, pg_major)
    await until((data_dir / "postgres.new" / "PG_VERSION").exists)
    server.process.kill()
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT current_database()") == "recollect"


async def test_initdb_killed(place: Path, pg_major: int, run: Callable[..., Server]) -> None:
    """An initdb that fails is an error that names it and the log."""
    data_dir = place / "data"
    server = run(data_dir, pg_major)
    await until((data_dir / "postgres.new" / "PG_VERSION").exists)
    psutil.Process(server.process.pid).children()[0].kill()
    said = server.listen()
    assert (said["error"], said["message"].split(":")[0]) == ("StartupError", "initdb failed (status -9)")
    assert "postgres.log" in said["hint"]


async def test_cluster_without_a_version(place: Path, pg_major: int) -> None:
    """A cluster that lost its files is not replaced by an empty one."""
    (place / "postgres").mkdir()
    (place / "postgres" / "precious").touch()
    with pytest.raises(StartupError, match="not a PostgreSQL cluster"):
        async with EmbeddedPostgres(place, major=pg_major):
            pass
    assert (place / "postgres" / "precious").exists()
