from __future__ import annotations

import re
import time
from pathlib import Path

import click

from recollect.cli.options import CONFIG
from recollect.errors import SettingsError
from recollect.settings import load

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """Read a number with its unit, such as 90s, 15m, 12h, 30d or 8w."""
    match = re.fullmatch(r"([0-9]{1,9})([smhdw])", value or "")
    if value and match is None:
        raise click.BadParameter(f"{value!r} is not a duration; write for example 12h or 30d.")
    return int(match[1]) * UNITS[match[2]] if match else None


@click.command()
@click.option("--expires", callback=seconds, metavar="30d", help="How long it is good: 90s, 15m, 12h, 30d or 8w.")
@CONFIG
def token(config: Path | None, expires: int | None) -> None:
    """Print a token for the API, signed with auth_secret; it gives full access."""
    from recollect.http.auth import make_token

    settings = load(file=config)
    if not settings.auth_secret:
        raise SettingsError(
            "auth_secret is not set", hint="Set RECOLLECT_AUTH_SECRET to the secret the server runs with."
        )
    claims = {} if expires is None else {"exp": int(time.time()) + expires}
    click.echo(make_token(settings.auth_secret, claims))
