# Made by tools/unasync.py of tests/client/aio/test_aio_sessions.py: change that.
from __future__ import annotations

import uuid

import pytest

from recollect import Memory, Message, NotFoundError, Session, ZepClient

API_KEY = "a server without authentication does not look at it"


def test_a_session_from_first_to_last(address: str, user_id: str) -> None:
    """A program may give the address and key by place, sessions by keyword, and print what it gets as a dictionary."""
    with ZepClient(address, API_KEY) as client:
        session_id = uuid.uuid4().hex
        session = Session(session_id=session_id, user_id=user_id, metadata={"foo": "bar"})
        client.memory.add_session(session)
        session = Session(session_id=session_id, metadata={"qax": "baz"})
        client.memory.update_session(session)
        session = client.memory.get_session(session_id)
        assert session.dict()["metadata"] == {"foo": "bar", "qax": "baz"}
        assert (session.dict()["user_id"], session.dict()["session_id"]) == (user_id, session_id)
        assert f"session_id='{session_id}'" in str(session)
        client.memory.delete_memory(session_id)
        with pytest.raises(NotFoundError):
            client.memory.get_session(session_id)


def test_a_deleted_session_comes_back_without_its_messages(client: ZepClient, name: str) -> None:
    """Adding memory to a deleted session brings it back with its metadata; the deleted messages stay deleted."""
    client.memory.add_session(Session(session_id=name, metadata={"foo": "bar"}))
    client.memory.add_memory(name, Memory(messages=[Message(role="Ana", content="before")]))
    client.memory.delete_memory(name)
    client.memory.add_memory(name, Memory(messages=[Message(role="Ana", content="after")]))
    assert (client.memory.get_session(name)).metadata == {"foo": "bar"}
    assert [message.content for message in (client.memory.get_memory(name)).messages] == ["after"]


def test_sessions_are_listed_by_limit_and_by_generator(client: ZepClient, name: str) -> None:
    """The first sessions come by limit and cursor, all of them by a generator of chunks, in the same order."""
    for number in range(3):
        client.memory.add_session(Session(session_id=f"{name}-{number}"))
    first = client.memory.list_sessions(limit=10, cursor=0)
    assert 3 <= len(first) <= 10
    everything = []
    for session_chunk in client.memory.list_all_sessions(chunk_size=100):
        everything += session_chunk
    assert everything[: len(first)] == first
    assert [session.session_id for session in everything][-3:] == [f"{name}-{number}" for number in range(3)]
