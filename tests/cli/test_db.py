from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Server

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_psql(run: Run, server: Server) -> None:
    """It runs on the server's database, with whatever arguments it is given."""
    done = run("db", "--data-dir", server.data_dir, "psql", "-At", "-c", "SELECT 40 + 2", "--quiet")
    assert (done.returncode, done.stdout) == (0, "42\n")


def test_its_exit_status(run: Run, server: Server) -> None:
    """The program's own exit status is the command's."""
    done = run("db", "--data-dir", server.data_dir, "psql", "-v", "ON_ERROR_STOP=1", "-f", "/nowhere.sql")
    assert done.returncode == 1
    assert "nowhere.sql" in done.stderr


def test_its_help(run: Run, server: Server) -> None:
    """`--help` behind the program's name is the program's."""
    assert "PostgreSQL interactive terminal" in run("db", "--data-dir", server.data_dir, "psql", "--help").stdout


def test_pg_dump(run: Run, server: Server) -> None:
    """It saves the schema."""
    done = run("db", "--data-dir", server.data_dir, "pg_dump", "--schema-only")
    assert done.returncode == 0
    assert "CREATE TABLE recollect.messages" in done.stdout


def test_no_such_program(run: Run, server: Server) -> None:
    """Another program is refused with the names of those there are."""
    done = run("db", "--data-dir", server.data_dir, "rm")
    assert done.returncode == 1
    assert "psql" in done.stderr


def test_an_external_database(run: Run) -> None:
    """With a database of one's own there is nothing embedded to run on, and the command says so."""
    done = run("db", "psql", RECOLLECT_DATABASE_URL="postgresql://u:HUSH@127.0.0.1:1/db")
    assert done.returncode == 1
    assert "database_url" in done.stderr
    assert "HUSH" not in done.stderr
