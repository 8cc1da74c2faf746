"""Starting, using and stopping PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import psutil
import pytest
from processes import Server, copied, gone, held, query, until

from recollect.errors import StartupError
from recollect.store.embedded import EmbeddedPostgres, account, endpoint, postmaster


async def test_fresh_folder(place: Path, pg_major: int) -> None:
    """A folder that does not exist becomes a database that answers, of the version asked for."""
    async with EmbeddedPostgres(place / "some" / "data", major=pg_major) as postgres:
        assert postgres.state == "ready"
        await postgres.wait_ready()
        assert await query(postgres.dsn, "SELECT current_database()::text || current_user") == "recollectrecollect"
        assert int(await query(postgres.dsn, "SHOW server_version_num")) // 10000 == pg_major
        await query(postgres.dsn, "CREATE EXTENSION vector")
    assert sorted(path.name for path in (place / "some" / "data").iterdir()) == [
        "lock",
        "postgres",
        "postgres.lock",
        "postgres.log",
    ]


async def test_kept_between_runs(data_dir: Path, pg_major: int) -> None:
    """What was committed is there at the next start, and leaving means that PostgreSQL has stopped."""
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        await query(postgres.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        pid = postgres.pid
    assert gone(pid)
    assert postgres.state == "stopped"
    assert not (data_dir / "postgres" / "postmaster.pid").exists()
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT answer FROM kept") == 42


async def test_leaving_does_not_wait_for_clients(data_dir: Path, pg_major: int) -> None:
    """An open connection in a transaction does not keep PostgreSQL from stopping."""
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        connection = await asyncpg.connect(postgres.dsn)
        await connection.execute("BEGIN; CREATE TABLE lost (x int)")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.execute("COMMIT")
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT to_regclass('lost')") is None


async def test_settings(data_dir: Path, pg_major: int) -> None:
    """Nothing of durability is turned off, and nothing listens on the network."""
    wanted = {
        "data_checksums": "on",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "jit": "off",
        "max_connections": "40",
    }
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        assert {name: await query(postgres.dsn, f"SHOW {name}") for name in wanted} == wanted


async def test_text(data_dir: Path, pg_major: int) -> None:
    """Letters are told from signs and put in lower case as Unicode says; text is sorted by code point."""
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT lower('ÉÄ')") == "éä"
        assert await query(postgres.dsn, "SELECT to_tsvector('simple', 'Élan—vital')::text") == "'vital':2 'élan':1"
        rows = await query(postgres.dsn, "SELECT array_agg(x ORDER BY x) FROM unnest(ARRAY['b', 'ä', 'B', 'a']) AS x")
        assert rows == ["B", "a", "b", "ä"]


async def test_only_the_socket_s_folder_lets_anyone_in(data_dir: Path, pg_major: int) -> None:
    """The cluster and the socket are in folders that the user PostgreSQL runs as, never root, alone can enter."""
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        uid = psutil.Process(postgres.pid).uids().real
        assert uid != 0
        for folder in (data_dir / "postgres", data_dir / "run"):
            assert (folder.stat().st_uid, stat.S_IMODE(folder.stat().st_mode)) == (uid, 0o700)
        assert not [c for c in psutil.Process(postgres.pid).net_connections() if c.status == psutil.CONN_LISTEN]


@pytest.mark.parametrize("name", ["Größe 数据", 'it\'s \\ "$HOME" %p', "a,b", "x" * 120])
async def test_strange_paths(made: Path, place: Path, pg_major: int, name: str) -> None:
    """Any path does, also one that has no room for a socket or no place in a connection string."""
    data = copied(made, place / name)
    async with EmbeddedPostgres(data, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT current_setting('data_directory')") == str(data / "postgres")
        found = await query(postgres.dsn, "SELECT current_setting('unix_socket_directories')")
        assert len(os.fsencode(found)) < 107


async def test_fresh_folder_with_a_strange_path(place: Path, pg_major: int) -> None:
    """A database can be made at a path with spaces, quotes and letters of other alphabets."""
    async with EmbeddedPostgres(place / 'Größe \'n "so" 数据', major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT 1") == 1


@pytest.mark.parametrize("kind", ["open to others", "symbolic link", "file"])
def test_foreign_socket_folder(made: Path, place: Path, kind: str) -> None:
    """A folder for the socket that someone else could have made in a public place is refused."""
    account_ = account.choose(made / "postgres")
    long = place / ("x" * 120)
    folder = endpoint.choose(long, account_).folder
    assert folder is not None
    folder.rmdir()
    if kind == "open to others":
        folder.mkdir(mode=0o755)
    elif kind == "symbolic link":
        folder.symlink_to(place)
    else:
        folder.write_text("")
    try:
        with pytest.raises(StartupError, match=folder.name) as refused:
            endpoint.choose(long, account_)
        assert "shorter path" in refused.value.hint
    finally:
        folder.rmdir() if kind == "open to others" else folder.unlink()


async def test_own_settings(data_dir: Path, pg_major: int) -> None:
    """Settings of the caller reach the server and win."""
    async with EmbeddedPostgres(data_dir, major=pg_major, settings={"work_mem": "5MB", "jit": "on"}) as postgres:
        assert await query(postgres.dsn, "SHOW work_mem") == "5MB"
        assert await query(postgres.dsn, "SHOW jit") == "on"


async def test_wrong_setting(data_dir: Path, pg_major: int) -> None:
    """A server that does not start is an error with PostgreSQL's own words and the place of its log."""
    with pytest.raises(StartupError, match="no_such_setting") as error:
        async with EmbeddedPostgres(data_dir, major=pg_major, settings={"no_such_setting": "1"}):
            pass
    assert str(data_dir / "postgres.log") in error.value.hint


async def test_environment_of_the_shell(data_dir: Path, pg_major: int, run: Callable[..., Server]) -> None:
    """Variables that PostgreSQL reads do not lead it astray when they are meant for others."""
    foreign = {"PGPORT": "1", "PGDATA": "/nowhere", "PGHOST": "nowhere", "PGOPTIONS": "-c work_mem=1", "LC_ALL": "xx"}
    said = run(data_dir, pg_major, env={**os.environ, **foreign}).listen()
    assert await query(said["dsn"], "SHOW work_mem") == "4MB"


async def test_interrupt_from_the_terminal(data_dir: Path, pg_major: int, run: Callable[..., Server]) -> None:
    """Ctrl-C reaches our process alone, which ends PostgreSQL when it is done with it."""
    server = run(data_dir, pg_major, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    said = server.listen()
    os.killpg(server.process.pid, signal.SIGINT)
    assert await query(said["dsn"], "SELECT 1") == 1
    assert server.end() == 0
    assert gone(said["postmaster"])


async def test_start_given_up(data_dir: Path, pg_major: int) -> None:
    """A start that is cancelled leaves no PostgreSQL and no lock behind."""
    hold, settings = held(data_dir)
    postgres = EmbeddedPostgres(data_dir, major=pg_major, settings=settings)
    starting = asyncio.create_task(postgres.__aenter__())
    await until(lambda: postmaster.left_behind(data_dir))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert gone(postgres.pid)
    hold.unlink()
    async with EmbeddedPostgres(data_dir, major=pg_major, settings=settings) as again:
        assert again.state == "ready"


async def test_on_uvloop(data_dir: Path, pg_major: int) -> None:
    """The loop that serves HTTP runs it as well."""
    code = (
        "import asyncio, sys, uvloop; from pathlib import Path; from recollect.store.embedded import EmbeddedPostgres\n"
        "async def main():\n"
        "    async with EmbeddedPostgres(Path(sys.argv[1]), major=int(sys.argv[2])) as postgres: print(postgres.pid)\n"
        "uvloop.run(main())"
    )
    argv = [sys.executable, "-c", code, data_dir, str(pg_major)]
    answer = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert gone(int(json.loads(answer.stdout)))
