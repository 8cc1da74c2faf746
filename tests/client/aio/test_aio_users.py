from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from recollect import (
    APIError,
    BadRequest,
    CreateUserRequest,
    Memory,
    Message,
    NotFoundError,
    Session,
    UpdateUserRequest,
    ZepClient,
)


async def test_users_are_made_changed_and_deleted(client: ZepClient, name: str) -> None:
    """A user goes through its whole life, and each answer tells its state, times as `datetime`."""
    made = await client.user.aadd(CreateUserRequest(user_id=name, email="ana@example.com", metadata={"a": 1}))
    assert (made.user_id, made.email, made.first_name, made.metadata) == (name, "ana@example.com", None, {"a": 1})
    assert isinstance(made.uuid, UUID)
    assert isinstance(made.created_at, datetime)
    assert made.created_at.utcoffset() == timedelta(0)
    assert made == await client.user.aget(name)
    changed = await client.user.aupdate(UpdateUserRequest(user_id=name, first_name="Ana", metadata={"b": 2}))
    assert (changed.email, changed.first_name, changed.metadata) == ("ana@example.com", "Ana", {"a": 1, "b": 2})
    await client.user.adelete(name)
    with pytest.raises(NotFoundError, match="not found"):
        await client.user.aget(name)
    await client.acheck()


async def test_a_name_that_is_taken_is_an_api_error(client: ZepClient, user_id: str) -> None:
    """The server's text says what is wrong, and the answer is there to look at."""
    with pytest.raises(BadRequest, match=f"user already exists with user_id: {user_id}") as caught:
        await client.user.aadd(CreateUserRequest(user_id=user_id))
    assert isinstance(caught.value, APIError)
    assert caught.value.response_data == {"status_code": 400, "message": caught.value.message + "\n"}


async def test_pages_of_users_hold_each_once(client: ZepClient, name: str) -> None:
    """Pages of two hold every user exactly once, also when those already seen are deleted in between."""
    names = [f"{name}-{number}" for number in range(5)]
    for user_id in names:
        await client.user.aadd(CreateUserRequest(user_id=user_id))
    await client.user.adelete(names.pop(1))
    seen = []
    async for users in client.user.alist_chunked(chunk_size=2):
        ours = [user.user_id for user in users if user.user_id in names]
        seen += ours
        for user_id in ours[:1]:
            await client.user.adelete(user_id)
    assert seen == names


async def test_users_are_listed_from_a_cursor(client: ZepClient, name: str) -> None:
    """A list begins behind the cursor and ends at the limit."""
    first = await client.user.aadd(CreateUserRequest(user_id=f"{name}-1"))
    second = await client.user.aadd(CreateUserRequest(user_id=f"{name}-2"))
    assert await client.user.alist(limit=1, cursor=first.id) == [second]
    assert second in await client.user.alist()


async def test_a_users_sessions_are_listed_and_searched(client: ZepClient, name: str, user_id: str) -> None:
    """A search across a user's sessions finds the message wherever it was said, or only where it is to look."""
    said = {f"{name}-1": "My sister is allergic to shellfish.", f"{name}-2": "The hotel is near the castle."}
    for session_id, text in said.items():
        await client.memory.aadd_session(Session(session_id=session_id, user_id=user_id))
        memory = Memory(messages=[Message(role="Ana", content=text)])
        assert await client.memory.aadd_memory(session_id, memory, wait=30) == "OK"
    assert [session.session_id for session in await client.user.aget_sessions(user_id)] == list(said)
    results = await client.user.asearch(user_id, "Where do they stay?", limit=1, explain=True)
    assert [result.session_id for result in results] == [f"{name}-2"]
    assert results[0].message is not None
    assert results[0].message["content"] == said[f"{name}-2"]
    assert results[0].features
    elsewhere = await client.user.asearch(user_id, "Where do they stay?", session_ids=[f"{name}-1"])
    assert [result.session_id for result in elsewhere] == [f"{name}-1"]
    assert await client.user.asearch(user_id, "hotel", start_date="2999-01-01T00:00:00Z") == []
    with pytest.raises(NotFoundError):
        await client.user.asearch("nobody", "hotel")


async def test_jobs_are_listed(client: ZepClient, name: str) -> None:
    """The queue can be looked at, and a job that has not failed cannot be run again."""
    await client.memory.aadd_memory(name, Memory(messages=[Message(role="Ana", content="Hi")]), wait=30)
    assert all(job.state == "due" for job in await client.job.alist(state="due"))
    async for jobs in client.job.alist_all(kind="embed", chunk_size=1):
        assert [job.kind for job in jobs] == ["embed"]
    with pytest.raises(NotFoundError):
        await client.job.aretry(uuid4())
