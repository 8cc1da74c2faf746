"""A pid that a killed PostgreSQL left in its file may be anyone's by now."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import Server, gone, query, until

from recollect.errors import DataFolderBusy
from recollect.store.embedded import EmbeddedPostgres, account, binaries, postmaster, process


@pytest.fixture
def crashed(data_dir: Path, pg_major: int, run: Callable[..., Server]) -> Path:
    """A data folder whose PostgreSQL was killed."""
    server = run(data_dir, pg_major)
    said = server.listen()
    os.kill(said["postmaster"], signal.SIGSTOP)
    server.process.kill()
    os.kill(said["postmaster"], signal.SIGKILL)
    return data_dir


@pytest.fixture
def stranger(crashed: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the user that PostgreSQL runs as, which has nothing to do with it."""
    who = account.choose(crashed / "postgres")
    options = {"user": who.uid, "group": who.gid, "extra_groups": []} if who else {}
    with subprocess.Popen(["/bin/sleep", "600"], **options) as sleeping:
        yield sleeping
        sleeping.kill()


def write_pid(data_dir: Path, pid: int) -> None:
    """Have the file of the killed PostgreSQL name another process."""
    path = data_dir / "postgres" / "postmaster.pid"
    path.write_text("\n".join([str(pid), *path.read_text().split("\n")[1:]]))


async def test_pid_of_another_process(crashed: Path, pg_major: int, stranger: subprocess.Popen[bytes]) -> None:
    """PostgreSQL starts although the pid lives, and the process it belongs to is left alone."""
    write_pid(crashed, stranger.pid)
    async with EmbeddedPostgres(crashed, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT 1") == 1
        assert stranger.poll() is None
    assert stranger.poll() is None


async def test_our_own_pid(crashed: Path, pg_major: int) -> None:
    """In a container that was restarted, the pid may well be our own."""
    write_pid(crashed, os.getpid())
    async with EmbeddedPostgres(crashed, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT 1") == 1


async def test_zombie(crashed: Path, pg_major: int, stranger: subprocess.Popen[bytes]) -> None:
    """A process that ended but was not taken note of does not hold PostgreSQL up."""
    write_pid(crashed, stranger.pid)
    os.kill(stranger.pid, signal.SIGKILL)
    await until(lambda: gone(stranger.pid))
    async with EmbeddedPostgres(crashed, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT 1") == 1


@pytest.mark.parametrize("lines", [0, 3])
async def test_file_cut_short(crashed: Path, pg_major: int, lines: int) -> None:
    """A file that PostgreSQL was writing when it was killed is no hindrance."""
    path = crashed / "postgres" / "postmaster.pid"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:lines]))
    async with EmbeddedPostgres(crashed, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT 1") == 1


async def test_postgres_started_by_hand(data_dir: Path, pg_major: int) -> None:
    """A PostgreSQL that someone else runs on the cluster is respected and named."""
    who = account.choose(data_dir / "postgres")
    programs = binaries.find(data_dir, who, pg_major)
    cluster = data_dir / "postgres"
    with postmaster.open_log(data_dir) as output:
        argv = [programs.path("postgres"), "-D", cluster, "-c", "listen_addresses=", "-k", cluster]
        foreign = process.start(argv, account=who, output=output)
    await until(lambda: postmaster.is_ready(data_dir, foreign.pid))
    with pytest.raises(DataFolderBusy, match=str(foreign.pid)):
        async with EmbeddedPostgres(data_dir, major=pg_major):
            pass
    assert foreign.poll() is None
    foreign.stop()
    await until(lambda: foreign.poll() is not None)
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT 1") == 1
