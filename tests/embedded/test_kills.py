"""What happens when a process is killed: ours, PostgreSQL's main one, one of its children, several at once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import psutil
import pytest
from processes import DEADLINE, Server, gone, query, until

from recollect.store.embedded import EmbeddedPostgres, account, postmaster, process


def control(data_dir: Path) -> str:
    """Return what a stopped cluster says of how it was stopped."""
    data = (data_dir / "postgres" / "global" / "pg_control").read_bytes()
    return {1: "shut down", 6: "in production"}.get(int.from_bytes(data[16:20], sys.byteorder), "otherwise")


async def test_supervisor_killed(data_dir: Path, pg_major: int, run: Callable[..., Server]) -> None:
    """PostgreSQL stops in order when our process is killed, with a client connected."""
    server = run(data_dir, pg_major)
    said = server.listen()
    connection = await asyncpg.connect(said["dsn"])
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server.process.kill()
    await until(lambda: gone(said["postmaster"]))
    assert not (data_dir / "postgres" / "postmaster.pid").exists()
    assert control(data_dir) == "shut down"
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT answer FROM kept") == 42


async def test_started_again_right_after_a_kill(data_dir: Path, pg_major: int, run: Callable[..., Server]) -> None:
    """A server started the moment another was killed waits for that one's PostgreSQL, time after time."""
    server = run(data_dir, pg_major)
    server.listen()
    for _ in range(5):
        server.process.kill()
        server = run(data_dir, pg_major)
        said = server.listen()
        assert await query(said["dsn"], "SELECT 1") == 1
    assert server.end() == 0


async def test_previous_postgres_still_stopping(data_dir: Path, pg_major: int, run: Callable[..., Server]) -> None:
    """While the PostgreSQL of a killed server has yet to end, the next one waits and says so."""
    server = run(data_dir, pg_major)
    old = psutil.Process(server.listen()["postmaster"])
    old.suspend()
    server.process.kill()
    postgres = EmbeddedPostgres(data_dir, major=pg_major)
    starting = asyncio.create_task(postgres.__aenter__())
    await until(lambda: postgres.state.startswith("waiting for the previous PostgreSQL to end"))
    old.resume()
    await starting
    assert postgres.state == "ready"
    assert gone(old.pid)
    await postgres.__aexit__(None, None, None)


def test_parent_dead_before_it_was_watched() -> None:
    """A parent that died while its child was starting is noticed: nothing is started."""
    options = {"parent": 1, "user": None, "lifeline": None, "environment": {}, "reach": ""}
    argv = [sys.executable, "-I", "-S", process.LAUNCHER, json.dumps(options), "/bin/echo", "started"]
    answer = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (1, "")


async def test_pipe_instead_of_the_kernel(place: Path) -> None:
    """Where the kernel does not tell of a parent's death, a pipe does: what was started gets its signal."""
    said = place / "said"
    code = (
        "import sys, time, pathlib; sys.path.insert(0, sys.argv[2]); from recollect.store.embedded import process\n"
        "script = 'trap \"echo interrupted; exit\" INT; echo started; while :; do sleep 0.05; done'\n"
        "with open(sys.argv[1], 'wb') as file:\n"
        "    process.start(['/bin/sh', '-c', script], account=None, output=file, by_kernel=False)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, said, "src"]) as parent:
        await until(lambda: said.exists() and said.read_text() == "started\n")
        parent.kill()
        await until(lambda: said.read_text() == "started\ninterrupted\n")


async def test_pipe_closes_after_an_end(place: Path) -> None:
    """The watcher behind the pipe ends with what it watches."""
    with (place / "said").open("wb") as file:
        child = process.start(["/bin/sleep", "600"], account=None, output=file, by_kernel=False)
    await until(lambda: [c.name() for c in psutil.Process(child.pid).children()] and name(child.pid) == "sleep")
    (watcher,) = psutil.Process(child.pid).children()
    child.stop()
    await until(lambda: child.poll() is not None)
    await until(lambda: gone(watcher.pid))


def name(pid: int) -> str:
    """Return what a process has become."""
    return psutil.Process(pid).name()


@pytest.mark.parametrize("victim", ["postmaster", "backend"])
async def test_postgres_killed(data_dir: Path, pg_major: int, victim: str) -> None:
    """PostgreSQL is restarted, says so meanwhile, and has what was committed."""
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        connection = await asyncpg.connect(postgres.dsn)
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        first = postgres.pid
        os.kill(first if victim == "postmaster" else connection.get_server_pid(), signal.SIGKILL)
        states: set[str] = set()
        await until(lambda: states.add(postgres.state) or postgres.pid != first)
        await asyncio.wait_for(postgres.wait_ready(), DEADLINE)
        assert any(state.startswith("restarting") for state in states)
        assert postgres.state == "ready"
        assert await query(postgres.dsn, "SELECT answer FROM kept") == 42


async def test_postgres_killed_while_busy(data_dir: Path, pg_major: int) -> None:
    """A child that outlives PostgreSQL's main process is waited for, as it still uses the memory they share."""
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        connection = await asyncpg.connect(postgres.dsn)
        child = psutil.Process(connection.get_server_pid())
        child.suspend()
        os.kill(postgres.pid, signal.SIGKILL)
        await until(lambda: postgres.state.startswith("waiting for the previous PostgreSQL to end"))
        child.resume()
        await asyncio.wait_for(postgres.wait_ready(), DEADLINE)
        assert await query(postgres.dsn, "SELECT 1") == 1


async def test_killed_again_and_again(data_dir: Path, pg_major: int) -> None:
    """However often it is killed, it comes back."""
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        for _ in range(2):
            first = postgres.pid
            os.kill(first, signal.SIGKILL)
            await until(lambda first=first: postgres.pid != first)
            await asyncio.wait_for(postgres.wait_ready(), DEADLINE)
        assert await query(postgres.dsn, "SELECT 1") == 1


async def test_both_killed(data_dir: Path, pg_major: int, run: Callable[..., Server]) -> None:
    """Killing PostgreSQL and then us costs a recovery, and nothing that was committed."""
    server = run(data_dir, pg_major)
    said = server.listen()
    await query(said["dsn"], "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(said["postmaster"], signal.SIGSTOP)
    server.process.kill()
    os.kill(said["postmaster"], signal.SIGKILL)
    assert postmaster.left_behind(data_dir) == str(said["postmaster"])
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        assert await query(postgres.dsn, "SELECT answer FROM kept") == 42


async def test_stopped_while_restarting(data_dir: Path, pg_major: int) -> None:
    """Leaving while PostgreSQL is being restarted leaves none behind."""
    async with EmbeddedPostgres(data_dir, major=pg_major) as postgres:
        os.kill(postgres.pid, signal.SIGKILL)
        await until(lambda: postgres.state != "ready")
    who = account.choose(data_dir / "postgres")
    assert postmaster.left_behind(data_dir) == "" or gone(int(postmaster.left_behind(data_dir)))
    assert who is None or who.uid != 0
