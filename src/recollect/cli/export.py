from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from recollect.cli.options import CONFIG, DATA_DIR
from recollect.settings import Settings, load

if TYPE_CHECKING:
    from collections import Counter

PROJECT = "default"
BYTES_AT_ONCE = 1024 * 1024


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default="-")
@click.option("--user", metavar="ID", help="Only this user, with all sessions.")
@DATA_DIR
@CONFIG
def export(config: Path | None, file: Path, user: str | None, **overrides: str | None) -> None:
    """Write users, sessions, messages and summaries as JSON lines, to FILE or standard output.

    All lines are of one moment, however long it takes and whatever is written meanwhile.
    """
    settings = load(file=config, overrides=overrides)

    import asyncio

    from recollect import logs

    logs.configure(settings)
    if str(file) == "-":
        counts = asyncio.run(run(settings, user, sys.stdout.buffer))
    else:
        part = file.with_name(f"{file.name}.part")  # what has the name itself is always whole
        try:
            with part.open("wb") as out:
                counts = asyncio.run(run(settings, user, out))
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    numbers = ", ".join(f"{counts[kind]} {name}" for kind, name in KINDS.items())
    click.echo(f"Exported {numbers}.", err=True)


KINDS = {"user": "users", "session": "sessions", "message": "messages", "summary": "summaries"}


async def run(settings: Settings, user: str | None, out: BinaryIO) -> Counter[str]:
    """Write the lines; return how many of each kind."""
    from collections import Counter
    from contextlib import aclosing

    import msgspec

    from recollect.cli.database import database_of
    from recollect.store import Store, exports
    from recollect.store.database import Database
    from recollect.store.migrate import migrate

    counts: Counter[str] = Counter()
    encoder = msgspec.json.Encoder()
    buffer = bytearray()
    async with database_of(settings) as dsn:
        await migrate(dsn)
        database = Database(dsn, size=1, statement_timeout=0)
        try:
            async with aclosing(exports.lines(Store(database), PROJECT, user_id=user)) as lines:
                async for line in lines:
                    counts[line["type"]] += 1
                    buffer += encoder.encode(line)
                    buffer += b"\n"
                    if len(buffer) > BYTES_AT_ONCE:
                        out.write(buffer)
                        buffer.clear()
            out.write(buffer)
            out.flush()
        finally:
            await database.close()
    return counts
