from __future__ import annotations

import uuid

import pytest

from recollect import Memory, Message, NotFoundError, Session, ZepClient

API_KEY = "a server without authentication does not look at it"


async def test_a_session_from_first_to_last(address: str, user_id: str) -> None:
    """A program may give the address and key by place, sessions by keyword, and print what it gets as a dictionary."""
    async with ZepClient(address, API_KEY) as client:
        session_id = uuid.uuid4().hex
        session = Session(session_id=session_id, user_id=user_id, metadata={"foo": "bar"})
        await client.memory.aadd_session(session)
        session = Session(session_id=session_id, metadata={"qax": "baz"})
        await client.memory.aupdate_session(session)
        session = await client.memory.aget_session(session_id)
        assert session.dict()["metadata"] == {"foo": "bar", "qax": "baz"}
        assert (session.dict()["user_id"], session.dict()["session_id"]) == (user_id, session_id)
        assert f"session_id='{session_id}'" in str(session)
        await client.memory.adelete_memory(session_id)
        with pytest.raises(NotFoundError):
            await client.memory.aget_session(session_id)


async def test_a_deleted_session_comes_back_without_its_messages(client: ZepClient, name: str) -> None:
    """Adding memory to a deleted session brings it back with its metadata; the deleted messages stay deleted."""
    await client.memory.aadd_session(Session(session_id=name, metadata={"foo": "bar"}))
    await client.memory.aadd_memory(name, Memory(messages=[Message(role="Ana", content="before")]))
    await client.memory.adelete_memory(name)
    await client.memory.aadd_memory(name, Memory(messages=[Message(role="Ana", content="after")]))
    assert (await client.memory.aget_session(name)).metadata == {"foo": "bar"}
    assert [message.content for message in (await client.memory.aget_memory(name)).messages] == ["after"]


async def test_sessions_are_listed_by_limit_and_by_generator(client: ZepClient, name: str) -> None:
    """The first sessions come by limit and cursor, all of them by a generator of chunks, in the same order."""
    for number in range(3):
        await client.memory.aadd_session(Session(session_id=f"{name}-{number}"))
    first = await client.memory.alist_sessions(limit=10, cursor=0)
    assert 3 <= len(first) <= 10
    everything = []
    async for session_chunk in client.memory.alist_all_sessions(chunk_size=100):
        everything += session_chunk
    assert everything[: len(first)] == first
    assert [session.session_id for session in everything][-3:] == [f"{name}-{number}" for number in range(3)]
