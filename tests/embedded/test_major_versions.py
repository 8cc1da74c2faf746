"""A data folder of another major version, and how its data gets into this one."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from processes import query

from recollect.errors import StartupError, WrongPostgres
from recollect.store.embedded import EmbeddedPostgres, run_tool

TOOL = (
    "import sys; from pathlib import Path; from recollect.store.embedded import run_tool\n"
    "sys.exit(run_tool(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))"
)


def tool(data_dir: Path, *arguments: str, text: str = "") -> str:
    """Run a tool as the command line does; return what it writes."""
    argv = [sys.executable, "-c", TOOL, data_dir, *arguments]
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=True, cwd=data_dir).stdout


@pytest.mark.parametrize(("made_by", "runs"), [(16, 18), (18, 16)])
async def test_upgrade(place: Path, made_by: int, runs: int) -> None:
    """A folder of another version is refused untouched, and the commands of the refusal move its data over."""
    data_dir = place / "the data"
    async with EmbeddedPostgres(data_dir, major=made_by) as postgres:
        await query(postgres.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    with pytest.raises(WrongPostgres, match=f"{data_dir} was made by PostgreSQL {made_by}; this is {runs}") as refused:
        async with EmbeddedPostgres(data_dir, major=runs):
            pass
    hint = refused.value.hint
    assert f"recollect db --data-dir {shlex.quote(str(data_dir))} pg_dump -Fc -f recollect.dump" in hint
    assert "pg_restore recollect.dump" in hint

    tool(data_dir, "pg_dump", "-Fc", "-f", "recollect.dump")
    (data_dir / "postgres").rename(data_dir / f"postgres-{made_by}")
    if runs == 18:
        tool(data_dir, "pg_restore", "recollect.dump")
        async with EmbeddedPostgres(data_dir, major=runs) as postgres:
            assert await query(postgres.dsn, "SELECT answer FROM kept") == 42


async def test_tool_on_a_running_server(data_dir: Path, pg_major: int) -> None:
    """A tool uses the server that runs, with its own input and output."""
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        pid = str(await query(postgres.dsn, "SELECT pg_postmaster_start_time()::text"))
        assert tool(data_dir, "psql", "-At", text="SELECT pg_postmaster_start_time();").strip() == pid


async def test_tool_on_a_stopped_folder(data_dir: Path, pg_major: int) -> None:
    """Without one, PostgreSQL runs for as long as the tool does."""
    assert tool(data_dir, "psql", "-Atc", "SELECT 1").strip() == "1"
    assert not (data_dir / "postgres" / "postmaster.pid").exists()
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT 1") == 1


def test_status_of_a_tool(data_dir: Path) -> None:
    """A tool's exit status is handed on."""
    argv = [sys.executable, "-c", TOOL, data_dir, "psql", "-c", "no statement"]
    answer = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "syntax error" in answer.stderr


def test_unknown_tool(place: Path) -> None:
    """Only PostgreSQL's tools are run, and the error names them."""
    with pytest.raises(StartupError, match="/bin/sh") as refused:
        run_tool(place, "/bin/sh", [])
    assert "psql" in refused.value.hint


@pytest.mark.parametrize("name", ["pg_dump", "psql"])
def test_folder_without_a_database(place: Path, name: str) -> None:
    """A mistyped folder does not become an empty database whose dump passes for a backup."""
    with pytest.raises(StartupError, match="no database"):
        run_tool(place / "mistyped", name, [])
    assert not (place / "mistyped").exists()
