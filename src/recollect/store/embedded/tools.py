"""PostgreSQL's own programs, run on the database of a data folder."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from recollect.data_folder import owner
from recollect.errors import StartupError

from . import binaries, cluster
from .supervisor import EmbeddedPostgres

TOOLS = ("psql", "pg_dump", "pg_restore", "pg_dumpall", "pg_isready", "vacuumdb", "reindexdb")
"""Those that take the database as `--dbname`."""
NEWEST = max(binaries.FOLDERS)


def run_tool(data_dir: Path, tool: str, args: Sequence[str], *, explicit: Path | None = None) -> int:
    """Run one of TOOLS on the folder's database, on our own terminal, and return its exit status.

    The server that runs on the folder is used. If there is none, PostgreSQL is started for as long as the tool runs, in
    the version that made the folder, so that a folder of an older version can be saved.
    """
    if tool not in TOOLS:
        raise StartupError(f"There is no tool {tool!r}.", hint=f"The tools are {', '.join(TOOLS)}.")
    # Ctrl-C is for the tool, which shares our terminal; a handler of ours, unlike SIG_IGN, is not inherited
    previous = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return asyncio.run(_run(data_dir, tool, args, explicit))
    finally:
        signal.signal(signal.SIGINT, previous)


async def _run(data_dir: Path, tool: str, args: Sequence[str], explicit: Path | None) -> int:
    made_by = cluster.version(data_dir)
    if made_by is None and tool != "pg_restore":  # what a mistyped folder holds must not pass for a backup
        raise StartupError(f"There is no database in {data_dir}.", hint="Name another folder with --data-dir.")
    major = made_by or NEWEST
    programs = binaries.find(data_dir, None, major, explicit)
    if programs.major != major:
        explicit, programs = None, binaries.find(data_dir, None, major)
    holder = owner(data_dir)
    if holder is None:
        async with EmbeddedPostgres(data_dir, major=major, binaries=explicit) as postgres:
            return await _call(programs.path(tool), postgres.dsn, args)
    if holder.dsn is None:
        raise StartupError(f"The server on {data_dir} is just starting.", hint="Try again in a moment.")
    return await _call(programs.path(tool), holder.dsn, args)


async def _call(program: Path, dsn: str, args: Sequence[str]) -> int:
    sys.stdout.flush()
    process = await asyncio.create_subprocess_exec(program, f"--dbname={dsn}", *args)
    return await process.wait()
