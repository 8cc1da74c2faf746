"""Watching processes and asking databases."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil

DEADLINE = 90
"""Seconds; generous, for a machine that does other things as well."""


def copied(source: Path, target: Path) -> Path:
    """Copy a data folder with the owners of its files."""
    subprocess.run(["cp", "-a", source, target], check=True)
    return target


async def query(dsn: str, statement: str, *values: object) -> Any:
    """Return the first value a statement answers."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement, *values)
    finally:
        await connection.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 -- what happens in other processes sets no event
            await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    """Tell whether a process has ended, whether or not its parent took note."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@dataclass
class Server:
    """A process with an EmbeddedPostgres in it. It ends when its standard input does."""

    process: subprocess.Popen[str]
    said: dict[str, Any] = field(default_factory=dict)

    def listen(self) -> dict[str, Any]:
        """Wait for the next thing the process says: `dsn` and `postmaster` once it runs, or `error`."""
        assert self.process.stdout is not None
        self.said = json.loads(self.process.stdout.readline())
        return self.said

    def end(self) -> int:
        """Let it end in order; return its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(DEADLINE)


def held(data_dir: Path) -> tuple[Path, dict[str, str]]:
    """Make the next start of a folder's PostgreSQL last until a file is removed; return the file, and its settings."""
    hold, signal = data_dir / "hold", data_dir / "postgres" / "recovery.signal"
    hold.touch()
    signal.touch(mode=0o600)
    owner = (data_dir / "postgres").stat()
    os.chown(signal, owner.st_uid, owner.st_gid)
    return hold, {"restore_command": f"while [ -e '{hold}' ]; do sleep 0.05; done; false"}
