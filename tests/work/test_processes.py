"""Workers as processes of their own: killed, stopped, woken from elsewhere; and the command line beside them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import endpoint as fake
import httpx
import pytest
import workplace
from workplace import all_done, client, idle, number, process, remote, rows, say, until

from recollect.store import Store, jobs

WORK = ("-m", "recollect.cli", "work")
EXPIRE = "UPDATE jobs SET run_at = now() WHERE leased_by IS NOT NULL"


def environ(store: Store, endpoint: fake.Endpoint, **others: str) -> dict[str, str]:
    return {
        "RECOLLECT_DATABASE_URL": store.database.dsn,
        "RECOLLECT_EMBEDDING_PROVIDER": "openai",
        "RECOLLECT_EMBEDDING_BASE_URL": endpoint.url,
        "RECOLLECT_EMBEDDING_MODEL": "fake",
        "RECOLLECT_EMBEDDING_WIDTH": str(workplace.WIDTH),
        **others,
    }


async def backlog(store: Store, endpoint: fake.Endpoint, messages: int, sessions: int = 10) -> None:
    async with idle(store, remote(endpoint.url)) as app, client(app) as api:
        for place in range(messages):
            assert await say(api, f"s{place % sessions}", [f"text {place}"]) == 200


class Gate:
    """Lets the endpoint answer some requests, and tells when it holds one back."""

    def __init__(self, moods: Iterator[int]) -> None:
        self._moods = moods
        self.open_for = next(moods)
        self.holds = asyncio.Event()

    async def __call__(self, request: fake.Json, writer: asyncio.StreamWriter) -> None:
        if self.open_for == 0:
            self.holds.set()
            await asyncio.Event().wait()
        self.open_for -= 1
        await fake.good(request, writer)

    def next(self) -> None:
        self.open_for = next(self._moods)
        self.holds.clear()


async def test_a_worker_killed_in_the_middle_of_a_batch(store: Store, endpoint: fake.Endpoint) -> None:
    """However often workers are killed while they embed, each message gets exactly one vector, and nothing is lost."""
    await backlog(store, endpoint, 300)
    draw = random.Random(3)
    gate = Gate(iter([0, *(draw.randrange(1, 12) for _ in range(3)), 10**9]))
    endpoint.behave = gate
    for _ in range(4):
        async with process(*WORK, **environ(store, endpoint)) as worker:
            await asyncio.wait_for(gate.holds.wait(), 60)
            worker.send_signal(signal.SIGKILL)
            assert await worker.wait() == -signal.SIGKILL
        assert await number(store, "SELECT count(*) FROM jobs WHERE leased_by IS NOT NULL") > 0
        await rows(store, EXPIRE)
        gate.next()
    async with process(*WORK, **environ(store, endpoint)):
        await until(lambda: all_done(store))
    assert await number(store, "SELECT count(*) FROM messages") == 300
    assert await workplace.vectors_per_message(store) == {1}


async def test_a_worker_stopped_in_the_middle_of_a_backlog(store: Store, endpoint: fake.Endpoint) -> None:
    """A worker that is told to stop ends with 0 and leaves its jobs due; the next one goes on from there."""
    await backlog(store, endpoint, 200)
    gate = Gate(iter([1, 10**9]))
    endpoint.behave = gate
    async with process(*WORK, **environ(store, endpoint)) as worker:
        await asyncio.wait_for(gate.holds.wait(), 60)
        worker.send_signal(signal.SIGTERM)
        assert await worker.wait() == 0
    left = await rows(store, "SELECT leased_by, attempts, run_at <= now() AS due FROM jobs")
    assert left
    assert {tuple(row) for row in left} == {(None, 0, True)}
    gate.next()
    async with process(*WORK, **environ(store, endpoint)):
        await until(lambda: all_done(store))
    assert await workplace.vectors_per_message(store) == {1}
    asked = Counter(text for request in endpoint.requests for text in request["input"])
    assert len(asked) == 200


async def test_a_server_without_workers(store: Store, endpoint: fake.Endpoint) -> None:
    """`serve --no-worker` leaves everything to `recollect work`; both stop with 0."""
    settings = environ(store, endpoint)
    async with serving("--no-worker", **settings) as (server, address), httpx.AsyncClient(base_url=address) as web:
        body = {"messages": [{"role": "user", "content": "hello"}]}
        assert (await web.post("/api/v1/sessions/s/memory?wait=0.2", json=body)).status_code == 202
        async with process(*WORK, **settings) as worker:
            await until(lambda: all_done(store))
            assert (await web.post("/api/v1/sessions/s/memory?wait=30", json=body)).status_code == 200
            worker.send_signal(signal.SIGINT)
            assert await worker.wait() == 0
        server.send_signal(signal.SIGTERM)
        assert await server.wait() == 0


async def test_a_server_killed_in_the_middle_of_a_backlog(store: Store, endpoint: fake.Endpoint) -> None:
    """A server that is killed and started again embeds what it had taken on, once each."""
    settings = environ(store, endpoint)
    gate = Gate(iter([2, 10**9]))
    endpoint.behave = gate
    async with serving(**settings) as (server, address), httpx.AsyncClient(base_url=address) as web:
        for place in range(100):
            body = {"messages": [{"role": "user", "content": f"text {place}"}]}
            assert (await web.post(f"/api/v1/sessions/s{place % 7}/memory", json=body)).status_code == 200
        await asyncio.wait_for(gate.holds.wait(), 60)
        server.send_signal(signal.SIGKILL)
        await server.wait()
    await rows(store, EXPIRE)
    gate.next()
    async with serving(**settings):
        await until(lambda: all_done(store))
    assert await number(store, "SELECT count(*) FROM messages") == 100
    assert await workplace.vectors_per_message(store) == {1}


async def test_the_command_for_jobs(store: Store, endpoint: fake.Endpoint) -> None:
    """`recollect jobs` shows the queue and what failed, and makes failed jobs due, one or all."""
    await backlog(store, endpoint, 5)
    ids = [row["id"] for row in await rows(store, "SELECT id FROM jobs ORDER BY id")]
    await rows(
        store, "UPDATE jobs SET failed_at = now(), attempts = 5, error = 'Boom: it broke' WHERE id = ANY ($1)", ids[:3]
    )

    async def run(*arguments: str) -> tuple[int, str]:
        done = await asyncio.create_subprocess_exec(
            workplace.PYTHON,
            *("-m", "recollect.cli", "jobs", *arguments),
            env=workplace.ENVIRON | environ(store, endpoint, COLUMNS="200"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await done.communicate()
        return done.returncode or 0, output.decode()

    code, shown = await run()
    assert code == 0
    assert all(str(job) in shown for job in ids)
    assert [word for word in shown.split() if word in {"embed", "2", "3"}][:3] == ["embed", "2", "3"]
    _, shown = await run("--state", "failed")
    assert [str(job) in shown for job in ids] == [True] * 3 + [False] * 2
    assert "Boom: it broke" in shown
    assert (await run("--retry", str(ids[0]))) == (0, "1 job to be run again.\n")
    assert (await run("--retry", str(ids[0])))[0] == 1
    assert (await run("--retry-failed")) == (0, "2 jobs to be run again.\n")
    assert (await run("--retry-failed")) == (0, "0 jobs to be run again.\n")
    listed = await jobs.listed(store, "default", state="due", kind=None, after=None, limit=10)
    assert [job.attempts for job in listed] == [0] * 5


@contextlib.asynccontextmanager
async def serving(*arguments: str, **settings: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run `recollect serve`, from when it is ready."""
    argv = ("-m", "recollect.cli", "serve", "--port", "0", *arguments)
    server = await asyncio.create_subprocess_exec(
        workplace.PYTHON, *argv, env=workplace.ENVIRON | settings, stderr=asyncio.subprocess.PIPE
    )
    assert server.stderr is not None
    async for line in server.stderr:
        if (event := json.loads(line))["event"] == "ready":
            break
    rest = asyncio.create_task(server.stderr.read())
    yield server, event["address"]
    if server.returncode is None:
        server.send_signal(signal.SIGTERM)
    await server.wait()
    await rest


@pytest.mark.parametrize("state", ["due", "leased", "failed"])
async def test_jobs_by_state(api: httpx.AsyncClient, store: Store, state: str) -> None:
    """GET /jobs lists jobs by state and kind, page by page, and refuses a state there is none of."""
    await say(api, "s", [f"text {place}" for place in range(70)])
    await say(api, "s", ["one"])
    await say(api, "s", ["two"])
    ids = await rows(store, "SELECT id FROM jobs WHERE kind = 'embed' ORDER BY id")
    first, second, third, *_ = [row["id"] for row in ids]
    await rows(store, "UPDATE jobs SET leased_by = new_key(1::smallint) WHERE id = $1", second)
    await rows(store, "UPDATE jobs SET failed_at = now() WHERE id = $1", third)
    listed = (await api.get("jobs", params={"state": state})).json()
    expected = {"leased": {second}, "failed": {third}}
    states = {job["state"] for job in listed}
    assert states == {state}
    if state == "due":
        assert str(first) in {job["id"] for job in listed}
        assert len(listed) == await number(store, "SELECT count(*) FROM jobs") - 2
    else:
        assert {job["id"] for job in listed} == {str(job) for job in expected[state]}
    page = (await api.get("jobs", params={"limit": 1, "cursor": str(first), "kind": "embed"})).json()
    assert [job["id"] for job in page] == [str(second)]
    assert (await api.get("jobs", params={"state": "gone"})).status_code == 400
    assert (await api.get("jobs", params={"cursor": "x"})).status_code == 400
