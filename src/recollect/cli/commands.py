"""All commands. What a command needs is imported when it runs, so that `--help` answers at once."""

from __future__ import annotations

import sys

import click

from recollect import __version__
from recollect.cli.config import config
from recollect.cli.db import db
from recollect.cli.doctor import doctor
from recollect.cli.enrich import enrich
from recollect.cli.export import export
from recollect.cli.import_ import import_
from recollect.cli.jobs import jobs
from recollect.cli.migrate import migrate
from recollect.cli.reembed import reembed
from recollect.cli.serve import serve
from recollect.cli.token import token
from recollect.cli.work import work
from recollect.errors import Error, SettingsError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def recollect() -> None:
    """Keep, find and forget the memory of AI assistants."""


for command in (serve, work, jobs, reembed, enrich, migrate, import_, export, config, token, doctor, db):
    recollect.add_command(command)


def main() -> None:
    """Run the command line; an error of ours ends in two lines, not in a traceback."""
    try:
        recollect(prog_name="recollect")
    except Error as error:
        click.echo(f"recollect: {error.message}", err=True)
        if error.hint:
            click.echo(error.hint, err=True)
        sys.exit(2 if isinstance(error, SettingsError) else 1)
