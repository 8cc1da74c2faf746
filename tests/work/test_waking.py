"""Waking: workers learn of new jobs without looking, and no write pays for it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import endpoint as fake
import pytest
import pytest_asyncio
import workplace
from workplace import all_done, client, idle, number, remote, rows, running, say, until, working

import recollect
from recollect.store import Store
from recollect.store.database import Database
from recollect.store.statements import STATEMENTS
from recollect.work.wake import Announcer, wake_on_announcement
from recollect.work.worker import Worker


@pytest.fixture(autouse=True)
def never_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the net away: a worker that is not woken does nothing for an hour."""
    monkeypatch.setattr("recollect.work.worker.POLL_SECONDS", 3600)


@pytest_asyncio.fixture
async def elsewhere(store: Store) -> AsyncIterator[Store]:
    """The same database as another process would see it."""
    database = Database(store.database.dsn, size=4)
    yield Store(database)
    await database.close()


async def test_in_the_same_process(store: Store, endpoint: fake.Endpoint) -> None:
    """Adding messages wakes the workers of the process, so that nobody waits for them to look."""
    async with working(store, remote(endpoint.url)) as app, client(app) as api:
        for place in range(20):
            assert await say(api, "s", [f"text {place}"], wait=30) == 200


async def test_retrying_wakes(store: Store, endpoint: fake.Endpoint) -> None:
    """A failed job that is run again is run at once."""
    endpoint.behave = fake.says({"data": []})
    async with (
        working(store, remote(endpoint.url), change=lambda kind: kind._replace(attempts=1, probe=None)) as app,
        client(app) as api,
    ):
        await say(api, "s", ["text"])
        await until(lambda: _failed(store))
        endpoint.behave = fake.good
        (job,) = (await api.get("jobs", params={"state": "failed"})).json()
        await api.post(f"jobs/{job['id']}/retry")
        await until(lambda: all_done(store))


async def _failed(store: Store) -> bool:
    return await number(store, "SELECT count(*) FROM jobs WHERE failed_at IS NOT NULL") == 1


async def test_from_another_process(store: Store, elsewhere: Store, endpoint: fake.Endpoint) -> None:
    """A server without workers tells those elsewhere of its jobs; again after their connection broke."""
    announcer = Announcer(store)
    async with idle(store, remote(endpoint.url)) as app, client(app) as api:
        workplace.wake_by(app, announcer.wake)
        async with idle(elsewhere, remote(endpoint.url)) as other:
            worker = workplace.worker_of(other)
            listening = wake_on_announcement(store.database.dsn, worker)
            async with running(worker.run(), listening, announcer.run()):
                await until(lambda: _listening(store))
                assert await say(api, "s", ["one"], wait=30) == 200
                await rows(store, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
                await until(lambda: _deaf(store))
                await until(lambda: _listening(store))
                assert await say(api, "s", ["two"], wait=30) == 200
    assert await workplace.vectors_per_message(store) == {1}


async def _listening(store: Store) -> bool:
    return (
        await number(
            store, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        == 1
    )


async def _deaf(store: Store) -> bool:
    return not await _listening(store)


async def test_many_adds_are_one_announcement(store: Store, endpoint: fake.Endpoint) -> None:
    """However many jobs are added at once, they are announced together."""
    announcer, heard = Announcer(store), []

    class Listener(Worker):
        def wake(self, kind: str | None = None) -> None:
            heard.append(kind)

    listening = wake_on_announcement(store.database.dsn, Listener(store, []))
    async with idle(store, remote(endpoint.url)) as app, client(app) as api, running(listening, announcer.run()):
        await until(lambda: _listening(store))
        workplace.wake_by(app, lambda _: None)
        await say(api, "s", [f"text {place}" for place in range(100)])
        for _ in range(100):
            announcer.wake("embed")
        await until(lambda: _some(heard))
        announcer.wake("embed")
        await until(lambda: _some(heard[1:]))
    assert len(heard) == 2


async def _some(heard: list[str | None]) -> bool:
    return bool(heard)


def test_no_write_notifies() -> None:
    """No statement but the announcement, which writes nothing, notifies; nor does any function of the schema."""
    assert [name for name, text in STATEMENTS.items() if re.search("notify", text, re.IGNORECASE)] == ["jobs.announce"]
    assert not re.search(r"\b(INSERT|UPDATE|DELETE)\b", STATEMENTS["jobs.announce"], re.IGNORECASE)
    migrations = (Path(recollect.__file__).parent / "store" / "migrations").glob("*.sql")
    assert [file.name for file in migrations if "notify" in file.read_text().lower()] == []
