from __future__ import annotations

import sys
from pathlib import Path

import click

from recollect.cli.options import CONFIG, DATA_DIR, HOST, PORT, SOCKET
from recollect.settings import load


@click.command()
@HOST
@PORT
@SOCKET
@DATA_DIR
@click.option("--workers", metavar="N", help="Background workers in this process.")
@click.option("--no-worker", is_flag=True, help="Do no background work; the same as --workers 0.")
@click.option("--until-unused", is_flag=True, default=None, help="End with the last program that holds the socket.")
@CONFIG
def serve(config: Path | None, no_worker: bool, workers: str | None, **overrides: str | bool | None) -> None:
    """Run the server, with PostgreSQL inside unless a database is set."""
    settings = load(file=config, overrides={"workers": "0" if no_worker else workers, **overrides})

    from recollect import logs
    from recollect.server import serve as run

    if sys.platform == "win32":
        import asyncio as loop
    else:
        import uvloop as loop
    logs.configure(settings)
    loop.run(run(settings))
