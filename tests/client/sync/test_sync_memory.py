# Made by tools/unasync.py of tests/client/aio/test_aio_memory.py: change that.
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


def remember(client: ZepClient, session_id: str) -> None:
    """Say three things in a session, and wait until they can be found."""
    messages = [Message(role="Ana", content=text) for text in SAID]
    assert client.memory.add_memory(session_id, Memory(messages=messages), wait=30) == "OK"


def test_sessions_are_made_changed_and_deleted(client: ZepClient, name: str, user_id: str) -> None:
    """A session goes through its whole life, and each answer tells its state."""
    made = client.memory.add_session(Session(session_id=name, user_id=user_id, metadata={"a": {"b": 1}}))
    assert (made.session_id, made.user_id, made.metadata, made.deleted_at) == (name, user_id, {"a": {"b": 1}}, None)
    assert made == client.memory.get_session(name)
    changed = client.memory.update_session(Session(session_id=name, metadata={"a": {"c": None}}))
    assert changed.metadata == {"a": {"b": 1, "c": None}}
    assert client.memory.delete_memory(name) == "OK"
    with pytest.raises(NotFoundError, match="not found"):
        client.memory.get_session(name)


def test_pages_of_sessions_hold_each_once(client: ZepClient, name: str) -> None:
    """Pages of two hold every session exactly once, also when those already seen are deleted in between."""
    names = [f"{name}-{number}" for number in range(7)]
    for session_id in names:
        client.memory.add_session(Session(session_id=session_id))
    client.memory.delete_memory(names.pop(2))
    seen = []
    for sessions in client.memory.list_all_sessions(chunk_size=2):
        assert 1 <= len(sessions) <= 2
        ours = [session.session_id for session in sessions if session.session_id in names]
        seen += ours
        for session_id in ours[:1]:
            client.memory.delete_memory(session_id)
    assert seen == names


def test_sessions_are_listed_from_a_cursor(client: ZepClient, name: str) -> None:
    """A list begins behind the cursor and ends at the limit."""
    first = client.memory.add_session(Session(session_id=f"{name}-1"))
    second = client.memory.add_session(Session(session_id=f"{name}-2"))
    client.memory.add_session(Session(session_id=f"{name}-3"))
    assert client.memory.list_sessions(limit=1, cursor=first.id) == [second]


def test_memory_holds_what_was_added(client: ZepClient, name: str) -> None:
    """Messages come back in order with what they were sent with; `lastn` cuts from the end."""
    told = [
        Message(role="Ana", content="Hi", uuid=UUID, created_at="2024-03-01T12:00:00Z", metadata={"n": None}),
        Message(role="assistant", content="Olá"),
    ]
    assert client.memory.add_memory(name, Memory(messages=told)) == "OK"
    memory = client.memory.get_memory(name)
    first, second = memory.messages
    assert (first.uuid, first.created_at, first.metadata) == (UUID, "2024-03-01T12:00:00Z", {"n": None})
    assert (second.role, second.content, second.metadata) == ("assistant", "Olá", None)
    assert memory.summary is not None
    assert memory.summary.content == ""
    assert (client.memory.get_memory(name, lastn=1)).messages == [second]


def test_the_same_message_object_can_be_added_twice(client: ZepClient, name: str) -> None:
    """Adding leaves messages as they were, so that the same object stands for two messages of one session."""
    message = Message(role="Ana", content="Yes")
    for _ in range(2):
        client.memory.add_memory(name, Memory(messages=[message, message]))
    assert message.uuid is None
    assert len((client.memory.get_memory(name)).messages) == 4


def test_key_messages_come_when_asked_for(client: ZepClient, name: str) -> None:
    """Of the messages older than the last one, the longest comes along; nothing unless asked for."""
    told = [Message(role="Ana", content=text) for text in ("Hi", "The blue key opens the shed.", "Bye")]
    client.memory.add_memory(name, Memory(messages=told))
    memory = client.memory.get_memory(name, lastn=1, key_messages=1)
    assert [message.content for message in memory.key_messages or []] == ["The blue key opens the shed."]
    assert (client.memory.get_memory(name, lastn=1)).key_messages is None


def test_an_unknown_session_has_no_summaries(client: ZepClient, name: str) -> None:
    """Listing the summaries of a session that does not exist is no error."""
    assert client.memory.list_summaries(name, limit=5) == []


def test_an_unknown_session_has_an_empty_memory(client: ZepClient, name: str) -> None:
    """Reading the memory of a session that does not exist is no error."""
    assert (client.memory.get_memory(name)).messages == []


@pytest.mark.parametrize("search_type", ["similarity", "mmr", "hybrid"])
def test_memory_is_searched(client: ZepClient, name: str, search_type: str) -> None:
    """Each kind of search finds what fits best first, and at most as many as asked for."""
    remember(client, name)
    payload = MemorySearchPayload(text="What can her sister not eat?", search_type=search_type)
    results = client.memory.search_memory(name, payload, limit=2)
    assert len(results) == 2
    assert results[0].message is not None
    assert results[0].message["content"] == SAID[1]
    assert results[0].dist is not None
    assert 0.2 < results[0].dist <= 1


def test_a_hybrid_search_explains_itself(client: ZepClient, name: str) -> None:
    """With `explain` each result says what each feature contributed; without, nothing."""
    remember(client, name)
    payload = MemorySearchPayload(text="shellfish", search_type="hybrid")
    [plain] = client.memory.search_memory(name, payload, limit=1)
    [explained] = client.memory.search_memory(name, payload, limit=1, explain=True)
    assert plain.features is None
    assert explained.features
    assert explained.score == pytest.approx(sum(feature.share for feature in explained.features.values()), abs=0.01)
    assert explained.dict()["features"].keys() == explained.features.keys()


def test_search_filters_by_metadata(client: ZepClient, name: str) -> None:
    """A filter without a text finds what matches it."""
    messages = [Message(role="Ana", content=mood, metadata={"mood": mood}) for mood in ("merry", "sad")]
    client.memory.add_memory(name, Memory(messages=messages))
    payload = MemorySearchPayload(metadata={"where": {"jsonpath": '$[*] ? (@.mood == "sad")'}})
    [result] = client.memory.search_memory(name, payload)
    assert result.message is not None
    assert result.message["metadata"] == {"mood": "sad"}


def test_impossible_searches_are_refused(client: ZepClient, name: str) -> None:
    """A misspelt kind or scope is refused before it is sent, an empty query by the server."""
    with pytest.raises(ValueError, match="similarity, mmr, hybrid"):
        client.memory.search_memory(name, MemorySearchPayload(text="x", search_type="semantic"))
    with pytest.raises(ValueError, match="messages, summary"):
        client.memory.search_memory(name, MemorySearchPayload(text="x", search_scope="facts"))
    with pytest.raises(BadRequest, match="empty query"):
        client.memory.search_memory(name, MemorySearchPayload())


def test_messages_are_read_and_marked(client: ZepClient, name: str) -> None:
    """Messages are read page by page and one by one, and their metadata is merged in both ways of saying it."""
    remember(client, name)
    messages = client.message.get_session_messages(name)
    assert [message.content for message in messages] == SAID
    assert client.message.get_session_messages(name, limit=2, cursor=2) == messages[2:]
    uuid = str(messages[0].uuid)
    assert client.message.get_session_message(name, uuid) == messages[0]
    client.message.update_message_metadata(name, uuid, {"metadata": {"a": 1}})
    marked = client.message.update_message_metadata(name, uuid, {"b": 2})
    assert marked.metadata == {"a": 1, "b": 2}
    with pytest.raises(NotFoundError, match="not found"):
        client.message.get_session_message(name, UUID)
    with pytest.raises(ValueError, match="limit and cursor"):
        client.message.get_session_messages(name, limit=0)


def test_the_client_has_the_calls_of_old(client: ZepClient, name: str) -> None:
    """The calls that the published client has on itself do what those of `client.memory` do."""
    client.add_session(Session(session_id=name))
    assert (client.get_session(name)).session_id == name
    assert client.add_memory(name, Memory(messages=[Message(role="Ana", content="Hi", metadata={"a": 1})])) == "OK"
    assert len((client.get_memory(name)).messages) == 1
    payload = MemorySearchPayload(metadata={"where": {"jsonpath": "$.a"}})
    assert len(client.search_memory(name, payload)) == 1
    assert client.delete_memory(name) == "OK"
