from __future__ import annotations

from typing import Any

import httpx
import pytest

from recollect.settings import Settings, load


@pytest.fixture
def settings() -> Settings:
    """Without annotations, which change messages in the background."""
    return load({}, None, {"purge_every": 0, "entities": False})


async def say(api: httpx.AsyncClient, *contents: str, wait: int = 0) -> None:
    body = {"messages": [{"role": "user", "content": content} for content in contents]}
    assert (await api.post(f"sessions/s/memory?wait={wait}", json=body)).status_code == 200


async def memory(api: httpx.AsyncClient, **query: int) -> Any:
    answer = await api.get("sessions/s/memory", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def contents(messages: list[dict[str, Any]]) -> list[str]:
    return [message["content"] for message in messages]


TALK = [
    "Hi!",
    "We are moving to Porto in May, because my sister Adaeze lives there.",
    "Nice.",
    "The flat in Porto that my sister found costs 900 euros a month.",
    " ",
    "ok",
]


async def test_older_messages_that_say_most(working_api: httpx.AsyncClient) -> None:
    """Key messages are whole messages older than the window, in their order, and only there when asked for."""
    await say(working_api, *TALK, *(f"small talk {n}" for n in range(12)), wait=30)
    plain = await memory(working_api)
    assert "key_messages" not in plain
    assert "key_messages" not in await memory(working_api, key_messages=0)
    asked = await memory(working_api, key_messages=2)
    assert contents(asked["key_messages"]) == [TALK[1], TALK[3]]
    assert set(asked["key_messages"][0]) == set(plain["messages"][0])
    assert asked | {"key_messages": None} == plain | {"key_messages": None}


async def test_without_vectors(api: httpx.AsyncClient) -> None:
    """Without any model the longest are chosen; blank messages never are, however many are asked for."""
    await say(api, *TALK, *(f"small talk {n}" for n in range(12)))
    asked = await memory(api, key_messages=100)
    assert contents(asked["key_messages"]) == [text for text in TALK if text.strip()]
    assert contents((await memory(api, key_messages=1))["key_messages"]) == [TALK[1]]


async def test_they_are_older_than_what_is_returned(api: httpx.AsyncClient) -> None:
    """With `lastn` they come from before its messages; when everything is returned there are none."""
    await say(api, *TALK)
    assert contents((await memory(api, lastn=2, key_messages=9))["key_messages"]) == TALK[:4]
    assert (await memory(api, key_messages=9))["key_messages"] == []


async def test_what_was_deleted_is_not_quoted(api: httpx.AsyncClient) -> None:
    """Neither an unknown session nor one that came back has messages of before to quote."""
    assert (await memory(api, key_messages=3))["key_messages"] == []
    await say(api, *TALK)
    assert (await api.delete("sessions/s/memory")).status_code == 200
    assert (await memory(api, key_messages=3))["key_messages"] == []
    await say(api, "Back again, and new here.", "bye")
    asked = await memory(api, lastn=1, key_messages=3)
    assert contents(asked["key_messages"]) == ["Back again, and new here."]


@pytest.mark.parametrize("number", ["-1", "101", "many", "99999999999999999999"])
async def test_how_many(api: httpx.AsyncClient, number: str) -> None:
    """From 0 to 100 may be asked for."""
    answer = await api.get("sessions/s/memory", params={"key_messages": number})
    assert answer.status_code == 400
    assert "key_messages" in answer.text
