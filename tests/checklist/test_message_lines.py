from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from talk import add_session, messages, say


async def page(api: httpx.AsyncClient, session_id: str, query: str = "") -> tuple[list[str], int, int]:
    """Return a page's contents, its `total_count` and its `row_count`."""
    answer = await api.get(f"sessions/{session_id}/messages?{query}")
    assert answer.status_code == 200
    found = answer.json()
    assert set(found) == {"messages", "total_count", "row_count"}
    return [message["content"] for message in found["messages"]], found["total_count"], found["row_count"]


async def test_071_072_pages_of_messages(api: httpx.AsyncClient) -> None:
    """Here the cursor is the number of a page; past the end there is an empty page."""
    sent = [f"m{n}" for n in range(25)]
    await say(api, "one", *sent)
    for query in ("", "limit=", "limit=&cursor=", "limit=0&cursor=7", "cursor=3"):
        assert await page(api, "one", query) == (sent, 25, 25), query
    for query in ("limit=10", "limit=10&cursor=1", "limit=10&cursor=0", "limit=10&cursor="):
        assert await page(api, "one", query) == (sent[:10], 25, 10), query
    assert await page(api, "one", "limit=10&cursor=2") == (sent[10:20], 25, 10)
    assert await page(api, "one", "limit=10&cursor=3") == (sent[20:], 25, 5)
    for query in ("limit=10&cursor=4", f"limit=10&cursor={2**62}"):
        assert await page(api, "one", query) == ([], 0, 0), query


async def test_073_messages_of_an_unknown_session(api: httpx.AsyncClient) -> None:
    """An unknown session has no messages, nor has an empty one, which is no error."""
    await add_session(api, "empty")
    assert await page(api, "unknown") == await page(api, "empty") == ([], 0, 0)


async def test_074_pages_that_are_no_numbers(api: httpx.AsyncClient) -> None:
    """A limit or cursor that is no number stands for the first page of a hundred."""
    sent = [f"m{n}" for n in range(120)]
    await say(api, "one", *sent)
    for query in ("limit=abc", "cursor=abc", "limit=abc&cursor=2", f"limit={10**30}"):
        assert await page(api, "one", query) == (sent[:100], 120, 100), query


async def test_075_one_message(api: httpx.AsyncClient) -> None:
    """A message is read by its uuid within its session; what is no uuid is a bad request."""
    await say(api, "one", {"role": "ai", "content": "hi", "metadata": {"k": 1}})
    await say(api, "two", "elsewhere")
    (stored,) = await messages(api, "one")
    assert (await api.get(f"sessions/one/messages/{stored['uuid']}")).json() == stored
    for session_id, uuid in [("one", uuid4()), ("two", stored["uuid"]), ("unknown", stored["uuid"])]:
        answer = await api.get(f"sessions/{session_id}/messages/{uuid}")
        assert (answer.status_code, answer.text) == (404, "not found\n")
    answer = await api.get("sessions/one/messages/no-uuid")
    assert answer.status_code == 400
    assert "unable to parse" in answer.text


async def test_076_patching_a_message(api: httpx.AsyncClient) -> None:
    """A patch merges metadata and answers the message; its role and content stay, and the path names it."""
    await say(api, "one", {"role": "ai", "content": "hi", "metadata": {"a": {"b": 1}}}, "other")
    stored, other = await messages(api, "one")
    sent = {"metadata": {"a": {"c": 2}}, "role": "human", "content": "changed", "uuid": other["uuid"]}
    answer = await api.patch(f"sessions/one/messages/{stored['uuid']}", json=sent)
    assert answer.status_code == 200
    expected = stored | {"metadata": {"a": {"b": 1, "c": 2}}, "updated_at": answer.json()["updated_at"]}
    assert answer.json() == expected
    assert expected["updated_at"] > stored["updated_at"]
    assert await messages(api, "one") == [expected, other]
    for path in (f"one/messages/{uuid4()}", f"two/messages/{stored['uuid']}"):
        assert (await api.patch(f"sessions/{path}", json=sent)).status_code == 404
    assert (await api.patch("sessions/one/messages/no-uuid", json=sent)).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"k": 1}, id="077 bare"),
        pytest.param({"metadata": {}}, id="077 empty"),
        pytest.param({"metadata": {"system": {"x": 1}}}, id="078 system"),
    ],
)
async def test_077_078_patches_that_change_nothing(api: httpx.AsyncClient, body: Any) -> None:
    """Only a top-level `metadata` is merged, and of that not the server's own `system`."""
    await say(api, "one", {"role": "ai", "content": "hi", "metadata": {"a": 1, "system": {"y": 2}}})
    (stored,) = await messages(api, "one")
    answer = await api.patch(f"sessions/one/messages/{stored['uuid']}", json=body)
    assert answer.status_code == 200
    assert answer.json() | {"updated_at": ""} == stored | {"updated_at": ""}


async def test_079_token_counts_survive_a_patch(api: httpx.AsyncClient) -> None:
    """A patch leaves the count of tokens alone, unless it brings one."""
    await say(api, "one", "How many tokens are these?")
    (stored,) = await messages(api, "one")
    assert stored["token_count"] > 0
    path = f"sessions/one/messages/{stored['uuid']}"
    assert (await api.patch(path, json={"metadata": {"k": 1}})).json()["token_count"] == stored["token_count"]
    assert (await api.patch(path, json={"token_count": 99})).json()["token_count"] == 99
    assert (await api.patch(path, json={"metadata": {"k": 2}})).json()["token_count"] == 99
