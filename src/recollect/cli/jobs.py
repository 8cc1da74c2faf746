from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import click

from recollect.cli.options import CONFIG, DATA_DIR
from recollect.models import JobState
from recollect.settings import Settings, load

if TYPE_CHECKING:
    from recollect.store.jobs import Overview
    from recollect.store.usage import Usage

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
    """Show what waits in the queue, what has failed and what models were asked, or run failed jobs again."""
    settings = load(file=config, overrides=overrides)

    import asyncio

    if retry or retry_failed:
        done = asyncio.run(run_again(settings, retry))
        click.echo(f"{done} job{'' if done == 1 else 's'} to be run again.")
    else:
        show(asyncio.run(look(settings, state)))


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


class Queue(NamedTuple):
    """What there is to show: numbers by kind of job, the first jobs, and what language models have cost."""

    overview: Sequence[Overview]
    listed: Sequence[JobState]
    usage: Sequence[Usage]


async def look(settings: Settings, state: str | None) -> Queue:
    """Read what there is to show."""
    from recollect.cli.database import database_of
    from recollect.store import Store, jobs, usage
    from recollect.store.database import Database

    async with database_of(settings) as dsn:
        store = Store(Database(dsn, size=1))
        try:
            listed = await jobs.listed(store, PROJECT, state=state, kind=None, after=None, limit=SHOWN)
            return Queue(await jobs.overview(store), listed, await usage.totals(store))
        finally:
            await store.database.close()


def show(queue: Queue) -> None:
    """Print the numbers, then the jobs."""
    from rich.console import Console
    from rich.table import Table

    numbers = Table("kind", "waiting", "failed", "oldest waits", title="Jobs")
    for kind, waiting, failed, oldest in queue.overview:
        numbers.add_row(kind, str(waiting), str(failed), f"{oldest:.0f} s")
    models = Table("task", "model", "calls", "failed", "tokens in", "tokens out", "seconds", title="Language models")
    for use in queue.usage:
        models.add_row(*use[:2], *map(str, use[2:6]), f"{use.seconds:.1f}")
    single = Table("id", "kind", "state", "items", "attempts", "error")
    for job in queue.listed:
        single.add_row(str(job.id), job.kind, job.state, str(job.items), str(job.attempts), job.error or "")
    console = Console()
    console.print(numbers)
    for table in (models, single):
        if table.rows:
            console.print(table)
