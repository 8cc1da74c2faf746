from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from recollect.cli.options import CONFIG, DATA_DIR
from recollect.settings import Settings, load

if TYPE_CHECKING:
    from recollect.core.importing import Import, Rejected

PROJECT = "default"
SHOWN = 20
SOME_REJECTED = 3
"""Exit status: everything was done, but for some lines."""


@click.command(name="import")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--rejected",
    metavar="FILE",
    type=click.File("wb", lazy=False),
    help="Write the rejected lines there, with reasons.",
)
@DATA_DIR
@CONFIG
def import_(config: Path | None, file: BinaryIO, rejected: BinaryIO | None, **overrides: str | None) -> None:
    """Read users, sessions, messages and summaries from JSON lines, of FILE or, for -, standard input.

    What is there stays as it is, so it may be interrupted and run again, and may run beside the server. Ends with 3
    when lines were rejected.
    """
    settings = load(file=config, overrides=overrides)

    import asyncio

    from recollect import logs

    logs.configure(settings)
    report = Report(rejected)
    done = asyncio.run(run(settings, file, report))
    report.show(done)
    sys.exit(SOME_REJECTED if report.number else 0)


class Report:
    """Keeps the rejected lines: the first few to be shown, all in a file if there is one."""

    def __init__(self, file: BinaryIO | None) -> None:
        self.number = 0
        self._first: list[str] = []
        self._file = file

    def reject(self, rejected: Rejected) -> None:
        """Note one."""
        import msgspec

        self.number += 1
        if len(self._first) < SHOWN:
            self._first.append(f"line {rejected.line}: {rejected.reason}")
        if self._file is not None:
            text = rejected.text.decode(errors="replace")
            line = {"line": rejected.line, "reason": rejected.reason, "text": text}
            self._file.write(msgspec.json.encode(line) + b"\n")

    def show(self, done: Import) -> None:
        """Print the numbers, then the reasons."""
        from rich.console import Console
        from rich.table import Table

        table = Table("", "added", "already there", "rejected")
        for name, counts in done.counts.items():
            table.add_row(name, f"{counts.added:,}", f"{counts.present:,}", f"{counts.rejected:,}")
        if done.unreadable:
            table.add_row("unreadable lines", "", "", f"{done.unreadable:,}")
        Console().print(table)
        for told in self._first:
            click.echo(told, err=True)
        if self.number > SHOWN:
            more = self.number - SHOWN
            click.echo(f"and {more:,} more; --rejected FILE writes down all of them", err=True)


async def run(settings: Settings, file: BinaryIO, report: Report) -> Import:
    """Import into the database of the settings, with a progress bar."""
    from recollect.cli.database import database_of
    from recollect.core.importing import LANES, Import
    from recollect.store import Store
    from recollect.store.database import Database
    from recollect.store.migrate import migrate

    async with database_of(settings) as dsn:
        await migrate(dsn)
        database = Database(dsn, size=LANES, statement_timeout=0)
        try:
            done = Import(Store(database), PROJECT, settings, report.reject)
            with progress_bar(file) as advance:
                await done.run(file, advance)
        finally:
            await database.close()
    return done


@contextmanager
def progress_bar(file: BinaryIO) -> Iterator[Callable[[int], None]]:
    """Show how much of a file is dealt with; yield what is to be called with each number of bytes."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    size = os.fstat(file.fileno()).st_size or None  # a pipe does not know
    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=size)
        yield lambda done: progress.advance(task, done)
