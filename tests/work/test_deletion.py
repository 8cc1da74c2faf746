"""Deleting while work goes on: nothing of what was deleted is left, nothing of what lives is lost."""

from __future__ import annotations

import asyncio
import random

import endpoint as fake
import httpx
import pytest
import workplace
from workplace import all_done, client, number, orphans, remote, rows, say, until, working

from recollect.store import Store, sessions

HOMELESS = """
SELECT (SELECT count(*) FROM messages AS m WHERE NOT EXISTS (
        SELECT FROM sessions AS s WHERE s.bucket = m.bucket AND s.key = m.session_key AND m.seq > s.cleared_seq))
    + (SELECT count(*) FROM message_embeddings AS e WHERE NOT EXISTS (
        SELECT FROM sessions AS s WHERE s.bucket = e.bucket AND s.key = e.session_key AND e.seq > s.cleared_seq))
    + (SELECT count(*) FROM session_names AS n WHERE NOT EXISTS (
        SELECT FROM sessions AS s WHERE s.bucket = n.bucket AND s.key = n.session_key))
"""


class Held:
    """An endpoint that answers only when it is let."""

    def __init__(self) -> None:
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: fake.Json, writer: asyncio.StreamWriter) -> None:
        self.asked.set()
        await self.go.wait()
        await fake.good(request, writer)


async def test_a_session_deleted_while_it_is_embedded(store: Store, endpoint: fake.Endpoint) -> None:
    """Vectors that come back after the session was deleted, purged and erased are not stored."""
    endpoint.behave = held = Held()
    async with working(store, remote(endpoint.url)) as app, client(app) as api:
        await say(api, "s", [f"text {place}" for place in range(10)])
        await asyncio.wait_for(held.asked.wait(), 30)
        assert (await api.delete("sessions/s/memory")).status_code == 200
        await sessions.purge(store)
        await until(lambda: _only_embedding_is_left(store))
        held.go.set()
        await until(lambda: all_done(store))
    assert await orphans(store) == 0
    assert await number(store, HOMELESS) == 0


async def _only_embedding_is_left(store: Store) -> bool:
    return {row[0] for row in await rows(store, "SELECT kind FROM jobs")} <= {"embed"}


async def test_a_user_deleted_while_its_sessions_are_embedded(store: Store, endpoint: fake.Endpoint) -> None:
    """Deleting a user takes messages, vectors and jobs along, also those that are under way."""
    endpoint.behave = held = Held()
    async with working(store, remote(endpoint.url)) as app, client(app) as api:
        await api.post("user", json={"user_id": "ann"})
        for place in range(5):
            await api.post("sessions", json={"session_id": f"s{place}", "user_id": "ann"})
            await say(api, f"s{place}", [f"text {n}" for n in range(20)])
        await asyncio.wait_for(held.asked.wait(), 30)
        assert (await api.delete("user/ann")).status_code == 200
        assert await number(store, "SELECT count(*) FROM messages") == 0
        held.go.set()
        await until(lambda: all_done(store))
    assert await number(store, "SELECT count(*) FROM message_embeddings") == 0
    assert await number(store, HOMELESS) == 0


async def test_a_session_brought_back_while_it_is_embedded(store: Store, endpoint: fake.Endpoint) -> None:
    """A session deleted and added to again, with a uuid it had before, keeps exactly what was added after."""
    uuid = "6b0b9d1c-0d5e-4d3c-9f5c-2b1c1d1e1f10"
    endpoint.behave = held = Held()
    async with working(store, remote(endpoint.url)) as app, client(app) as api:
        message = {"uuid": uuid, "role": "user", "content": "before"}
        await api.post("sessions/s/memory", json={"messages": [message, {"role": "user", "content": "gone"}]})
        await asyncio.wait_for(held.asked.wait(), 30)
        await api.delete("sessions/s/memory")
        await api.post("sessions/s/memory", json={"messages": [message | {"content": "after"}]})
        held.go.set()
        await until(lambda: all_done(store))
        await sessions.purge(store)
        await until(lambda: all_done(store))
        assert await workplace.found(api, "s", "after") == ["after"]
    assert [row[0] for row in await rows(store, "SELECT content FROM messages")] == ["after"]
    assert await workplace.vectors_per_message(store) == {1}
    assert await orphans(store) == 0


@pytest.mark.parametrize("seed", range(3))
async def test_everything_at_once(store: Store, endpoint: fake.Endpoint, seed: int) -> None:
    """Adding, deleting, purging and reviving at random from several sides leaves one vector per living message."""
    async with working(store, remote(endpoint.url), lanes=2) as app, client(app) as api:
        await asyncio.gather(*(_stir(api, store, random.Random(f"{seed}.{part}")) for part in range(6)))
        await sessions.purge(store)
        await until(lambda: all_done(store))
    assert await orphans(store) == 0
    assert await number(store, HOMELESS) == 0
    assert await workplace.vectors_per_message(store) <= {1}


async def _stir(api: httpx.AsyncClient, store: Store, draw: random.Random) -> None:
    for _ in range(40):
        session, user = f"s{draw.randrange(8)}", f"u{draw.randrange(3)}"
        step = draw.random()
        if step < 0.55:
            uuid = f"00000000-0000-7000-8000-{draw.randrange(6):012}"
            body = [{"uuid": uuid, "content": f"text {draw.randrange(9)}"}, {"content": f"more {draw.randrange(9)}"}]
            answer = await api.post(f"sessions/{session}/memory", json={"messages": body})
            assert answer.status_code == 200, answer.text
        elif step < 0.75:
            assert (await api.delete(f"sessions/{session}/memory")).status_code in {200, 404}
        elif step < 0.85:
            await sessions.purge(store)
        elif step < 0.95:
            await api.post("user", json={"user_id": user})
            await api.post("sessions", json={"session_id": session, "user_id": user})
        else:
            assert (await api.delete(f"user/{user}")).status_code in {200, 404}
