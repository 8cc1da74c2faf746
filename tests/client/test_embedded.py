"""Clients that bring their server along: started by the first, ended with the last, in whatever way they end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from live import ENVIRON, reachable_folder, started

from recollect import Memory, Message, SettingsError, StartupError, ZepClient
from recollect.client.local import _socket_path
from recollect.client.wire import CLOSED
from recollect.data_folder import owner

MEMORY = Memory(messages=[Message(role="Ana", content="We leave on Friday.")])
HOLDS = """
import sys
from recollect import ZepClient
with ZepClient.embedded(sys.argv[1]) as client:
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder to be made; in the end no process has anything to do with it."""
    with reachable_folder() as folder:
        yield folder / "data"
        assert list(processes(folder)) == []


def processes(folder: Path) -> Iterator[psutil.Process]:
    """Yield those that were started for a data folder and still run."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE and any(str(folder) in part for part in process.cmdline()):
                yield process


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextlib.contextmanager
def holding(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Run another program that holds the server; it leaves when it is sent a line."""
    argv = [sys.executable, "-c", HOLDS, data_dir]
    with subprocess.Popen(argv, env=ENVIRON, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def server_of(data_dir: Path) -> int:
    found = owner(data_dir)
    assert found is not None
    return found.pid


def contents(client: ZepClient) -> list[str]:
    return [message.content for message in client.memory.get_memory("trip").messages]


def test_the_server_lives_as_long_as_the_context(data_dir: Path) -> None:
    """Entering starts a server that listens on no port and that only its user reaches; leaving stops it."""
    with ZepClient.embedded(data_dir) as client:
        client.memory.add_memory("trip", MEMORY)
        server = psutil.Process(server_of(data_dir))
        family = [server, *server.children(recursive=True)]
        assert [one.name for one in family if one.net_connections("inet")] == []
        sockets = [path for path in data_dir.iterdir() if path.is_socket()]
        assert {stat.S_IMODE(path.stat().st_mode) for path in sockets} == {0o600}
    assert owner(data_dir) is None
    assert [path for path in data_dir.iterdir() if path.is_socket()] == []
    with ZepClient.embedded(data_dir) as client:
        assert contents(client) == ["We leave on Friday."]


async def test_the_server_lives_as_long_as_the_asynchronous_context(data_dir: Path) -> None:
    """The same holds for `async with`, and the event loop goes on while the server starts and stops."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.01)

    turning = asyncio.create_task(turn())
    async with ZepClient.embedded(data_dir) as client:
        assert turns > 5
        await client.memory.aadd_memory("trip", MEMORY)
        assert contents(client) == ["We leave on Friday."]
    turning.cancel()
    assert owner(data_dir) is None


def test_nothing_is_printed(data_dir: Path) -> None:
    """A program that brings its server along prints only its own; the server logs to a file in the folder."""
    program = (
        "from recollect import ZepClient\nwith ZepClient.embedded() as client: print(client.memory.list_sessions())"
    )
    environ = ENVIRON | {"RECOLLECT_DATA_DIR": str(data_dir)}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
    events = [json.loads(line)["event"] for line in (data_dir / "server.log").read_text().splitlines()]
    assert (events[0], events[-1]) == ("listening", "stopped")


def test_a_program_joins_the_server_of_another(data_dir: Path) -> None:
    """Programs share one server, which ends with the last of them, not with the one that started it."""
    with ZepClient.embedded(data_dir) as second:
        with holding(data_dir) as first, ZepClient.embedded(data_dir) as third:
            server = server_of(data_dir)
            third.memory.add_memory("trip", MEMORY)
            first.communicate("leave\n", timeout=60)
        assert contents(second) == ["We leave on Friday."]
        assert server_of(data_dir) == server
    assert owner(data_dir) is None


def test_the_starter_may_leave_first(data_dir: Path) -> None:
    """The program that started the server ends, and another one goes on using it."""
    with holding(data_dir) as first:
        with ZepClient.embedded(data_dir) as second:
            first.communicate("leave\n", timeout=60)
            second.memory.add_memory("trip", MEMORY)
            assert contents(second) == ["We leave on Friday."]
        assert owner(data_dir) is None


def test_a_killed_program_leaves_no_server_behind(data_dir: Path) -> None:
    """Programs that are killed let go of the server as others do: it ends with the last of them."""
    with holding(data_dir) as first, holding(data_dir) as second:
        first.kill()
        first.wait(60)
        with ZepClient.embedded(data_dir) as client:
            assert client.memory.list_sessions() == []
        second.kill()
    until(lambda: owner(data_dir) is None and not list(processes(data_dir)))


def test_a_program_killed_while_its_server_starts_leaves_none_behind(data_dir: Path) -> None:
    """A starter that is killed before its server is ready does not leave one either."""
    with subprocess.Popen([sys.executable, "-c", HOLDS, data_dir], env=ENVIRON, stdin=-1, stdout=-1) as first:
        until((data_dir / "postgres.lock").exists)
        first.kill()
    until(lambda: owner(data_dir) is None and not list(processes(data_dir)))


def test_many_at_once_share_one_server(data_dir: Path) -> None:
    """Clients that arrive at the same time start one server between them."""
    together = threading.Barrier(6)

    def use(_: int) -> int:
        client = ZepClient.embedded(data_dir)
        together.wait(60)
        with client:
            client.check()
            together.wait(60)
            return server_of(data_dir)

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(use, range(6)))) == 1
    assert owner(data_dir) is None


def test_coming_and_going_never_meets_a_closed_door(data_dir: Path) -> None:
    """A client that arrives while the server stops waits and has another one started."""

    def use(number: int) -> int:
        for _ in range(3):
            with ZepClient.embedded(data_dir) as client:
                client.check()
            time.sleep(0.03 * number)
        return number

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(use, range(3))) == [0, 1, 2]
    assert owner(data_dir) is None


def test_a_server_with_a_port_is_joined(data_dir: Path) -> None:
    """A server that runs on the folder anyway is used where it listens, and not stopped."""
    with started() as server:
        with ZepClient.embedded(server.data_dir) as client:
            client.memory.add_memory("trip", MEMORY)
            assert client.base_url == f"{server.address}/api/v1"
        with ZepClient(server.address) as client:
            assert contents(client) == ["We leave on Friday."]
    assert not data_dir.exists()


def test_a_server_with_a_socket_of_its_own_is_joined(data_dir: Path) -> None:
    """The same holds for a server that listens on a socket elsewhere."""
    data_dir.mkdir()
    with started("--socket", data_dir / "own.socket") as server:
        with ZepClient.embedded(server.data_dir) as client:
            client.check()
        assert server.process.poll() is None


def test_a_long_path_is_no_obstacle() -> None:
    """A data folder whose path is too long for a socket works like any other; nothing stays in the shorter one."""
    with reachable_folder() as folder:
        deep = folder / ("x" * 60) / ("y" * 60)
        deep.mkdir(parents=True)
        with ZepClient.embedded(deep / "data") as client, holding(deep / "data"):
            client.check()
            [other] = [one for one in processes(deep) if "--until-unused" in one.cmdline()]
            assert other.pid == server_of(deep / "data")
            for process in processes(deep):
                if HOLDS in process.cmdline():
                    process.kill()
        _socket_path(deep / "data").parent.rmdir()


def test_without_a_context_the_first_call_starts_it(data_dir: Path) -> None:
    """In a notebook the first call starts the server, and closing the client stops it; either half then says so."""
    client = ZepClient.embedded(data_dir)
    assert not data_dir.exists()
    assert client.memory.list_sessions() == []
    asyncio.run(client.acheck())
    client.close()
    assert owner(data_dir) is None
    with pytest.raises(RuntimeError, match=CLOSED):
        client.check()
    with pytest.raises(RuntimeError, match=CLOSED):
        asyncio.run(client.acheck())


def test_a_forgotten_client_ends_with_its_program(data_dir: Path) -> None:
    """A program that never closes its client leaves no server behind."""
    program = f"from recollect import ZepClient\nZepClient.embedded({str(data_dir)!r}).check()"
    subprocess.run([sys.executable, "-c", program], env=ENVIRON, check=True, timeout=100)
    until(lambda: owner(data_dir) is None and not list(processes(data_dir)))


async def test_giving_up_while_it_starts(data_dir: Path) -> None:
    """A start that is cancelled does not leave a server behind."""
    entering = asyncio.create_task(ZepClient.embedded(data_dir).__aenter__())
    await asyncio.to_thread(until, (data_dir / "postgres.lock").exists)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    await asyncio.to_thread(until, lambda: owner(data_dir) is None and not list(processes(data_dir)))


def test_why_it_does_not_start_is_told(data_dir: Path) -> None:
    """A server that refuses to start is a StartupError with the reason and the advice that it gave."""
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(StartupError, match="PostgreSQL 15") as caught, ZepClient.embedded(data_dir):
        pass
    assert "pg_dump" in caught.value.hint
    with pytest.raises(StartupError, match="PostgreSQL 15"):
        asyncio.run(ZepClient.embedded(data_dir).acheck())


def test_a_start_that_takes_too_long_is_told(data_dir: Path) -> None:
    """After `start_timeout` seconds the error says what the server was at, and the server is not left behind."""
    with pytest.raises(StartupError, match=r"not ready after 0\.5 seconds") as caught:
        ZepClient.embedded(data_dir, start_timeout=0.5).check()
    assert str(data_dir / "server.log") in caught.value.hint
    until(lambda: owner(data_dir) is None and not list(processes(data_dir)))


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    """A path that is a file, or below one, is a StartupError."""
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(StartupError, match="data folder"):
            ZepClient.embedded(wrong).check()


def test_a_wrong_setting_is_told() -> None:
    """What the environment says wrongly is a SettingsError before anything starts."""
    program = "import recollect\ntry: recollect.ZepClient.embedded()\nexcept recollect.SettingsError as e: print(e)"
    environ = ENVIRON | {"RECOLLECT_PROT": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "unknown setting RECOLLECT_PROT in the environment\n"
    assert issubclass(SettingsError, Exception)


def test_a_killed_server_is_told_and_replaced(data_dir: Path) -> None:
    """When the server is killed, calls say where its log is; a new client finds all that was stored."""
    with ZepClient.embedded(data_dir, retries=0) as client:
        client.memory.add_memory("trip", MEMORY)
        os.kill(server_of(data_dir), signal.SIGKILL)
        until(lambda: owner(data_dir) is None)
        with pytest.raises(Exception, match="got no answer") as caught:
            asyncio.run(client.acheck())
        assert str(data_dir / "server.log") in getattr(caught.value, "hint", "")
    with ZepClient.embedded(data_dir) as client:
        assert contents(client) == ["We leave on Friday."]


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """A Python that has the client and what it needs, and nothing of the server's."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True, timeout=100)
    [site] = (tmp_path / "bare").glob("lib/python*/site-packages")
    ours = Path(next(path for path in sys.path if (Path(path) / "httpx").is_dir()))
    for name in ("httpx", "httpcore", "h11", "anyio", "idna", "certifi", "sniffio", "msgspec", "typing_extensions.py"):
        if (ours / name).exists():
            (site / name).symlink_to(ours / name)
    (site / "recollect").symlink_to(Path(__file__).parents[2] / "src" / "recollect")
    return tmp_path / "bare" / "bin" / "python"


def test_without_the_server_s_packages_the_error_says_how_to_get_them(bare_python: Path, data_dir: Path) -> None:
    """Where only the client is installed, both the command and a client that wants a server name the extra."""
    advice = "pip install 'recollect[server]'"
    argv = [bare_python, "-m", "recollect.cli", "--help"]
    done = subprocess.run(argv, env=ENVIRON, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert advice in done.stderr
    assert "Traceback" not in done.stderr
    program = "import recollect, sys\ntry: recollect.ZepClient.embedded(sys.argv[1]).check()\n"
    program += "except recollect.StartupError as error: print(error.hint)"
    done = subprocess.run(
        [bare_python, "-c", program, data_dir], env=ENVIRON, capture_output=True, text=True, check=True
    )
    assert advice in done.stdout
