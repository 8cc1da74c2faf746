from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import click

from recollect.cli.options import CONFIG, DATA_DIR
from recollect.models import JobState
from recollect.settings import Settings, load

SHOWN = 100
PROJECT = "default"


@click.command()
@click.option("--state", type=click.Choice(["due", "leased", "failed"]), help="Only jobs in this state.")
@click.option("--retry", metavar="ID", type=click.UUID, help="Run a failed job again.")
@click.option("--retry-failed", is_flag=True, help="Run all failed jobs again.")
@DATA_DIR
@CONFIG
def jobs(
    config: Path | None, state: str | None, retry: UUID | None, retry_failed: bool, **overrides: str | None
) -> None:
    """Show what waits in the queue and what has failed, or run failed jobs again."""
    settings = load(file=config, overrides=overrides)

    import asyncio

    if retry or retry_failed:
        done = asyncio.run(run_again(settings, retry))
        click.echo(f"{done} job{'' if done == 1 else 's'} to be run again.")
    else:
        show(*asyncio.run(look(settings, state)))


async def run_again(settings: Settings, one: UUID | None) -> int:
    """Make one failed job due, or all; return how many."""
    from recollect.cli.database import database_of
    from recollect.store import Store, jobs
    from recollect.store.database import Database

    async with database_of(settings) as dsn:
        store = Store(Database(dsn, size=1))
        try:
            if one is not None:
                await jobs.retry(store, PROJECT, one)
                return 1
            return await jobs.retry_failed(store, PROJECT)
        finally:
            await store.database.close()


async def look(settings: Settings, state: str | None) -> tuple[Sequence[tuple[str, int, int, float]], list[JobState]]:
    """Return the numbers by kind, and the first jobs."""
    from recollect.cli.database import database_of
    from recollect.store import Store, jobs
    from recollect.store.database import Database

    async with database_of(settings) as dsn:
        store = Store(Database(dsn, size=1))
        try:
            listed = await jobs.listed(store, PROJECT, state=state, kind=None, after=None, limit=SHOWN)
            return await jobs.overview(store), listed
        finally:
            await store.database.close()


def show(overview: Sequence[tuple[str, int, int, float]], listed: list[JobState]) -> None:
    """Print the numbers, then the jobs."""
    from rich.console import Console
    from rich.table import Table

    numbers = Table("kind", "waiting", "failed", "oldest waits", title="Jobs")
    for kind, waiting, failed, oldest in overview:
        numbers.add_row(kind, str(waiting), str(failed), f"{oldest:.0f} s")
    single = Table("id", "kind", "state", "items", "attempts", "error")
    for job in listed:
        single.add_row(str(job.id), job.kind, job.state, str(job.items), str(job.attempts), job.error or "")
    console = Console()
    console.print(numbers)
    if listed:
        console.print(single)
