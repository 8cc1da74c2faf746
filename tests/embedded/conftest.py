"""Data folders to run PostgreSQL on, and servers in processes of their own that can be killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from processes import Server, copied

from recollect.store.embedded import EmbeddedPostgres

ROOM = 1 << 30
"""Bytes; a data folder takes 50 MB, and a test has few of them."""
SUPERVISED = Path(__file__).with_name("supervised.py")


@pytest.fixture(scope="session")
def pg_major() -> int:
    """The PostgreSQL to test with."""
    return int(os.environ.get("RECOLLECT_TEST_PG", "18"))


@pytest.fixture(scope="session")
def shelf() -> Iterator[Path]:
    """A folder that the user PostgreSQL runs as can pass through, unlike pytest's; in memory if there is room."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM
    folder = Path(tempfile.mkdtemp(prefix="recollect-", dir=memory if roomy else None))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def place(shelf: Path) -> Iterator[Path]:
    """An empty folder of one test's own."""
    folder = Path(tempfile.mkdtemp(dir=shelf))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def made(shelf: Path, pg_major: int) -> Path:
    """A data folder with an empty database, stopped."""
    folder = shelf / "made"
    asyncio.run(_make(folder, pg_major))
    return folder


@pytest.fixture
def data_dir(made: Path, place: Path) -> Path:
    """A data folder of one test's own, with an empty database, stopped."""
    return copied(made, place / "data")


async def _make(folder: Path, major: int) -> None:
    async with EmbeddedPostgres(folder, major=major):
        pass


@pytest.fixture
def run(place: Path) -> Iterator[Callable[..., Server]]:
    """Start servers; whatever the test leaves running is killed, PostgreSQL included."""
    servers: list[Server] = []

    def start(*arguments: str | Path, before: list[str] | None = None, **options: Any) -> Server:
        argv = [*(before or [sys.executable]), SUPERVISED, *map(str, arguments)]
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, **options
        )
        servers.append(Server(process))
        return servers[-1]

    yield start
    for server in servers:
        with server.process as process:  # closes its pipes
            process.kill()
    left = [process for process in psutil.process_iter(["cmdline"]) if str(place) in str(process.info["cmdline"])]
    for process in psutil.wait_procs(left, timeout=5)[1]:  # PostgreSQL, stopping because we died
        process.kill()
