"""What the client has of a server with a language model: summaries, listed, searched and quoted around."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from language_model import KEY, Endpoint
from live import started

from recollect import (
    CreateUserRequest,
    Memory,
    MemorySearchPayload,
    Message,
    Session,
    ZepClient,
)

WINDOW = 4


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[ZepClient]:
    """A client of a server that summarises what is older than four messages, with what was said in three rounds."""
    settings = {"LLM_BASE_URL": endpoint.url, "LLM_API_KEY": KEY, "MESSAGE_WINDOW": str(WINDOW), "INTENTS": "false"}
    given = {f"RECOLLECT_{name}": value for name, value in settings.items()}
    with started(**given) as server, ZepClient(server.address) as client:
        client.user.add(CreateUserRequest(user_id="ana"))
        client.memory.add_session(Session(session_id="trip", user_id="ana"))
        for number in range(3):
            said = [Message(role="Ana", content=f"We go to place #{number}{place}.") for place in range(WINDOW)]
            client.memory.add_memory("trip", Memory(messages=said))
            wait_for_summaries(client, number)
        yield client


def wait_for_summaries(client: ZepClient, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(client.memory.list_summaries("trip")) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def test_summaries_are_listed_and_found(client: ZepClient) -> None:
    """Summaries come oldest first, all at once or in pages that hold each once, and are found by what they say."""
    summaries = client.memory.list_summaries("trip")
    assert len(summaries) >= 2
    assert summaries == await client.memory.alist_summaries("trip")
    assert client.memory.list_summaries("trip", limit=1, cursor=summaries[0].uuid) == [summaries[1]]
    assert [page for pages in client.memory.list_all_summaries("trip", chunk_size=1) for page in pages] == summaries
    assert [page async for pages in client.memory.alist_all_summaries("trip", 100) for page in pages] == summaries
    assert client.memory.get_memory("trip").summary == summaries[-1]

    found = client.memory.search_memory("trip", MemorySearchPayload(text="place", search_scope="summary"))
    assert {result.summary.uuid for result in found if result.summary} <= {summary.uuid for summary in summaries}
    by_date = client.user.search("ana", search_scope="summary", start_date="2001-01-01T00:00:00Z")
    assert {result.summary.uuid for result in by_date if result.summary} == {summary.uuid for summary in summaries}
    assert {result.session_id for result in by_date} == {"trip"}


async def test_key_messages_are_older_than_the_window(client: ZepClient) -> None:
    """Asked for, a memory also quotes older messages, and none of those that it holds anyway."""
    memory = client.memory.get_memory("trip", lastn=WINDOW, key_messages=3)
    assert memory == await client.memory.aget_memory("trip", lastn=WINDOW, key_messages=3)
    assert memory.key_messages
    assert len(memory.key_messages) <= 3
    assert not {message.uuid for message in memory.key_messages} & {message.uuid for message in memory.messages}
    assert client.memory.get_memory("trip").key_messages is None
