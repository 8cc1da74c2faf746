from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recollect.cli.options import CONFIG, DATA_DIR, HOST, PORT, SOCKET
from recollect.errors import SettingsError
from recollect.settings import load

if TYPE_CHECKING:
    from recollect.cli.checks import Finding

STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red"}


@click.command()
@HOST
@PORT
@SOCKET
@DATA_DIR
@CONFIG
def doctor(config: Path | None, **overrides: str | None) -> None:
    """Check that all is well and say what to do if not; changes nothing. Ends with 1 if something is wrong."""
    import asyncio

    from recollect.cli.checks import Finding, examine

    try:
        settings = load(file=config, overrides=overrides)
    except SettingsError as error:
        findings = [Finding("settings", "wrong", error.message, error.hint)]
    else:
        findings = asyncio.run(examine(settings))
    show(findings)
    sys.exit(any(finding.verdict == "wrong" for finding in findings))


def show(findings: list[Finding]) -> None:
    """Print a table; text that goes to a file or a pipe is not wrapped."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("", "check", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        verdict = Text(finding.verdict, style=STYLES[finding.verdict])
        table.add_row(verdict, finding.subject, Text(finding.text), Text(finding.advice))
    Console(width=None if sys.stdout.isatty() else 400).print(table)
