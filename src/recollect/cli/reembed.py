from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recollect.cli.options import CONFIG, DATA_DIR
from recollect.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable


@click.command()
@DATA_DIR
@CONFIG
def reembed(config: Path | None, **overrides: str | None) -> None:
    """Give every message and document a vector of the configured model; a new model takes over when none is missing.

    May be interrupted and run again, and may run beside the server, which goes on searching meanwhile.
    """
    settings = load(file=config, overrides=overrides)

    import asyncio

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from recollect import logs

    logs.configure(settings)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("texts", total=None)

        def report(embedded: int, texts: int) -> None:
            progress.update(task, completed=embedded, total=texts)

        asyncio.run(run(settings, report))
    click.echo("Every message and document has its vector.")


async def run(settings: Settings, report: Callable[[int, int], None]) -> None:
    """Embed what is missing, beside whoever else does."""
    from recollect.cli.database import database_of
    from recollect.server import reembed as run

    async with database_of(settings) as dsn:
        await run(settings, dsn, report)
