"""What most tests of the checklist begin with; what answers is the parsed JSON of a call that went well."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx

from recollect.store import Store

NIL = "00000000-0000-0000-0000-000000000000"


async def add_session(api: httpx.AsyncClient, session_id: str, **fields: Any) -> Any:
    return _well(await api.post("sessions", json={"session_id": session_id, **fields}))


async def patch_session(api: httpx.AsyncClient, session_id: str, metadata: Any) -> Any:
    return _well(await api.patch(f"sessions/{session_id}", json={"metadata": metadata}))


async def session(api: httpx.AsyncClient, session_id: str) -> Any:
    return _well(await api.get(f"sessions/{session_id}"))


async def add_user(api: httpx.AsyncClient, user_id: str, **fields: Any) -> Any:
    return _well(await api.post("user", json={"user_id": user_id, **fields}))


async def say(api: httpx.AsyncClient, session_id: str, *messages: str | dict[str, Any]) -> None:
    """Add messages; a text is one of a human."""
    bodies = [{"role": "human", "content": text} if isinstance(text, str) else text for text in messages]
    answer = await api.post(f"sessions/{session_id}/memory", json={"messages": bodies})
    assert (answer.status_code, answer.text) == (200, "OK"), answer.text


async def messages(api: httpx.AsyncClient, session_id: str) -> Any:
    return _well(await api.get(f"sessions/{session_id}/messages"))["messages"]


async def contents(api: httpx.AsyncClient, session_id: str) -> list[str]:
    return [message["content"] for message in await messages(api, session_id)]


async def memory(api: httpx.AsyncClient, session_id: str, **query: int) -> Any:
    return _well(await api.get(f"sessions/{session_id}/memory", params=query))


async def ids(api: httpx.AsyncClient, path: str, **query: Any) -> list[str]:
    """List what a route lists, by names."""
    return [row.get("session_id") or row["user_id"] for row in _well(await api.get(path, params=query))]


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    """Wait for what others do in the background."""
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 -- the others may be another process
            await asyncio.sleep(0.02)


async def sql(store: Store, statement: str, *arguments: Any) -> Any:
    """Run a statement on a connection of its own and return its first value."""
    connection = await asyncpg.connect(store.database.dsn)
    try:
        return await connection.fetchval(statement, *arguments)
    finally:
        await connection.close()


def _well(answer: httpx.Response) -> Any:
    assert answer.is_success, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
    return answer.json()
