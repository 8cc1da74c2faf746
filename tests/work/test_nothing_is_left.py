"""What is deleted leaves the database: texts that stand nowhere else are looked for in every column there is."""

from __future__ import annotations

import asyncio

import endpoint as fake
import httpx
import pytest
import workplace
from workplace import all_done, client, remote, rows, say, until, working

from recollect.core.embeddings import Models
from recollect.settings import load
from recollect.store import Store, embeddings, indexes, sessions
from recollect.work.models import switch

CANARY = "zqxcanary"
TABLES = """
SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""


async def whereabouts(store: Store, text: str) -> set[str]:
    """Return the tables that hold a text in any column of any row."""
    found = set()
    for table in await rows(store, TABLES):
        # A row as text holds all its columns as text, vectors and arrays included.
        if await rows(store, f"SELECT FROM {table['name']} AS r WHERE strpos(lower(r::text), $1) > 0 LIMIT 1", text):
            found.add(table["name"].removeprefix("recollect."))
    return found


async def indexed(store: Store, word: str) -> int:
    """Return how many rows the full text indexes still lead to, with nothing waiting to be put into them."""
    await indexes.build_words(store)
    async with store.database.connection() as connection:
        await connection.raw.execute("VACUUM messages")
        await connection.raw.execute("VACUUM documents")
    total = 0
    async with store.database.transaction() as connection:
        await connection.raw.execute("SET LOCAL enable_seqscan = off")
        for table in ("messages", "documents"):
            query = (
                f"SELECT count(*) FROM {table} "
                "WHERE to_tsvector(language, left(content, 65536)) @@ to_tsquery('english', $1)"
            )
            plan = "\n".join(row[0] for row in await connection.raw.fetch(f"EXPLAIN {query}", word))
            assert f"{table}_fulltext" in plan
            total += await connection.raw.fetchval(query, word)
    return total


async def plant(api: httpx.AsyncClient, session: str, user: str | None) -> None:
    """Put the canary wherever a client can put a text, and other words beside it, which stay."""
    if user:
        given = {"user_id": user, "email": f"{CANARY}@example.com", "first_name": CANARY, "metadata": {CANARY: CANARY}}
        assert (await api.post("user", json=given)).status_code == 201
    made = {"session_id": session, "user_id": user, "metadata": {"about": CANARY}}
    assert (await api.post("sessions", json=made)).status_code == 201
    messages = [
        {"role": CANARY, "content": f"my secret is {CANARY} number {place}", "metadata": {"said": [CANARY]}}
        for place in range(5)
    ]
    assert (await api.post(f"sessions/{session}/memory?wait=30", json={"messages": messages})).status_code == 200
    searched = await api.post(f"sessions/{session}/search", json={"text": f"the {CANARY}"})
    assert len(searched.json()) == 5


async def erase(store: Store) -> None:
    await sessions.purge(store)
    await until(lambda: all_done(store))


@pytest.mark.parametrize("user", [None, f"user-{CANARY}"])
async def test_a_session(store: Store, endpoint: fake.Endpoint, user: str | None) -> None:
    """A deleted session's name, metadata, messages and vectors are in no table once it was purged; others stay."""
    async with working(store, remote(endpoint.url)) as app, client(app) as api:
        await plant(api, f"session-{CANARY}", user)
        await say(api, "other", ["this one stays"], wait=30)
        assert {"sessions", "session_names", "messages"} <= await whereabouts(store, CANARY)
        assert await indexed(store, CANARY) == 5
        vectors = [row[0] for row in await rows(store, "SELECT embedding::text FROM message_embeddings")]
        assert (await api.delete(f"sessions/session-{CANARY}/memory")).status_code == 200
        assert (await api.get(f"sessions/session-{CANARY}/memory")).json()["messages"] == []
        await erase(store)
        assert await whereabouts(store, CANARY) == ({"users"} if user else set())
        left = [row[0] for row in await rows(store, "SELECT embedding::text FROM message_embeddings")]
        assert (len(vectors), len(left)) == (6, 1)
        assert await indexed(store, CANARY) == 0
        assert await indexed(store, "stays") == 1
        assert await workplace.vectors_per_message(store) == {1}


async def test_a_user(store: Store, endpoint: fake.Endpoint) -> None:
    """A deleted user leaves nothing, at once: no purge is needed, only the jobs left by the deletion."""
    async with working(store, remote(endpoint.url)) as app, client(app) as api:
        await plant(api, f"session-{CANARY}", f"user-{CANARY}")
        assert (await api.delete(f"user/user-{CANARY}")).status_code == 200
        assert await whereabouts(store, CANARY) == set()
        await until(lambda: all_done(store))
        assert await indexed(store, CANARY) == 0
        for table in ("message_embeddings", "sessions", "session_names", "users", "messages", "summaries"):
            assert await rows(store, f"SELECT FROM {table}") == []


async def test_what_a_session_held_before_it_came_back(store: Store, endpoint: fake.Endpoint) -> None:
    """The messages that a revived session held before are gone after the purge, and those after are there."""
    async with working(store, remote(endpoint.url)) as app, client(app) as api:
        await say(api, "s", [f"my secret is {CANARY}"] * 3, wait=30)
        await api.delete("sessions/s/memory")
        await say(api, "s", ["this one stays"], wait=30)
        await erase(store)
        assert await whereabouts(store, CANARY) == set()
        assert await whereabouts(store, "this one stays") == {"messages"}
        assert await workplace.vectors_per_message(store) == {1}


async def test_a_failed_job(store: Store, endpoint: fake.Endpoint) -> None:
    """A job that failed goes, with its error, with the session it was about."""

    async def behave(request: fake.Json, writer: asyncio.StreamWriter) -> None:
        refusal = fake.says({"error": {"message": f"cannot embed {CANARY}"}}, 400)
        await (refusal if "text" in request["input"] else fake.good)(request, writer)

    endpoint.behave = behave
    async with (
        working(store, remote(endpoint.url), change=lambda kind: kind._replace(attempts=1)) as app,
        client(app) as api,
    ):
        await say(api, "s", ["text"])
        await until(lambda: _in_the_queue(store))
        assert (await api.get("jobs")).json()[0]["state"] == "failed"
        await api.delete("sessions/s/memory")
        await erase(store)
    assert await whereabouts(store, CANARY) == set()


async def _in_the_queue(store: Store) -> bool:
    return "jobs" in await whereabouts(store, CANARY)


async def test_vectors_of_a_former_model(store: Store, endpoint: fake.Endpoint) -> None:
    """Vectors that two models made of a session's messages all go with it."""
    async with working(store, load({}, None, {"purge_every": 0})) as app, client(app) as api:
        await say(api, "s", [f"my secret is {CANARY}"] * 3, wait=60)
    async with working(store, remote(endpoint.url)) as app, client(app) as api:
        models = _models(app.services.models if app.services else None)
        await until(lambda: switch(store, models))
        assert len(await rows(store, "SELECT FROM message_embeddings")) == 6
        await api.delete("sessions/s/memory")
        await erase(store)
    assert await rows(store, "SELECT FROM message_embeddings") == []
    assert len(await embeddings.models(store)) == 2


def _models(models: Models | None) -> Models:
    assert models is not None
    return models


async def test_documents(store: Store, endpoint: fake.Endpoint) -> None:
    """Of a deleted document nothing is left, of a deleted collection nothing but what another one holds."""
    async with working(store, remote(endpoint.url)) as app, client(app) as api:
        for name in (f"col{CANARY}", "other"):
            made = {"name": name, "description": f"about {name}", "metadata": {"of": name}, "embedding_dimensions": 8}
            answer = await api.post(f"collection/{name}", json=made | {"is_auto_embedded": True})
            assert answer.status_code == 200, answer.text
            documents = [
                {"document_id": f"{name}-{place}", "content": f"text of {name} {place}", "metadata": {"in": name}}
                for place in range(3)
            ]
            uuids = (await api.post(f"collection/{name}/document", json=documents)).json()
        await until(lambda: all_done(store))
        assert {"collections", "documents"} <= await whereabouts(store, CANARY)
        assert len(await rows(store, "SELECT FROM document_embeddings")) == 6
        secret = {"content": f"also {CANARY}", "document_id": CANARY, "metadata": {CANARY: 1}}
        (uuid,) = (await api.post("collection/other/document", json=[secret])).json()
        await until(lambda: all_done(store))
        assert (await api.delete(f"collection/other/document/uuid/{uuid}")).status_code == 200
        assert (await api.delete(f"collection/col{CANARY}")).status_code == 200
        await until(lambda: all_done(store))
        assert await whereabouts(store, CANARY) == set()
        assert await indexed(store, CANARY) == 0
        left = await rows(store, "SELECT uuid::text FROM document_embeddings")
        assert {row[0] for row in left} == set(uuids)


async def test_metrics(store: Store, endpoint: fake.Endpoint) -> None:
    """/metrics shows how much waits and has failed, and for how long, by kind; texts embedded, and the model's time."""

    async def metrics(api: httpx.AsyncClient) -> dict[str, float]:
        lines = (await api.get("http://test/metrics")).text.splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    settings = remote(endpoint.url)
    async with workplace.idle(store, settings) as app, client(app) as api:
        await say(api, "s", [f"text {place}" for place in range(70)])
        await rows(store, "UPDATE jobs SET created_at = now() - interval '90 s' WHERE cardinality(items) = 6")
        await rows(store, "UPDATE jobs SET failed_at = now() WHERE cardinality(items) = 64")
        shown = await metrics(api)
        assert shown['recollect_jobs{kind="embed",state="waiting"}'] == 1
        assert shown['recollect_jobs{kind="embed",state="failed"}'] == 1
        assert 90 <= shown['recollect_oldest_job_seconds{kind="embed"}'] < 200
    async with working(store, settings) as app, client(app) as api:
        await until(lambda: _nothing_waits(store))
        shown = await metrics(api)
        assert shown["recollect_embedded_texts_total"] == 6
        assert shown['recollect_model_seconds_total{task="embed"}'] > 0
        assert shown['recollect_jobs{kind="embed",state="waiting"}'] == 0
        assert shown['recollect_jobs{kind="embed",state="failed"}'] == 1


async def _nothing_waits(store: Store) -> bool:
    return await workplace.number(store, "SELECT count(*) FROM jobs WHERE failed_at IS NULL") == 0
