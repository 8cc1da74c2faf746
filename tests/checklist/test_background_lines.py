from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from endpoint import WIDTH, Endpoint, good, hangs, raw
from serving import started
from talk import contents, messages, say, sql, until

from recollect.settings import Settings, load
from recollect.store import Store


@pytest.fixture
def settings(endpoint: Endpoint) -> Settings:
    """Embed through the endpoint."""
    remote = {"embedding_provider": "openai", "embedding_model": "fake", "embedding_base_url": endpoint.url}
    return load({}, None, {"purge_every": 0, "embedding_width": WIDTH} | remote)


async def jobs(api: httpx.AsyncClient, **query: str) -> Any:
    return (await api.get("jobs", params=query)).json()


async def idle(api: httpx.AsyncClient) -> bool:
    return not await jobs(api)


async def asked(endpoint: Endpoint, times: int) -> bool:
    return len(endpoint.requests) >= times


async def failed_in_a_hurry(api: httpx.AsyncClient, store: Store) -> Any:
    """Return the failed jobs, after cutting short the pauses of the others."""
    await sql(store, "UPDATE jobs SET run_at = now() WHERE leased_by IS NULL AND failed_at IS NULL")
    return await jobs(api, state="failed")


async def findable(api: httpx.AsyncClient, session_id: str) -> int:
    """Return how many messages of a session can be found by meaning."""
    answer = await api.post(f"sessions/{session_id}/search?limit=1000", json={"text": "anything"})
    assert answer.status_code == 200, answer.text
    return len(answer.json())


@pytest.mark.parametrize("model", ["hangs", "is down", "says 500"])
async def test_131_writing_waits_for_no_model(endpoint: Endpoint, working_api: httpx.AsyncClient, model: str) -> None:
    """Messages are stored, readable and deletable while the model answers nobody."""

    async def says_500(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(raw(b"out of order", 500))
        await writer.drain()

    async def drops(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.close()

    endpoint.behave = {"hangs": hangs, "is down": drops, "says 500": says_500}[model]
    await say(working_api, "one", "first")
    await until(lambda: asked(endpoint, 1))
    await say(working_api, "one", "second")
    assert await contents(working_api, "one") == ["first", "second"]
    assert (await working_api.delete("sessions/one/memory")).text == "OK"


async def test_132_tokens_are_counted(working_api: httpx.AsyncClient) -> None:
    """A message's tokens are counted, with its role, and no other job resets the count."""
    answer = await working_api.post(
        "sessions/one/memory?wait=30",
        json={
            "messages": [{"role": "human", "content": "hello world", "token_count": 77}, {"role": "", "content": ""}]
        },
    )
    assert answer.status_code == 200
    first, empty = await messages(working_api, "one")
    assert first["token_count"] == len(["human", ":", " hello", " world"])
    assert empty["token_count"] == len([":", " "])
    await working_api.patch(f"sessions/one/messages/{first['uuid']}", json={"metadata": {"k": 1}})
    assert [message["token_count"] for message in await messages(working_api, "one")] == [4, empty["token_count"]]


async def test_138_a_failing_job_is_kept_aside(
    endpoint: Endpoint, working_api: httpx.AsyncClient, store: Store
) -> None:
    """A text the model fails on is tried again and again, kept with its error, and runs when told to; others go on."""

    async def fails_on_poison(request: Any, writer: asyncio.StreamWriter) -> None:
        if "poison" in request["input"]:
            writer.write(raw(json.dumps({"data": []}).encode()))
            await writer.drain()
        else:
            await good(request, writer)

    endpoint.behave = fails_on_poison
    await say(working_api, "bad", "poison")
    await say(working_api, "good", *(f"message {n}" for n in range(20)))
    await until(lambda: failed_in_a_hurry(working_api, store))
    failed = await jobs(working_api, state="failed")
    assert len(failed) == 1
    assert failed[0]["attempts"] == len([request for request in endpoint.requests if request["input"] == ["poison"]])
    assert failed[0]["attempts"] > 1
    assert failed[0]["error"]
    assert (await findable(working_api, "good"), await findable(working_api, "bad")) == (20, 0)
    endpoint.behave = good
    assert (await working_api.post(f"jobs/{failed[0]['id']}/retry")).text == "OK"
    await until(lambda: idle(working_api))
    assert await findable(working_api, "bad") == 1


async def test_140_a_restart_loses_nothing(endpoint: Endpoint, database_url: str, tmp_path: Path) -> None:
    """A server stopped in the middle of its work finishes it after the next start."""

    async def answers_once(request: Any, writer: asyncio.StreamWriter) -> None:
        await (hangs if len(endpoint.requests) > 1 else good)(request, writer)

    endpoint.behave = answers_once
    environ = {
        "RECOLLECT_DATABASE_URL": database_url,
        "RECOLLECT_PORT": "0",
        "RECOLLECT_EMBEDDING_PROVIDER": "openai",
        "RECOLLECT_EMBEDDING_MODEL": "fake",
        "RECOLLECT_EMBEDDING_WIDTH": str(WIDTH),
        "RECOLLECT_EMBEDDING_BASE_URL": endpoint.url,
    }
    async with started(tmp_path, **environ) as api:
        for n in range(10):
            await say(api, "one", *(f"message {n} {m}" for m in range(60)))
        await until(lambda: asked(endpoint, 2))
        assert not await idle(api)
    endpoint.behave = good
    async with started(tmp_path, **environ) as api:
        await until(lambda: idle(api))
        assert await findable(api, "one") == 600
