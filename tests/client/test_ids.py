from __future__ import annotations

import pytest

from recollect import BadRequest, CreateUserRequest, Memory, Message, Session, ZepClient

IDS = [
    "with space",
    "a/b",
    "/",
    "a?b=c",
    "a#b",
    "..",
    ".",
    "...",
    "../x",
    "a%2Fb",
    "100%",
    "a+b",
    "ana@example.com",
    "ns:1;v=2",
    "Zoë 日本語 🦊",
    'quo"te\\back',
    "tab\tnew\nline",
    "{session_id}",
    "x" * 255,
]


@pytest.mark.parametrize("identity", IDS)
async def test_any_id_names_one_session(client: ZepClient, identity: str) -> None:
    """Whatever characters an id is of, both halves find the session and the user of that name, and no other."""
    await client.user.aadd(CreateUserRequest(user_id=identity))
    await client.memory.aadd_session(Session(session_id=identity, user_id=identity))
    await client.memory.aadd_memory(identity, Memory(messages=[Message(role="Ana", content=identity)]))
    [message] = (await client.memory.aget_memory(identity)).messages
    assert message.content == identity
    assert (await client.message.aget_session_message(identity, str(message.uuid))).content == identity
    assert [session.session_id for session in await client.user.aget_sessions(identity)] == [identity]
    await client.user.adelete(identity)
    assert (await client.memory.aget_memory(identity)).messages == []


@pytest.mark.parametrize("identity", IDS)
def test_any_id_goes_through_the_blocking_half(client: ZepClient, identity: str) -> None:
    """The blocking half encodes ids as the other does."""
    client.memory.add_session(Session(session_id=identity))
    assert client.memory.get_session(identity).session_id == identity
    assert client.memory.update_session(Session(session_id=identity, metadata={"a": 1})).metadata == {"a": 1}
    client.memory.delete_memory(identity)


def test_what_is_no_id_is_told(client: ZepClient) -> None:
    """An empty id and one that is no text are refused before anything is sent, one too long by the server."""
    with pytest.raises(ValueError, match="session_id is empty"):
        client.memory.get_session("")
    with pytest.raises(TypeError, match="user_id is 7, not a text"):
        client.user.get(7)  # type: ignore[arg-type]  # what a caller without a type checker may do
    with pytest.raises(BadRequest, match="255 bytes"):
        client.memory.get_session("é" * 128)
