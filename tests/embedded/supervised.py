"""Run PostgreSQL on a data folder until standard input ends, and say what comes of it: DATA_DIR MAJOR [BINARIES]."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from recollect.errors import Error
from recollect.store.embedded import EmbeddedPostgres


def say(what: dict[str, object]) -> None:
    """Write a line of JSON."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Enter, speak, wait, leave."""
    binaries = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    try:
        async with EmbeddedPostgres(Path(sys.argv[1]), major=int(sys.argv[2]), binaries=binaries) as postgres:
            say({"dsn": postgres.dsn, "postmaster": postgres.pid})
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    except Error as error:
        say({"error": type(error).__name__, "message": error.message, "hint": error.hint})
        sys.exit(1)


asyncio.run(main())
