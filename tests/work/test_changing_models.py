"""Another embedding model: made ready beside the old one, then search moves over without a moment of nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import endpoint as fake
import httpx
import pytest
import workplace
from workplace import all_done, client, found, number, process, remote, rows, running, say, until, working

from recollect.http.app import App
from recollect.models import EmbeddingModel
from recollect.settings import Settings, load
from recollect.store import Store, embeddings
from recollect.work.models import follow_models
from recollect.work.worker import Kind

LOCAL = load({}, None, {"purge_every": 0})
UUID = "6b0b9d1c-0d5e-4d3c-9f5c-2b1c1d1e1f10"


@pytest.fixture(autouse=True)
def attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    monkeypatch.setattr("recollect.work.models.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("recollect.work.worker.POLL_SECONDS", 0.05)


def local(url: str) -> Settings:
    """Return settings for the local model, with which the endpoint's model can still be asked."""
    return load({}, None, {"purge_every": 0, "embedding_base_url": url})


@asynccontextmanager
async def server(store: Store, settings: Settings) -> AsyncIterator[App]:
    """Run what a server with these settings runs, without the purge."""
    async with working(store, settings, change=_hasty) as app:
        assert app.services is not None
        async with running(follow_models(store, app.services.models)):
            yield app


def _hasty(kind: Kind) -> Kind:
    return kind._replace(pause_seconds=0.01)


async def state(store: Store) -> dict[str, str]:
    return {row["provider"]: row["state"] for row in await rows(store, "SELECT provider, state FROM embedding_models")}


async def test_widths_change_under_load(store: Store, endpoint: fake.Endpoint) -> None:
    """From 384 numbers to 8 and back, under adds and searches: no search is ever without results, and all end anew."""
    async with server(store, local(endpoint.url)) as app, client(app) as api:
        for place in range(4):
            await say(api, f"s{place}", [f"The train to Lisbon leaves at {hour}" for hour in range(30)], wait=60)
    for settings, provider in ((remote(endpoint.url), "openai"), (local(endpoint.url), "local")):
        async with server(store, settings) as app, client(app) as api:
            searches = await _load_until_switched(api, store, provider)
            assert searches > 0
            await until(lambda: all_done(store))
            active = await number(store, "SELECT id FROM embedding_models WHERE state = 'active'")
            done, messages = await embeddings.progress(store, active)
            assert done == messages
            assert len(await found(api, "s1", "train", limit=1000)) == messages // 4


async def _load_until_switched(api: httpx.AsyncClient, store: Store, provider: str) -> int:
    """Add and search until the provider's model is in use, and a little longer; return the number of searches."""
    searches, rounds_after = 0, 0
    while rounds_after < 5:
        for place in range(4):
            assert await say(api, f"s{place}", [f"And the next one at {searches}"]) == 200
            assert len(await found(api, f"s{place}", "When does the train leave?")) == 10
            searches += 1
        rounds_after += (await state(store))[provider] == "active"
    return searches


async def test_a_text_that_changed_meanwhile(store: Store, endpoint: fake.Endpoint) -> None:
    """Back at a former model, no vector of an older text is left: a changed message is found by what it says now."""
    old, new = [{"uuid": UUID, "role": "user", "content": text} for text in ("an apple", "something else entirely")]
    first, second = local(endpoint.url), remote(endpoint.url)
    async with server(store, first) as app, client(app) as api:
        await api.post("sessions/s/memory?wait=60", json={"messages": [old, {"content": "a pear"}]})
    async with server(store, second) as app, client(app) as api:
        await until(lambda: _active(store, "openai"))
        await api.post("sessions/s/memory?wait=60", json={"messages": [new]})
    async with server(store, first) as app, client(app) as api:
        await until(lambda: _active(store, "local"))
        results = (await api.post("sessions/s/search", json={"text": "something else entirely"})).json()
    assert results[0]["message"]["content"] == "something else entirely"
    assert results[0]["dist"] > 0.99


async def _active(store: Store, provider: str) -> bool:
    return (await state(store))[provider] == "active"


async def test_a_new_model_that_does_not_answer(store: Store, endpoint: fake.Endpoint) -> None:
    """While the new model's endpoint is away, what is added is found by the old one; when it is back, search moves."""
    endpoint.behave = fake.says({}, 500)
    async with server(store, LOCAL) as app, client(app) as api:
        await say(api, "s", ["an apple"], wait=60)
    async with server(store, remote(endpoint.url)) as app, client(app) as api:
        await say(api, "s", ["a pear"], wait=60)
        assert sorted(await found(api, "s", "fruit")) == ["a pear", "an apple"]
        assert not await _active(store, "openai")
        endpoint.behave = fake.good
        await until(lambda: _active(store, "openai"))
        await until(lambda: all_done(store))
        assert sorted(await found(api, "s", "fruit")) == ["a pear", "an apple"]


async def test_a_poisoned_message_does_not_hold_up_the_change(store: Store, endpoint: fake.Endpoint) -> None:
    """A message that the new model fails at stays behind in a failed job; the others move over, its companions too."""

    async def behave(request: fake.Json, writer: asyncio.StreamWriter) -> None:
        await (fake.says({}, 500) if "poison" in request["input"] else fake.good)(request, writer)

    endpoint.behave = behave
    async with server(store, LOCAL) as app, client(app) as api:
        await say(api, "s", ["poison", *(f"fine {place}" for place in range(5))], wait=60)
    async with server(store, remote(endpoint.url)) as app, client(app) as api:
        await until(lambda: _active(store, "openai"))
        await until(lambda: _failed(store))
        assert len(await found(api, "s", "fine")) == 5
        endpoint.behave = fake.good
        (job,) = (await api.get("jobs", params={"state": "failed"})).json()
        await api.post(f"jobs/{job['id']}/retry")
        await until(lambda: all_done(store))
        assert len(await found(api, "s", "fine")) == 6


async def _failed(store: Store) -> bool:
    return await number(store, "SELECT count(*) FROM jobs WHERE failed_at IS NULL") == 0


async def test_a_former_model_leaves_the_disk(store: Store, endpoint: fake.Endpoint) -> None:
    """The purge drops vectors of models out of use, but not before every process knows that search has moved on."""
    async with server(store, LOCAL) as app, client(app) as api:
        await say(api, "s", [f"text {place}" for place in range(30)], wait=60)
    async with server(store, remote(endpoint.url)):
        await until(lambda: _active(store, "openai"))
    assert await embeddings.drop_retired(store, 1000) == 0
    await rows(store, "UPDATE embedding_models SET changed_at = now() - interval '2 minutes' WHERE state = 'retired'")
    assert [await embeddings.drop_retired(store, 20) for _ in range(3)] == [20, 10, 0]
    assert await workplace.vectors_per_message(store) == {1}


async def test_many_processes_start_at_once(store: Store) -> None:
    """However many register models in an empty database at once, each is known once and one is active."""
    models = [EmbeddingModel("openai", f"model-{place % 3}", 8) for place in range(12)]
    await asyncio.gather(*(embeddings.register(store, model) for model in models))
    known = await embeddings.models(store)
    assert sorted(each.model.name for each in known) == ["model-0", "model-1", "model-2"]
    assert sorted(each.state for each in known) == ["active", "filling", "filling"]


async def test_reembed_by_command(store: Store, endpoint: fake.Endpoint) -> None:
    """`recollect reembed` shows its progress, may be killed, goes on where it was, and makes nothing twice."""
    async with server(store, LOCAL) as app, client(app) as api:
        for place in range(5):
            await say(api, f"s{place}", [f"text {place} {n}" for n in range(64)], wait=60)
    asked, held = 0, asyncio.Event()

    async def behave(request: fake.Json, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += len(request["input"])
        if asked > 280:
            held.set()
            await asyncio.Event().wait()
        await fake.good(request, writer)

    endpoint.behave = behave
    environ = {
        "RECOLLECT_DATABASE_URL": store.database.dsn,
        "RECOLLECT_EMBEDDING_PROVIDER": "openai",
        "RECOLLECT_EMBEDDING_BASE_URL": endpoint.url,
        "RECOLLECT_EMBEDDING_MODEL": "fake",
        "RECOLLECT_EMBEDDING_WIDTH": str(workplace.WIDTH),
        "COLUMNS": "100",
    }
    async with process("-m", "recollect.cli", "reembed", **environ) as interrupted:
        await asyncio.wait_for(held.wait(), 60)
        interrupted.send_signal(signal.SIGKILL)
    await rows(store, "UPDATE jobs SET run_at = now() WHERE leased_by IS NOT NULL")
    assert await state(store) == {"local": "active", "openai": "filling"}
    made = await number(store, "SELECT count(*) FROM message_embeddings WHERE model = 2")
    assert made == 256
    endpoint.behave, endpoint.requests = fake.good, []
    resumed = await asyncio.create_subprocess_exec(
        *(workplace.PYTHON, "-m", "recollect.cli", "reembed"),
        env=workplace.ENVIRON | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await resumed.communicate()
    assert resumed.returncode == 0
    assert b"320/320" in output
    assert b"has its vector." in output
    assert await state(store) == {"local": "retired", "openai": "active"}
    assert sum(len(request["input"]) for request in endpoint.requests) == 320 - made
