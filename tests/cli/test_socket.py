"""A server that listens on a Unix socket, and one that runs for those who hold it."""

from __future__ import annotations

import asyncio
import signal
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from recollect.errors import StartupError
from recollect.holders import door, holding
from recollect.unix_socket import LONGEST, clear, listen

if TYPE_CHECKING:
    from conftest import Server

Run = Callable[..., subprocess.CompletedProcess[str]]
Launch = Callable[..., "Server"]


def ask(path: Path) -> str:
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), timeout=30) as client:
        return client.get("http://localhost/healthz").text


def test_a_server_on_a_socket(folder: Path, database_url: str, launch: Launch, run: Run) -> None:
    """With a socket no port is opened, nobody else can connect, and the socket goes with the server."""
    path = folder / "api.socket"
    server = launch("--no-worker", "--socket", path, RECOLLECT_DATABASE_URL=database_url)
    assert server.address == f"unix:{path}"
    assert ask(path) == "."
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    listening = psutil.Process(server.process.pid).net_connections("inet")
    assert [one for one in listening if one.status == psutil.CONN_LISTEN] == []
    second = run("serve", "--socket", path, RECOLLECT_DATABASE_URL=database_url)
    assert second.returncode == 1
    assert f"recollect: Cannot listen on {path}: Address already in use." in second.stderr
    found = run("doctor", "--socket", path, RECOLLECT_DATABASE_URL=database_url).stdout
    assert f"a Recollect answers on {path}" in found
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    assert not path.exists()


def test_a_socket_that_a_killed_server_left_is_replaced(
    folder: Path, database_url: str, launch: Launch, run: Run
) -> None:
    """A dead socket is no obstacle, and `doctor` knows it as one."""
    path = folder / "api.socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert "will be replaced" in run("doctor", "--socket", path, RECOLLECT_DATABASE_URL=database_url).stdout
    launch("--no-worker", "--socket", path, RECOLLECT_DATABASE_URL=database_url)
    assert ask(path) == "."


def test_places_where_no_socket_can_be(folder: Path, run: Run) -> None:
    """A file is not replaced, a path that is too long and a folder that is not there are told with a way out."""
    (folder / "file").write_text("mine")
    for path, reason in {
        folder / "file": "Address already in use",
        folder / ("x" * LONGEST): f"at most {LONGEST} bytes",
        folder / "nowhere" / "api.socket": "No such file or directory",
    }.items():
        with pytest.raises(StartupError, match=reason) as caught:
            listen(path)
        assert caught.value.hint
        checked = run("doctor", "--socket", path)
        assert checked.returncode == 1
        assert any("wrong" in line and "socket" in line for line in checked.stdout.splitlines())
    clear(folder / "file")
    assert (folder / "file").read_text() == "mine"


def test_holding_needs_a_socket(run: Run) -> None:
    """A server can only be held at a socket."""
    done = run("serve", "--until-unused")
    assert done.returncode == 2
    assert "until_unused" in done.stderr


async def test_a_server_that_nobody_holds_ends(folder: Path) -> None:
    """If no holder comes in time it is over."""
    over = asyncio.Event()
    async with holding(folder / "api.socket", over.set, patience=0.05):
        await asyncio.wait_for(over.wait(), 60)


async def test_it_is_over_with_the_last_holder(folder: Path) -> None:
    """Holders get a byte and are counted until they close or break off; after the last one nobody can hold."""
    over = asyncio.Event()
    path = str(door(folder / "api.socket"))
    async with holding(folder / "api.socket", over.set):
        (first, leaving), (second, breaking) = [await asyncio.open_unix_connection(path) for _ in range(2)]
        assert [await first.readexactly(1), await second.readexactly(1)] == [b"\n", b"\n"]
        leaving.write_eof()
        assert await first.read() == b""
        assert not over.is_set()
        breaking.transport.abort()
        await asyncio.wait_for(over.wait(), 60)
        late, closing = await asyncio.open_unix_connection(path)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await late.readexactly(1)
        closing.close()
        leaving.close()
    assert not Path(path).exists()
