from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import Server

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_free_port(server: Server) -> None:
    """With port 0 a free one is picked and printed, and the server answers there."""
    assert httpx.get(f"{server.address}/healthz", timeout=30).text == "."


def test_a_taken_port(run: Run, database_url: str) -> None:
    """A port that is taken ends the command with 1, one line and a hint."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", "--port", port, RECOLLECT_DATABASE_URL=database_url)
    assert done.returncode == 1
    message, hint = done.stderr.splitlines()[-2:]
    assert message.startswith(f"recollect: Cannot listen on 127.0.0.1:{port}")
    assert "--port" in hint
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "http"], "port = http (command line)"),
        (["--workers", "-1"], "workers = -1 (command line)"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_a_wrong_option(run: Run, arguments: list[str], message: str) -> None:
    """An option with a wrong value ends the command with 2 before anything starts."""
    done = run("serve", *arguments)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[0]


def test_authentication_without_a_secret(run: Run) -> None:
    """The server refuses to start when tokens are asked for and none could be checked."""
    done = run("serve", RECOLLECT_AUTH_REQUIRED="true")
    assert done.returncode == 2
    assert "auth_secret" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end(database_url: str, launch: Callable[..., Server], number: signal.Signals) -> None:
    """SIGTERM and SIGINT stop the server with 0; all it wrote is one event per line."""
    server = launch("--no-worker", RECOLLECT_DATABASE_URL=database_url)
    server.process.send_signal(number)
    assert server.process.wait(60) == 0
    assert server.process.stderr is not None
    assert [json.loads(line)["event"] for line in server.process.stderr][-1] == "stopped"
