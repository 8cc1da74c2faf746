"""The command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say how to get what it needs: the client alone comes without."""
    try:
        from recollect.cli.commands import main as run

        run()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "recollect":
            raise
        sys.exit(
            f"recollect: The server needs the package {error.name}, which is not installed.\n"
            "Install all that it needs with: pip install 'recollect[server]'"
        )
