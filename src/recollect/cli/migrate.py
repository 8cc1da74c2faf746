from __future__ import annotations

from pathlib import Path

import click

from recollect.cli.options import CONFIG, DATA_DIR
from recollect.settings import Settings, load


@click.command()
@DATA_DIR
@CONFIG
def migrate(config: Path | None, **overrides: str | None) -> None:
    """Bring the database's schema up to date, as `serve` does when it starts."""
    settings = load(file=config, overrides=overrides)

    import asyncio

    from recollect import logs

    logs.configure(settings)
    applied = asyncio.run(apply(settings))
    for name in applied:
        click.echo(f"applied {name}")
    if not applied:
        click.echo("The schema is up to date.")


async def apply(settings: Settings) -> list[str]:
    """Migrate the database of the settings; the embedded one is started for the purpose unless it runs."""
    from recollect.cli.database import database_of
    from recollect.store.migrate import migrate as run

    async with database_of(settings) as dsn:
        return await run(dsn)
