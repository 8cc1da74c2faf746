from __future__ import annotations

from pathlib import Path

import click

from recollect.cli.options import CONFIG, DATA_DIR
from recollect.settings import load


@click.command()
@DATA_DIR
@click.option("--workers", metavar="N", help="Jobs of each kind that are run at once.")
@CONFIG
def work(config: Path | None, **overrides: str | None) -> None:
    """Do the background work of a server in a process of its own."""
    settings = load(file=config, overrides=overrides)

    import asyncio

    from recollect import logs
    from recollect.cli.database import database_of
    from recollect.server import work as run

    async def main() -> None:
        async with database_of(settings) as dsn:
            await run(settings, dsn)

    logs.configure(settings)
    asyncio.run(main())
