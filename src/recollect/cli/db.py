from __future__ import annotations

import sys
from pathlib import Path

import click

from recollect.cli.options import CONFIG, DATA_DIR
from recollect.errors import StartupError
from recollect.settings import load


@click.command(context_settings={"allow_interspersed_args": False})
@DATA_DIR
@CONFIG
@click.argument("tool")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def db(config: Path | None, tool: str, arguments: tuple[str, ...], **overrides: str | None) -> None:
    """Run psql, pg_dump or another of PostgreSQL's own programs on the embedded database."""
    settings = load(file=config, overrides=overrides)
    if settings.database_url:
        raise StartupError(
            "`recollect db` is for the embedded PostgreSQL, but database_url is set.",
            hint=f"Run {tool} itself, with that URL.",
        )

    from recollect.store.embedded import default_data_dir, run_tool

    data_dir = settings.data_dir or default_data_dir()
    sys.exit(run_tool(data_dir, tool, arguments, explicit=settings.postgres_binaries))
