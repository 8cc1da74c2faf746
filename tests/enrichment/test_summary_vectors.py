"""Summaries found by meaning; their vectors, kept and erased with them, and made anew by another model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import endpoint as fake
import httpx
import numpy as np
import pytest
import pytest_asyncio
from language_model import Endpoint
from workplace import WIDTH, all_done, client, idle, number, rows, running, say, until, working

from recollect.core.embeddings import Models
from recollect.settings import Settings
from recollect.store import Store, embeddings, sessions, summary_embeddings
from recollect.work.models import follow_models

CANARY = "zqxcanary"


def quiet(endpoint: Endpoint, **others: object) -> Settings:
    """Return settings with small windows and neither entities nor intents."""
    return endpoint.settings(message_window=2, entities=False, intents=False, **others)


@pytest_asyncio.fixture
async def embedder() -> AsyncIterator[fake.Endpoint]:
    """An embedding endpoint."""
    async with fake.endpoint() as running_endpoint:
        yield running_endpoint


def remote(endpoint: Endpoint, embedder: fake.Endpoint) -> Settings:
    """Return settings that embed through the endpoint, in small vectors."""
    there = {"embedding_base_url": embedder.url, "embedding_model": "fake", "embedding_width": WIDTH}
    return quiet(endpoint, embedding_provider="openai", **there)


async def done(store: Store) -> None:
    await until(lambda: all_done(store))


async def found(api: httpx.AsyncClient, path: str, **body: Any) -> Any:
    answer = await api.post(f"{path}/search", json=body | {"search_scope": "summary"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def texts(results: list[dict[str, Any]]) -> list[str]:
    return [result["summary"]["content"] for result in results]


TOPICS = {
    "kitchen": ["The oven is broken.", "We bake bread without it.", "Rye bread.", "With honey."],
    "travel": ["The flight to Lisbon is on Friday.", "The hotel is by the sea.", "It costs 90 euros.", "Fine."],
}


async def two_sessions(api: httpx.AsyncClient, store: Store) -> None:
    """Make two summaries each in two sessions of Ana."""
    await api.post("user", json={"user_id": "ana"})
    for session, contents in TOPICS.items():
        await api.post("sessions", json={"session_id": session, "user_id": "ana"})
        for content in contents[:3]:
            await say(api, session, [content])
            await done(store)


async def test_searching(store: Store, endpoint: Endpoint) -> None:
    """Summaries of one session or all of a user's are found by meaning, nearest first, and by date and metadata."""
    async with working(store, quiet(endpoint)) as app, client(app) as api:
        await two_sessions(api, store)
        kitchen = await found(api, "sessions/kitchen", text="baking without an oven")
        assert len(kitchen) == 2
        assert all("oven" in text for text in texts(kitchen))
        assert kitchen[0]["dist"] >= kitchen[1]["dist"] > 0
        across = await found(api, "user/ana", text="When do we fly to Portugal?")
        assert [result["session_id"] for result in across] == ["travel"] * 2 + ["kitchen"] * 2
        assert [result["score"] for result in across] == [result["dist"] for result in across]
        assert {result["message"] for result in across} == {None}
        within = await found(api, "user/ana", text="fly", session_ids=["kitchen", "unknown"])
        assert {result["session_id"] for result in within} == {"kitchen"}
        varied = await found(api, "user/ana", text="When do we fly?", search_type="mmr", mmr_lambda=0.1)
        assert varied[0] | {"embedding": None} == (await found(api, "user/ana", text="When do we fly?"))[0]
        assert [result["session_id"] for result in varied[:2]] == ["travel", "kitchen"]
        await rows(store, """UPDATE summaries SET metadata = '{"k": 1}', created_at = '2020-02-02' WHERE seq = 1""")
        for query in ({"text": "bread"}, {}):
            kept = {"where": {"jsonpath": "$.k ? (@ == 1)"}}
            assert len(await found(api, "user/ana", metadata=kept, **query)) == 2
            assert len(await found(api, "sessions/kitchen", metadata=kept, **query)) == 1
            assert len(await found(api, "sessions/kitchen", metadata={"end_date": "2020-03-01"}, **query)) == 1
        newest = await found(api, "sessions/kitchen", metadata={"start_date": "2000-01-01"})
        assert [result["summary"]["created_at"][:4] > "2020" for result in newest] == [True, False]
        assert await found(api, "sessions/unknown", text="bread") == []
        await api.delete("sessions/kitchen/memory")
        assert {result["session_id"] for result in await found(api, "user/ana", text="bread")} == {"travel"}
        assert await found(api, "sessions/kitchen", text="bread") == []


async def test_without_an_embedding_model(store: Store, endpoint: Endpoint) -> None:
    """Without an embedding model summaries are found by date and metadata, and a search by meaning says what lacks."""
    async with working(store, quiet(endpoint, embedding_provider="none")) as app, client(app) as api:
        await two_sessions(api, store)
        assert len(await found(api, "sessions/kitchen", metadata={"start_date": "2000-01-01"})) == 2
        answer = await api.post("sessions/kitchen/search", json={"text": "bread", "search_scope": "summary"})
        assert answer.status_code == 503


async def test_changing_the_embedding_model(
    store: Store, endpoint: Endpoint, embedder: fake.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new model takes over only when it has a vector of each summary, and the old one's go with the purge."""
    monkeypatch.setattr("recollect.work.models.LOOK_SECONDS", 0.05)
    async with working(store, quiet(endpoint)) as app, client(app) as api:
        await two_sessions(api, store)
    async with idle(store, remote(endpoint, embedder)) as app:
        assert app.services is not None
        filling = app.services.models.filling
        assert filling is not None
        assert await embeddings.progress(store, filling.id) == (0, 10)
        assert not await embeddings.complete(store, filling.id)
        for made in (embeddings, summary_embeddings):
            assert await made.enqueue_missing(store, filling.id) > 0
            assert await made.enqueue_missing(store, filling.id) == 0
    async with working(store, remote(endpoint, embedder)) as app, client(app) as api:
        models = _models(app.services.models if app.services else None)
        async with running(follow_models(store, models)):
            await until(lambda: _is_active(store, filling.id))
        assert len(await found(api, "user/ana", text="bread")) == 4
        assert await embeddings.progress(store, filling.id) == (10, 10)
    await rows(store, "UPDATE embedding_models SET changed_at = now() - interval '2 minutes' WHERE state = 'retired'")
    assert [await summary_embeddings.drop_retired(store, 3) for _ in range(3)] == [3, 1, 0]
    assert await number(store, "SELECT count(*) FROM summary_embeddings") == 4


def _models(models: Models | None) -> Models:
    assert models is not None
    return models


async def _is_active(store: Store, model: int) -> bool:
    return await number(store, "SELECT count(*) FROM embedding_models WHERE state = 'active' AND id = $1", model) == 1


@pytest.mark.parametrize("gone", ["session", "user", "revived"])
async def test_nothing_is_left(store: Store, endpoint: Endpoint, embedder: fake.Endpoint, gone: str) -> None:
    """Summaries and their vectors go with what they are of: a session, a user, what a session held before."""
    async with working(store, remote(endpoint, embedder)) as app, client(app) as api:
        await two_sessions(api, store)
        await api.post("sessions", json={"session_id": "secret", "user_id": "ana"})
        for place in range(3):
            await say(api, "secret", [f"my secret is {CANARY} number {place}"])
            await done(store)
        assert await number(store, "SELECT count(*) FROM summaries WHERE strpos(content, $1) > 0", CANARY) == 2
        assert await number(store, "SELECT count(*) FROM summary_embeddings") == 6
        if gone == "user":
            assert (await api.delete("user/ana")).status_code == 200
        else:
            assert (await api.delete("sessions/secret/memory")).status_code == 200
        if gone == "revived":
            await say(api, "secret", ["one", "two"])
            await done(store)
        await sessions.purge(store)
        await done(store)
    left = {"session": 4, "user": 0, "revived": 5}[gone]
    assert await number(store, "SELECT count(*) FROM summaries WHERE strpos(content, $1) > 0", CANARY) == 0
    for table in ("summaries", "summary_embeddings"):
        assert await number(store, f"SELECT count(*) FROM {table}") == left


async def test_a_vector_that_comes_too_late(store: Store, endpoint: Endpoint, embedder: fake.Endpoint) -> None:
    """A summary erased while it is embedded leaves no vector behind."""
    async with working(store, remote(endpoint, embedder)) as app, client(app) as api:
        await two_sessions(api, store)
    read = await rows(store, "SELECT bucket, session_key, seq, project_id, content FROM summaries ORDER BY seq")
    late = [summary_embeddings.Text(*row) for row in read]
    await rows(store, "DELETE FROM summary_embeddings")
    await rows(store, "DELETE FROM summaries WHERE seq = 1")
    vectors = np.ones((len(late), WIDTH), dtype=np.float32)
    await summary_embeddings.put(store, 1, late, vectors)
    await summary_embeddings.put(store, 1, late, vectors)
    assert [row[0] for row in await rows(store, "SELECT seq FROM summary_embeddings")] == [2, 2]
