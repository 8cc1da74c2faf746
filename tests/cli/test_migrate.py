from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Server

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_an_external_database(run: Run, empty_database_url: str) -> None:
    """Each migration is applied and named once; then there is nothing left to do."""
    first = run("migrate", RECOLLECT_DATABASE_URL=empty_database_url)
    assert first.returncode == 0
    assert first.stdout.splitlines()[0] == "applied 0001_start"
    second = run("migrate", RECOLLECT_DATABASE_URL=empty_database_url)
    assert (second.returncode, second.stdout) == (0, "The schema is up to date.\n")


def test_the_embedded_database(run: Run, folder: Path) -> None:
    """The embedded PostgreSQL is made and started for it, and stopped again."""
    done = run("migrate", "--data-dir", folder / "data")
    assert done.returncode == 0
    assert "applied 0001_start" in done.stdout
    assert not (folder / "data" / "postgres" / "postmaster.pid").exists()


def test_a_running_server(run: Run, server: Server) -> None:
    """Where a server runs on the folder, its PostgreSQL is used, and there is nothing left to do."""
    done = run("migrate", "--data-dir", server.data_dir)
    assert (done.returncode, done.stdout) == (0, "The schema is up to date.\n")
    assert server.process.poll() is None


def test_no_database(run: Run) -> None:
    """A database that does not answer ends the command with 1 and a line, not a traceback."""
    done = run("migrate", RECOLLECT_DATABASE_URL="postgresql://u:HUSH@127.0.0.1:1/db")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("recollect: ")
    assert "Traceback" not in done.stderr
    assert "HUSH" not in done.stderr
