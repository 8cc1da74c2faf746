"""`recollect import` and `recollect export`, run as their users run them."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import httpx
import psutil
from live import ENVIRON, RECOLLECT

if TYPE_CHECKING:
    from live import Server

Run = Callable[..., subprocess.CompletedProcess[str]]

DEADLINE = 90
"""Seconds; generous, for a machine that does other things as well."""
MOST_BYTES = 400_000_000


def said(session: str, number: int) -> dict[str, Any]:
    uuid = str(UUID(int=number))
    content = f"message {number} of {session}"
    return {"type": "message", "session_id": session, "uuid": uuid, "role": "user", "content": content}


def conversations(names: list[str], count: int) -> bytes:
    """Lines of some sessions and their messages, which take turns."""
    sessions = [{"type": "session", "session_id": name} for name in names]
    messages = [said(name, number) for number in range(1, count + 1) for name in names]
    return b"".join(json.dumps(line).encode() + b"\n" for line in [*sessions, *messages])


def start(*arguments: str | Path, **settings: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [RECOLLECT, *arguments],
        env=ENVIRON | settings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def value(dsn: str, query: str) -> Any:
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "recollect"})
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def until_stored(dsn: str, count: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while await value(dsn, "SELECT count(*) FROM messages") < count:  # noqa: ASYNC110 -- another process
            await asyncio.sleep(0.02)


def contents(exported: bytes | str, session: str) -> list[str]:
    found = [json.loads(line) for line in exported.splitlines()]
    return [line["content"] for line in found if line["type"] == "message" and line["session_id"] == session]


def test_there_and_back(run: Run, database_url: str, empty_database_url: str, tmp_path: Path) -> None:
    """From one database into another that has no schema yet, through files, and the two exports are equal."""
    (tmp_path / "in.jsonl").write_bytes(conversations(["a", "b"], 50))
    done = run("import", "in.jsonl", RECOLLECT_DATABASE_URL=database_url)
    assert (done.returncode, [line.split()[3::2] for line in done.stdout.splitlines()[3:-1]]) == (
        0,
        [["0", "0", "0"], ["2", "0", "0"], ["100", "0", "0"], ["0", "0", "0"]],
    )
    assert run("export", "one.jsonl", RECOLLECT_DATABASE_URL=database_url).returncode == 0
    assert run("import", "one.jsonl", RECOLLECT_DATABASE_URL=empty_database_url).returncode == 0
    done = run("export", RECOLLECT_DATABASE_URL=empty_database_url)
    assert (done.returncode, done.stdout) == (0, (tmp_path / "one.jsonl").read_text())
    assert "0 users, 2 sessions, 100 messages, 0 summaries" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "one.jsonl"]


def test_rejected_lines(run: Run, database_url: str, tmp_path: Path) -> None:
    """The first are printed, all are in the file, and the exit status tells; without any it is 0 and the file empty."""
    bad = [b"not JSON \xff", *(json.dumps(said("nowhere", number)).encode() for number in range(30))]
    (tmp_path / "in.jsonl").write_bytes(conversations(["a"], 3) + b"\n".join(bad))
    done = run("import", "in.jsonl", "--rejected", "bad.jsonl", RECOLLECT_DATABASE_URL=database_url)
    assert done.returncode == 3
    assert "line 6: there is no session nowhere" in done.stderr
    assert "and 11 more" in done.stderr
    rejected = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_bytes().splitlines()]
    assert [line["line"] for line in rejected] == list(range(5, 36))
    assert [line["text"] for line in rejected] == [line.decode(errors="replace") for line in bad]
    (tmp_path / "in.jsonl").write_bytes(conversations(["a"], 4))
    done = run("import", "in.jsonl", "--rejected", "bad.jsonl", RECOLLECT_DATABASE_URL=database_url)
    assert (done.returncode, (tmp_path / "bad.jsonl").read_bytes()) == (0, b"")


def test_what_cannot_be_exported(run: Run, database_url: str, tmp_path: Path) -> None:
    """An unknown user ends with 1 and a line, and a file that was there stays as it was."""
    (tmp_path / "out.jsonl").write_text("before")
    done = run("export", "out.jsonl", "--user", "nobody", RECOLLECT_DATABASE_URL=database_url)
    assert (done.returncode, done.stderr.strip()) == (1, "recollect: There is no user nobody.")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.jsonl", "before")]


def test_no_database(run: Run) -> None:
    """A database that does not answer ends both with 1 and a line, not a traceback."""
    for command in ("import", "export"):
        done = run(command, "/dev/null", RECOLLECT_DATABASE_URL="postgresql://u:HUSH@127.0.0.1:1/db")
        assert done.returncode == 1
        assert done.stderr.splitlines()[0].startswith("recollect: ")
        assert "Traceback" not in done.stderr


async def test_kill_in_the_middle(run: Run, database_url: str, tmp_path: Path) -> None:
    """An import that was killed is run again, and everything is there once and in order."""
    names = ["a", "b", "c"]
    data = conversations(names, 6000)
    process = start("import", "-", RECOLLECT_DATABASE_URL=database_url)
    assert process.stdin is not None
    process.stdin.write(data[: len(data) * 2 // 3])
    process.stdin.flush()
    await until_stored(database_url, 4000)
    process.send_signal(signal.SIGKILL)  # it waits for the rest, so it has not ended
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert 0 < await value(database_url, "SELECT count(*) FROM messages") < 18_000
    (tmp_path / "in.jsonl").write_bytes(data)
    assert run("import", "in.jsonl", RECOLLECT_DATABASE_URL=database_url).returncode == 0
    exported = run("export", RECOLLECT_DATABASE_URL=database_url).stdout
    for name in names:
        assert contents(exported, name) == [f"message {number} of {name}" for number in range(1, 6001)]
    items = "SELECT array_agg(item) FROM jobs, unnest(items) AS item WHERE kind = 'embed'"
    assert sorted(await value(database_url, items)) == [UUID(int=number) for number in range(1, 6001) for _ in names]


def endless_line(size: int) -> Iterator[bytes]:
    yield b'{"type":"user","user_id":"u","email":"'
    for _ in range(size // 1_000_000):
        yield b"x" * 1_000_000
    yield b'"}\n'


def test_memory_is_bounded(database_url: str) -> None:
    """A line of 500 MB is rejected without being held, and the line behind it is stored."""
    process = start("import", "-", RECOLLECT_DATABASE_URL=database_url)
    assert process.stdin is not None
    peak = 0
    for part in endless_line(500_000_000):
        process.stdin.write(part)
        peak = max(peak, psutil.Process(process.pid).memory_info().rss)
    process.stdin.write(b'{"type":"user","user_id":"v"}\n')
    process.stdin.close()
    assert process.stdout is not None
    assert process.stderr is not None
    shown, told = process.stdout.read().decode(), process.stderr.read().decode()
    assert process.wait(DEADLINE) == 3
    assert "line 1: the line is longer than" in told
    assert "users" in shown
    assert peak < MOST_BYTES
    process.stdout.close()
    process.stderr.close()


async def test_beside_a_server(launch: Callable[..., Server], run: Run, tmp_path: Path) -> None:
    """While clients add to the same sessions, all that is imported and acknowledged is there once, in order."""
    server = launch()
    names = ["a", "b", "c"]
    (tmp_path / "in.jsonl").write_bytes(conversations(names, 400))
    acknowledged: dict[str, list[str]] = {name: [] for name in names}
    importing = asyncio.create_task(asyncio.to_thread(run, "import", "in.jsonl", "--data-dir", server.data_dir))

    async def add(name: str) -> None:
        async with httpx.AsyncClient(base_url=f"{server.address}/api/v1/", timeout=DEADLINE) as client:
            while not importing.done() or len(acknowledged[name]) < 5:
                content = f"own {len(acknowledged[name])} of {name}"
                body = {"messages": [{"role": "user", "content": content}]}
                (await client.post(f"sessions/{name}/memory", json=body)).raise_for_status()
                acknowledged[name].append(content)

    await asyncio.gather(*map(add, names))
    assert (await importing).returncode == 0
    exported = run("export", "--data-dir", server.data_dir).stdout
    for name in names:
        found = contents(exported, name)
        assert [content for content in found if content.startswith("own")] == acknowledged[name]
        assert [content for content in found if not content.startswith("own")] == [
            f"message {number} of {name}" for number in range(1, 401)
        ]
    async with asyncio.timeout(DEADLINE), httpx.AsyncClient(base_url=server.address, timeout=DEADLINE) as client:
        body = {"text": "message 399 of b", "search_type": "similarity"}
        while True:  # until it is embedded
            found = (await client.post("/api/v1/sessions/b/search?limit=1", json=body)).json()
            if found and found[0]["message"]["content"] == "message 399 of b":
                break
            await asyncio.sleep(0.2)
