"""Two servers on one data folder."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import Server, query

from recollect.errors import DataFolderBusy
from recollect.store.embedded import EmbeddedPostgres, Owner, owner


async def test_second_server(data_dir: Path, pg_major: int, run: Callable[..., Server]) -> None:
    """It ends with an error that names the first one's process and address, and the first goes on."""
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        postgres.set_address("http://127.0.0.1:8000")
        said = run(data_dir, pg_major).listen()
        assert said["error"] == "DataFolderBusy"
        assert f"process {os.getpid()}, http://127.0.0.1:8000" in said["message"]
        assert "--data-dir" in said["hint"]
        assert await query(postgres.dsn, "SELECT 1") == 1


async def test_second_one_in_the_same_process(data_dir: Path, pg_major: int) -> None:
    """The same holds within one process."""
    async with EmbeddedPostgres(data_dir, major=pg_major):
        with pytest.raises(DataFolderBusy):
            async with EmbeddedPostgres(data_dir, major=pg_major):
                pass


async def test_owner(data_dir: Path, pg_major: int) -> None:
    """Others can ask who holds a folder, without disturbing; when it has ended, nobody does."""
    assert owner(data_dir / "missing") is None
    assert owner(data_dir) is None
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        assert owner(data_dir) == Owner(os.getpid(), None, postgres.dsn)
        postgres.set_address("http://[::1]:80")
        assert owner(data_dir) == Owner(os.getpid(), "http://[::1]:80", postgres.dsn)
    assert owner(data_dir) is None


async def test_asked_while_starting(data_dir: Path, pg_major: int) -> None:
    """Asking for the owner never makes a server believe that the folder is busy."""
    asking = asyncio.create_task(_ask_often(data_dir))
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        assert postgres.state == "ready"
    asking.cancel()


async def _ask_often(data_dir: Path) -> None:
    while True:
        owner(data_dir)
        await asyncio.sleep(0)


async def test_many_at_once_on_a_fresh_folder(place: Path, pg_major: int, run: Callable[..., Server]) -> None:
    """Of several servers started on a new folder one runs, and the others name it."""
    servers = [run(place / "data", pg_major) for _ in range(4)]
    said = await asyncio.gather(*(asyncio.to_thread(server.listen) for server in servers))
    (winner,) = (server for server in servers if "dsn" in server.said)
    losers = [answer for answer in said if "error" in answer]
    assert [answer["error"] for answer in losers] == ["DataFolderBusy"] * 3
    assert all(f"process {winner.process.pid}" in answer["message"] for answer in losers)
    assert winner.end() == 0
