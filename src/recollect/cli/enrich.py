from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recollect.cli.options import CONFIG, DATA_DIR
from recollect.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from recollect.store.scope import Scope
    from recollect.work.enrich import Enrichment, Estimate

PROJECT = "default"


@click.command()
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(["summarise", "entities", "intents"]),
    help="Only this, or these.",
)
@click.option("--session", metavar="ID", help="Only this session.")
@click.option("--user", metavar="ID", help="Only this user's sessions.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Only what is no older (UTC).")
@click.option("--dry-run", is_flag=True, help="Only tell how much is missing, and what it would cost.")
@DATA_DIR
@CONFIG
def enrich(
    config: Path | None,
    kinds: tuple[Enrichment, ...],
    session: str | None,
    user: str | None,
    since: datetime | None,
    dry_run: bool,
    **overrides: str | None,
) -> None:
    """Summarise and annotate what was added before there was a language model, or while it was switched off.

    May be interrupted and run again, and may run beside the server.
    """
    if session and user:
        raise click.UsageError("A session has one user: give --session or --user.")
    settings = load(file=config, overrides=overrides)

    import asyncio
    from datetime import UTC

    from recollect import logs
    from recollect.store.scope import Scope

    logs.configure(settings)
    scope = Scope(PROJECT, session, user, since and since.replace(tzinfo=UTC))
    if dry_run:
        show(asyncio.run(look(settings, kinds, scope)))
        return
    failed = with_progress(settings, kinds, scope)
    click.echo("Nothing waits any more.")
    if failed:
        click.echo(f"{failed} failed: `recollect jobs --state failed` says why.")


def with_progress(settings: Settings, kinds: Sequence[Enrichment], scope: Scope) -> int:
    """Enrich, and show how far that is; return how many jobs have failed."""
    import asyncio

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("jobs", total=None)

        def report(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return asyncio.run(run(settings, kinds, scope, report))


async def look(settings: Settings, kinds: Sequence[Enrichment], scope: Scope) -> list[Estimate]:
    """Tell what enriching would cost."""
    from recollect.cli.database import database_of
    from recollect.server import estimate

    async with database_of(settings) as dsn:
        return await estimate(settings, dsn, kinds, scope)


async def run(settings: Settings, kinds: Sequence[Enrichment], scope: Scope, report: Callable[[int, int], None]) -> int:
    """Enrich what is missing, beside whoever else does; return how many jobs have failed."""
    from recollect.cli.database import database_of
    from recollect.server import enrich as run

    async with database_of(settings) as dsn:
        return await run(settings, dsn, kinds, scope, report)


def show(estimates: list[Estimate]) -> None:
    """Print what is missing, and about what it would cost."""
    from rich.console import Console
    from rich.table import Table

    table = Table("kind", title="Missing, and about what it would cost")
    for column in ("messages", "calls", "tokens asked", "tokens answered"):
        table.add_column(column, justify="right")
    for kind, *numbers in estimates:
        table.add_row(kind, *(f"{number:,}" for number in numbers))
    Console().print(table)
