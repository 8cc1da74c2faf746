"""Recovery after a crash may take longer than anyone expects."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import Server, held, query, until

from recollect.store.embedded import EmbeddedPostgres


async def test_longer_than_ten_seconds(
    data_dir: Path, pg_major: int, run: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    """It is waited for without limit, the state says what goes on and for how long, and so does the log."""
    server = run(data_dir, pg_major)
    said = server.listen()
    await query(said["dsn"], "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(said["postmaster"], signal.SIGSTOP)
    server.process.kill()
    os.kill(said["postmaster"], signal.SIGKILL)

    hold, settings = held(data_dir)
    caplog.set_level(logging.INFO)
    postgres = EmbeddedPostgres(data_dir, major=pg_major, settings=settings)
    starting = asyncio.create_task(postgres.__aenter__())
    await until(lambda: re.fullmatch(r"recovering after a crash \(1[1-9] s\)", postgres.state))
    assert not starting.done()
    assert "PostgreSQL is recovering after a crash" in caplog.text
    hold.unlink()
    await starting
    assert postgres.state == "ready"
    assert await query(postgres.dsn, "SELECT answer FROM kept") == 42
    await postgres.__aexit__(None, None, None)
