"""The server as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from live import ENVIRON, RECOLLECT


@contextlib.asynccontextmanager
async def started(folder: Path, **environ: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run `recollect serve` in a folder until it is ready; give a client of its API, and stop it in the end."""
    process = await asyncio.create_subprocess_exec(
        RECOLLECT,
        "serve",
        cwd=folder,
        env=ENVIRON | {"RECOLLECT_EMBEDDING_PROVIDER": "none"} | environ,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    events: list[dict[str, str]] = []
    while not (events and events[-1]["event"] == "ready"):
        line = await process.stderr.readline()
        assert line, events
        events.append(json.loads(line))
    rest = asyncio.create_task(process.stderr.read())
    try:
        async with httpx.AsyncClient(base_url=f"{events[-1]['address']}/api/v1/", timeout=30) as api:
            yield api
    finally:
        process.terminate()
        await process.wait()
        await rest
    assert process.returncode == 0


def shown(folder: Path, **environ: str) -> str:
    """Return what `recollect config` prints."""
    return subprocess.run(
        [RECOLLECT, "config"], cwd=folder, env=ENVIRON | environ, capture_output=True, text=True, check=True
    ).stdout
