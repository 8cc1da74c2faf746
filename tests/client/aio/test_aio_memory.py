from __future__ import annotations

import pytest

from recollect import (
    BadRequest,
    Memory,
    MemorySearchPayload,
    Message,
    NotFoundError,
    Session,
    ZepClient,
)

UUID = "6b3f2f0a-8f5e-4a7c-9f64-0c1d2e3f4a5b"
SAID = ["We are going to Lisbon in May.", "My sister is allergic to shellfish.", "The hotel is near the castle."]


async def remember(client: ZepClient, session_id: str) -> None:
    """Say three things in a session, and wait until they can be found."""
    messages = [Message(role="Ana", content=text) for text in SAID]
    assert await client.memory.aadd_memory(session_id, Memory(messages=messages), wait=30) == "OK"


async def test_sessions_are_made_changed_and_deleted(client: ZepClient, name: str, user_id: str) -> None:
    """A session goes through its whole life, and each answer tells its state."""
    made = await client.memory.aadd_session(Session(session_id=name, user_id=user_id, metadata={"a": {"b": 1}}))
    assert (made.session_id, made.user_id, made.metadata, made.deleted_at) == (name, user_id, {"a": {"b": 1}}, None)
    assert made == await client.memory.aget_session(name)
    changed = await client.memory.aupdate_session(Session(session_id=name, metadata={"a": {"c": None}}))
    assert changed.metadata == {"a": {"b": 1, "c": None}}
    assert await client.memory.adelete_memory(name) == "OK"
    with pytest.raises(NotFoundError, match="not found"):
        await client.memory.aget_session(name)


async def test_pages_of_sessions_hold_each_once(client: ZepClient, name: str) -> None:
    """Pages of two hold every session exactly once, also when those already seen are deleted in between."""
    names = [f"{name}-{number}" for number in range(7)]
    for session_id in names:
        await client.memory.aadd_session(Session(session_id=session_id))
    await client.memory.adelete_memory(names.pop(2))
    seen = []
    async for sessions in client.memory.alist_all_sessions(chunk_size=2):
        assert 1 <= len(sessions) <= 2
        ours = [session.session_id for session in sessions if session.session_id in names]
        seen += ours
        for session_id in ours[:1]:
            await client.memory.adelete_memory(session_id)
    assert seen == names


async def test_sessions_are_listed_from_a_cursor(client: ZepClient, name: str) -> None:
    """A list begins behind the cursor and ends at the limit."""
    first = await client.memory.aadd_session(Session(session_id=f"{name}-1"))
    second = await client.memory.aadd_session(Session(session_id=f"{name}-2"))
    await client.memory.aadd_session(Session(session_id=f"{name}-3"))
    assert await client.memory.alist_sessions(limit=1, cursor=first.id) == [second]


async def test_memory_holds_what_was_added(client: ZepClient, name: str) -> None:
    """Messages come back in order with what they were sent with; `lastn` cuts from the end."""
    told = [
        Message(role="Ana", content="Hi", uuid=UUID, created_at="2024-03-01T12:00:00Z", metadata={"n": None}),
        Message(role="assistant", content="Olá"),
    ]
    assert await client.memory.aadd_memory(name, Memory(messages=told)) == "OK"
    memory = await client.memory.aget_memory(name)
    first, second = memory.messages
    assert (first.uuid, first.created_at, first.metadata) == (UUID, "2024-03-01T12:00:00Z", {"n": None})
    assert (second.role, second.content, second.metadata) == ("assistant", "Olá", None)
    assert memory.summary is not None
    assert memory.summary.content == ""
    assert (await client.memory.aget_memory(name, lastn=1)).messages == [second]


async def test_the_same_message_object_can_be_added_twice(client: ZepClient, name: str) -> None:
    """Adding leaves messages as they were, so that the same object stands for two messages of one session."""
    message = Message(role="Ana", content="Yes")
    for _ in range(2):
        await client.memory.aadd_memory(name, Memory(messages=[message, message]))
    assert message.uuid is None
    assert len((await client.memory.aget_memory(name)).messages) == 4


async def test_key_messages_come_when_asked_for(client: ZepClient, name: str) -> None:
    """Of the messages older than the last one, the longest comes along; nothing unless asked for."""
    told = [Message(role="Ana", content=text) for text in ("Hi", "The blue key opens the shed.", "Bye")]
    await client.memory.aadd_memory(name, Memory(messages=told))
    memory = await client.memory.aget_memory(name, lastn=1, key_messages=1)
    assert [message.content for message in memory.key_messages or []] == ["The blue key opens the shed."]
    assert (await client.memory.aget_memory(name, lastn=1)).key_messages is None


async def test_an_unknown_session_has_no_summaries(client: ZepClient, name: str) -> None:
    """Listing the summaries of a session that does not exist is no error."""
    assert await client.memory.alist_summaries(name, limit=5) == []


async def test_an_unknown_session_has_an_empty_memory(client: ZepClient, name: str) -> None:
    """Reading the memory of a session that does not exist is no error."""
    assert (await client.memory.aget_memory(name)).messages == []


@pytest.mark.parametrize("search_type", ["similarity", "mmr", "hybrid"])
async def test_memory_is_searched(client: ZepClient, name: str, search_type: str) -> None:
    """Each kind of search finds what fits best first, and at most as many as asked for."""
    await remember(client, name)
    payload = MemorySearchPayload(text="What can her sister not eat?", search_type=search_type)
    results = await client.memory.asearch_memory(name, payload, limit=2)
    assert len(results) == 2
    assert results[0].message is not None
    assert results[0].message["content"] == SAID[1]
    assert results[0].dist is not None
    assert 0.2 < results[0].dist <= 1


async def test_a_hybrid_search_explains_itself(client: ZepClient, name: str) -> None:
    """With `explain` each result says what each feature contributed; without, nothing."""
    await remember(client, name)
    payload = MemorySearchPayload(text="shellfish", search_type="hybrid")
    [plain] = await client.memory.asearch_memory(name, payload, limit=1)
    [explained] = await client.memory.asearch_memory(name, payload, limit=1, explain=True)
    assert plain.features is None
    assert explained.features
    assert explained.score == pytest.approx(sum(feature.share for feature in explained.features.values()), abs=0.01)
    assert explained.dict()["features"].keys() == explained.features.keys()


async def test_search_filters_by_metadata(client: ZepClient, name: str) -> None:
    """A filter without a text finds what matches it."""
    messages = [Message(role="Ana", content=mood, metadata={"mood": mood}) for mood in ("merry", "sad")]
    await client.memory.aadd_memory(name, Memory(messages=messages))
    payload = MemorySearchPayload(metadata={"where": {"jsonpath": '$[*] ? (@.mood == "sad")'}})
    [result] = await client.memory.asearch_memory(name, payload)
    assert result.message is not None
    assert result.message["metadata"] == {"mood": "sad"}


async def test_impossible_searches_are_refused(client: ZepClient, name: str) -> None:
    """A misspelt kind or scope is refused before it is sent, an empty query by the server."""
    with pytest.raises(ValueError, match="similarity, mmr, hybrid"):
        await client.memory.asearch_memory(name, MemorySearchPayload(text="x", search_type="semantic"))
    with pytest.raises(ValueError, match="messages, summary"):
        await client.memory.asearch_memory(name, MemorySearchPayload(text="x", search_scope="facts"))
    with pytest.raises(BadRequest, match="empty query"):
        await client.memory.asearch_memory(name, MemorySearchPayload())


async def test_messages_are_read_and_marked(client: ZepClient, name: str) -> None:
    """Messages are read page by page and one by one, and their metadata is merged in both ways of saying it."""
    await remember(client, name)
    messages = await client.message.aget_session_messages(name)
    assert [message.content for message in messages] == SAID
    assert await client.message.aget_session_messages(name, limit=2, cursor=2) == messages[2:]
    uuid = str(messages[0].uuid)
    assert await client.message.aget_session_message(name, uuid) == messages[0]
    await client.message.aupdate_message_metadata(name, uuid, {"metadata": {"a": 1}})
    marked = await client.message.aupdate_message_metadata(name, uuid, {"b": 2})
    assert marked.metadata == {"a": 1, "b": 2}
    with pytest.raises(NotFoundError, match="not found"):
        await client.message.aget_session_message(name, UUID)
    with pytest.raises(ValueError, match="limit and cursor"):
        await client.message.aget_session_messages(name, limit=0)


async def test_the_client_has_the_calls_of_old(client: ZepClient, name: str) -> None:
    """The calls that the published client has on itself do what those of `client.memory` do."""
    await client.aadd_session(Session(session_id=name))
    assert (await client.aget_session(name)).session_id == name
    assert (
        await client.aadd_memory(name, Memory(messages=[Message(role="Ana", content="Hi", metadata={"a": 1})])) == "OK"
    )
    assert len((await client.aget_memory(name)).messages) == 1
    payload = MemorySearchPayload(metadata={"where": {"jsonpath": "$.a"}})
    assert len(await client.asearch_memory(name, payload)) == 1
    assert await client.adelete_memory(name) == "OK"
