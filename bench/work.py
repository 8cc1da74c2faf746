"""Background work against a real server on a temporary data folder.

Usage: python bench/work.py [PROBES] [ROUNDS]. Prints
(a) the time from a POST to finding its message, idle and beside a steady stream of writes,
(b) texts per second of CPU time of `recollect work` and of the bare embedder, on the same texts, in turns,
(c) the time of a search in sessions of 200, 5,000 and 100,000 messages, over HTTP.
PostgreSQL's own CPU time is in none of the figures of (b).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import psutil
from embed import measure, texts

from recollect.embed.local import LocalEmbedder
from recollect.store.database import connect
from recollect.store.embedded import owner
from recollect.store.keys import bucket_of, new_key
from recollect.store.vectors import halfvec

SIZES = (200, 5_000, 100_000)
SEARCHES = 200
WRITES_PER_SECOND = 20
"""Well below what the model embeds: above that, the figure would be the length of the backlog."""
LOOK_SECONDS = 0.005
"""Between two looks for a message: looking without a pause would take the processor from the worker."""
BACKLOG = 512
INSERT_MESSAGES = """
INSERT INTO messages (bucket, session_key, seq, project_id, uuid, language, created_at, updated_at, role, content)
SELECT $1, $2, n, 'default', new_key($1), 'english', now(), now(), 'user', 'message ' || n
FROM generate_series(1, $3::bigint) AS n
"""
INSERT_VECTORS = """
INSERT INTO message_embeddings (bucket, session_key, seq, model, project_id, embedding)
SELECT $1, $2, $3 + n, (SELECT id FROM embedding_models WHERE state = 'active'), 'default', v
FROM unnest($4::halfvec[]) WITH ORDINALITY AS v (v, n)
"""


@contextlib.asynccontextmanager
async def command(*arguments: str | Path, until: str) -> AsyncIterator[tuple[int, dict[str, str]]]:
    """Run a command until it logs an event; yield its process id and that event; stop it in the end."""
    argv = [sys.executable, "-m", "recollect.cli", *map(str, arguments)]
    process = await asyncio.create_subprocess_exec(*argv, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    event: dict[str, str] = {}
    async for line in process.stderr:
        event = json.loads(line)
        if event["event"] == until:
            break
    rest = asyncio.create_task(process.stderr.read())
    try:
        yield process.pid, event
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
        await rest


def client(ready: dict[str, str]) -> httpx.AsyncClient:
    """Return a client of a server that is ready. Paths are relative to /api/v1/."""
    return httpx.AsyncClient(base_url=f"{ready['address']}/api/v1/", timeout=60)


def show(name: str, seconds: list[float]) -> None:
    """Print the median and the 99th percentile."""
    ordered = sorted(seconds)
    middle, late = (ordered[len(ordered) * part // 100] * 1e3 for part in (50, 99))
    print(f"{name:46} p50 {middle:7.1f} ms   p99 {late:7.1f} ms", flush=True)


async def add(web: httpx.AsyncClient, session: str, contents: list[str]) -> None:
    """Add messages to a session."""
    body = {"messages": [{"role": "user", "content": content} for content in contents]}
    (await web.post(f"sessions/{session}/memory", json=body)).raise_for_status()


async def search(web: httpx.AsyncClient, session: str, text: str) -> list[str]:
    """Return what a search finds."""
    answer = await web.post(f"sessions/{session}/search", json={"text": text})
    return [result["message"]["content"] for result in answer.raise_for_status().json()]


async def until_found(web: httpx.AsyncClient, name: str, probes: int) -> None:
    """Print how long a message takes from its POST to the search that finds it."""
    times = []
    for place in range(probes):
        session, content = f"{name.replace('/', ' ')}-{place}", f"The meeting number {place} is moved to Tuesday"
        await search(web, session, "When is the meeting?")
        started = time.perf_counter()
        await add(web, session, [content])
        while not await search(web, session, "When is the meeting?"):  # noqa: ASYNC110 -- another process works
            await asyncio.sleep(LOOK_SECONDS)
        times.append(time.perf_counter() - started)
        await asyncio.sleep(0.02)
    show(f"POST to searchable, {name}", times)


async def write_steadily(web: httpx.AsyncClient, messages: list[str]) -> None:
    """Add messages at a steady rate, until cancelled."""
    clock = asyncio.get_running_loop().time
    started, count = clock(), 0
    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(add(web, f"load-{count % 50}", [messages[count % len(messages)]]))
            count += 1
            await asyncio.sleep(started + count / WRITES_PER_SECOND - clock())


async def throughput(web: httpx.AsyncClient, worker: psutil.Process, rounds: int) -> None:
    """Print texts per CPU-second, of the worker and of the bare embedder in turns."""
    embedder, messages = LocalEmbedder(), texts(BACKLOG)

    async def bare() -> None:
        for start in range(0, len(messages), 256):
            await embedder.embed(messages[start : start + 256])

    async def through_the_queue(number: int) -> float:
        spent = sum(worker.cpu_times()[:2])
        for start in range(0, len(messages), 16):
            await add(web, f"backlog-{number}-{start}", messages[start : start + 16])
        while (await web.get("jobs", params={"limit": 1})).json():  # noqa: ASYNC110 -- another process works
            await asyncio.sleep(0.1)
        return sum(worker.cpu_times()[:2]) - spent

    ours, theirs = [], []
    for number in range(rounds):
        theirs.append((await measure(bare))[0])
        ours.append(await through_the_queue(number))
    await embedder.aclose()
    for name, seconds in (("recollect work", ours), ("bare embedder", theirs)):
        print(f"{name:46} {BACKLOG / statistics.median(seconds):7.0f} texts per CPU-second")
    shares = [bare_seconds / seconds for bare_seconds, seconds in zip(theirs, ours, strict=True)]
    print(f"{'share of the bare embedder':46} {statistics.median(shares):7.1%}")


async def fill(dsn: str, name: str, count: int) -> None:
    """Give a session so many messages with random unit vectors."""
    raw = await connect(dsn, seconds=10)
    bucket = bucket_of("default", name)
    key, draw = new_key(bucket), np.random.default_rng(count)
    await raw.execute(
        "INSERT INTO sessions (bucket, key, project_id, id, session_id, name_bucket, created_at, updated_at, last_seq)"
        " VALUES ($1, $2, 'default', nextval('session_ids'), $3, $1, now(), now(), $4)",
        *(bucket, key, name, count),
    )
    await raw.execute("INSERT INTO session_names VALUES ($1, 'default', $2, $1, $3)", bucket, name, key)
    await raw.execute(INSERT_MESSAGES, bucket, key, count)
    for first in range(0, count, 5_000):
        rows = draw.standard_normal((min(5_000, count - first), 384)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        await raw.execute(INSERT_VECTORS, bucket, key, first, [halfvec(row) for row in rows])
    await raw.execute("VACUUM ANALYZE")
    await raw.close()


async def searches(web: httpx.AsyncClient, size: int) -> None:
    """Print how long a search takes, with a question asked before and with a new one."""
    for kind, question in (("asked before", "Where is bread?"), ("new", "Where is bread number {}?")):
        await search(web, f"size-{size}", "Where is bread?")
        times = []
        for place in range(SEARCHES):
            started = time.perf_counter()
            assert len(await search(web, f"size-{size}", question.format(f"{size}-{place}"))) == 10
            times.append(time.perf_counter() - started)
        show(f"search of {size:,} messages, question {kind}", times)


async def main(probes: int = 200, rounds: int = 5) -> None:
    """Print all figures."""
    with tempfile.TemporaryDirectory(prefix="recollect-bench-") as folder:
        os.chmod(folder, 0o711)  # noqa: PTH101 -- PostgreSQL may run as another user
        data = Path(folder) / "data"
        serve = ("serve", "--port", "0", "--data-dir", data)
        async with command(*serve, until="ready") as (_, ready), client(ready) as web:
            await until_found(web, "idle", probes)
            load = asyncio.create_task(write_steadily(web, texts(1_000)))
            await until_found(web, f"beside {WRITES_PER_SECOND} writes/s", probes)
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
            running = owner(data)
            assert running is not None
            assert running.dsn is not None
            for size in SIZES:
                await fill(running.dsn, f"size-{size}", size)
                await searches(web, size)
        async with (
            command(*serve, "--no-worker", until="ready") as (_, ready),
            command("work", "--workers", "1", "--data-dir", data, until="working") as (pid, _),
            client(ready) as web,
        ):
            await throughput(web, psutil.Process(pid), rounds)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
