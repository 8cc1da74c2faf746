from __future__ import annotations

import json
from pathlib import Path

import click

from recollect.cli.options import CONFIG, DATA_DIR
from recollect.settings import gather, load, redacted


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@DATA_DIR
@CONFIG
def config(config: Path | None, as_json: bool, **overrides: str | None) -> None:
    """Print the settings in effect and where they come from; secrets stay hidden."""
    settings = redacted(load(file=config, overrides=overrides))
    if as_json:
        click.echo(json.dumps(settings, indent=2))
        return
    given = gather(file=config, overrides=overrides)
    width = max(map(len, settings))
    for name, value in settings.items():
        origin = f"  # {given[name].origin}" if name in given else ""
        click.echo(f"{name:{width}} = {json.dumps(value, ensure_ascii=False)}{origin}")
