from __future__ import annotations

from pathlib import Path

import click

CONFIG = click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path), help="Settings: a TOML file, or a Zep config.yaml."
)
DATA_DIR = click.option("--data-dir", metavar="DIR", help="Folder of the embedded PostgreSQL.")
HOST = click.option("--host", help="Address to listen on.")
PORT = click.option("--port", metavar="N", help="Port to listen on; 0 picks a free one and prints it.")
SOCKET = click.option("--socket", metavar="PATH", help="Unix socket to listen on instead of a port.")
