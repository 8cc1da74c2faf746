from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
from talk import NIL, add_session, add_user, contents, ids, memory, messages, patch_session, say, session, sql, until

from recollect.store import Store, sessions
from recollect.store.keys import new_key

NO_SUMMARY = {
    "uuid": NIL,
    "created_at": "0001-01-01T00:00:00Z",
    "content": "",
    "recent_message_uuid": NIL,
    "token_count": 0,
}


async def test_049_memory_makes_its_session(api: httpx.AsyncClient) -> None:
    """Messages for an unknown session create it, without user and metadata; the answer is a bare OK."""
    answer = await api.post("sessions/one/memory", json={"messages": [{"role": "human", "content": "hi"}]})
    assert (answer.status_code, answer.text) == (200, "OK")
    made = await session(api, "one")
    assert (made["user_id"], made["metadata"]) == (None, None)


async def test_051_memory_without_messages(api: httpx.AsyncClient) -> None:
    """An empty memory creates the session all the same."""
    for name, body in (("one", {"messages": []}), ("two", {})):
        assert (await api.post(f"sessions/{name}/memory", json=body)).text == "OK"
        assert (await session(api, name))["session_id"] == name


async def test_052_messages_keep_their_order(api: httpx.AsyncClient) -> None:
    """Messages come back in the order they arrived, whatever their times say."""
    await say(api, "one", *(f"a{n}" for n in range(30)))
    backwards = [
        {"role": "ai", "content": f"b{n}", "created_at": (datetime(2024, 1, 31 - n, tzinfo=UTC)).isoformat()}
        for n in range(30)
    ]
    await say(api, "one", *backwards)
    expected = [f"{letter}{n}" for letter in "ab" for n in range(30)]
    assert await contents(api, "one") == expected
    assert [message["content"] for message in (await memory(api, "one", lastn=60))["messages"]] == expected


async def test_053_a_clients_uuid_is_kept(api: httpx.AsyncClient) -> None:
    """A message keeps the uuid it came with; others get one."""
    known = str(uuid4())
    await say(api, "one", {"role": "human", "content": "mine", "uuid": known}, "yours")
    first, second = await messages(api, "one")
    assert first["uuid"] == known
    assert second["uuid"] not in {known, NIL}


async def test_054_a_clients_time_is_kept(api: httpx.AsyncClient) -> None:
    """A message keeps the time it came with, in UTC; without one it gets the server's."""
    before = datetime.now(UTC)
    await say(
        api,
        "one",
        {"role": "human", "content": "then", "created_at": "2023-05-08T13:56:00.25+02:00"},
        {"role": "human", "content": "long ago", "created_at": "0001-01-01T00:00:00Z"},
        "now",
    )
    then, long_ago, now = [message["created_at"] for message in await messages(api, "one")]
    assert (then, long_ago) == ("2023-05-08T11:56:00.25Z", "0001-01-01T00:00:00Z")
    assert before <= datetime.fromisoformat(now) <= before + timedelta(minutes=1)


async def test_054_a_malformed_time(api: httpx.AsyncClient) -> None:
    """A time that is not RFC 3339 is a bad request that names the field, and nothing is stored."""
    for time in ("yesterday", "2024-01-01", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00", "", 17):
        bodies = [{"role": "human", "content": "hi"}, {"role": "human", "content": "hi", "created_at": time}]
        answer = await api.post("sessions/one/memory", json={"messages": bodies})
        assert answer.status_code == 400, time
        assert "created_at" in answer.text
    assert (await api.get("sessions/one")).status_code == 404


async def test_055_a_known_uuid_updates_its_message(api: httpx.AsyncClient) -> None:
    """A message sent again replaces role and content and merges metadata, in its old place, with its old time."""
    known = str(uuid4())
    time = "2024-01-01T00:00:00Z"
    await say(
        api,
        "one",
        {"role": "human", "content": "draft", "uuid": known, "metadata": {"a": {"b": 1}}, "created_at": time},
        "after",
    )
    await say(api, "one", {"role": "ai", "content": "final version", "uuid": known, "metadata": {"a": {"c": 2}}})
    first, second = await messages(api, "one")
    assert second["content"] == "after"
    assert (first["uuid"], first["role"], first["content"]) == (known, "ai", "final version")
    assert (first["metadata"], first["created_at"]) == ({"a": {"b": 1, "c": 2}}, time)
    await say(api, "two", {"role": "human", "content": "elsewhere", "uuid": known})
    assert (await contents(api, "one"), await contents(api, "two")) == (["final version", "after"], ["elsewhere"])


async def test_055_a_uuid_twice_in_one_call(api: httpx.AsyncClient) -> None:
    """The same uuid twice in one call is a bad request."""
    twins = [{"role": "human", "content": text, "uuid": "c9bf9e57-1685-4c89-bafb-ff5af830be8a"} for text in "ab"]
    assert (await api.post("sessions/one/memory", json={"messages": twins})).status_code == 400


async def test_056_only_messages_are_stored(api: httpx.AsyncClient) -> None:
    """A summary or metadata sent beside the messages is ignored."""
    summary = NO_SUMMARY | {"content": "they met"}
    body = {"messages": [{"role": "human", "content": "hi"}], "summary": summary, "metadata": {"k": 1}, "uuid": NIL}
    assert (await api.post("sessions/one/memory", json=body)).text == "OK"
    assert (await memory(api, "one"))["summary"] == NO_SUMMARY
    assert (await session(api, "one"))["metadata"] is None


async def test_057_059_memory_is_the_newest_messages(api: httpx.AsyncClient) -> None:
    """Memory holds the newest messages up to the window, oldest first; a `lastn` of 0 is none."""
    await say(api, "one", *(f"m{n}" for n in range(20)))
    window = [f"m{n}" for n in range(8, 20)]
    for query in ({}, {"lastn": 0}):
        assert [message["content"] for message in (await memory(api, "one", **query))["messages"]] == window


async def test_058_the_last_messages(api: httpx.AsyncClient, store: Store) -> None:
    """`lastn` gives exactly the last ones, oldest first, also those that a summary already tells."""
    await say(api, "one", *(f"m{n}" for n in range(20)))
    await _summarise(store, "one", upto=18)
    assert [message["content"] for message in (await memory(api, "one"))["messages"]] == ["m18", "m19"]
    for lastn in (1, 2, 5, 20):
        found = (await memory(api, "one", lastn=lastn))["messages"]
        assert [message["content"] for message in found] == [f"m{n}" for n in range(20 - lastn, 20)]
    assert len((await memory(api, "one", lastn=2**40))["messages"]) == 20
    assert (await api.get("sessions/one/memory?lastn=-1")).status_code == 400


async def test_060_memory_of_an_unknown_session(api: httpx.AsyncClient) -> None:
    """An unknown session has no messages and an empty summary, which is no error."""
    assert await memory(api, "unknown") == {"messages": [], "summary": NO_SUMMARY}


async def test_061_a_summary_has_no_nulls(api: httpx.AsyncClient, store: Store) -> None:
    """All of a summary's fields are there, be it a real one or the empty one."""
    await say(api, "one", *(f"m{n}" for n in range(3)))
    assert (await memory(api, "one"))["summary"] == NO_SUMMARY
    await _summarise(store, "one", upto=2)
    found = (await memory(api, "one"))["summary"]
    assert found | {"uuid": "", "created_at": ""} == {
        "uuid": "",
        "created_at": "",
        "content": "they talked",
        "recent_message_uuid": (await messages(api, "one"))[1]["uuid"],
        "token_count": 2,
    }


async def test_062_a_message_without_metadata(api: httpx.AsyncClient) -> None:
    """A message has no key for metadata when it has none, and all others always."""
    await say(api, "one", "plain", {"role": "ai", "content": "rich", "metadata": {"k": 1}})
    plain, rich = (await memory(api, "one"))["messages"]
    keys = {"uuid", "created_at", "updated_at", "role", "content", "token_count"}
    assert (set(plain), set(rich)) == (keys, keys | {"metadata"})


async def test_063_deleting_a_session(api: httpx.AsyncClient) -> None:
    """A session is deleted once, with a bare OK; what is not there cannot be deleted."""
    await say(api, "one", "hi")
    answer = await api.delete("sessions/one/memory")
    assert (answer.status_code, answer.text) == (200, "OK")
    for name in ("one", "unknown"):
        assert (await api.delete(f"sessions/{name}/memory")).status_code == 404


async def test_064_a_deleted_session_is_out_of_sight(api: httpx.AsyncClient) -> None:
    """After the deletion nothing shows the session, its memory or its messages."""
    await add_user(api, "ann")
    await add_session(api, "one", user_id="ann")
    await say(api, "one", {"role": "human", "content": "hi", "metadata": {"k": 1}})
    uuid = (await messages(api, "one"))[0]["uuid"]
    await api.delete("sessions/one/memory")
    assert (await api.get("sessions/one")).status_code == 404
    assert (await memory(api, "one"))["messages"] == (await memory(api, "one", lastn=5))["messages"] == []
    assert await contents(api, "one") == []
    assert (await api.get(f"sessions/one/messages/{uuid}")).status_code == 404
    assert (await api.patch(f"sessions/one/messages/{uuid}", json={"metadata": {"k": 2}})).status_code == 404
    everything = {"metadata": {"where": {"jsonpath": "$.k"}}}
    assert (await api.post("sessions/one/search", json=everything)).json() == []
    assert await ids(api, "sessions") == await ids(api, "user/ann/sessions") == []


async def test_065_a_deleted_name_stays_taken(api: httpx.AsyncClient) -> None:
    """A deleted session's name cannot be used for a new one."""
    await add_session(api, "one")
    await api.delete("sessions/one/memory")
    answer = await api.post("sessions", json={"session_id": "one"})
    assert answer.status_code == 400
    assert "session already exists" in answer.text


async def test_066_memory_brings_a_session_back(api: httpx.AsyncClient, store: Store) -> None:
    """A deleted session that is spoken to again is the same one, but for its messages and summary."""
    await add_user(api, "ann")
    made = await add_session(api, "one", user_id="ann", metadata={"k": 1})
    await say(api, "one", "old", "older")
    await _summarise(store, "one", upto=1)
    await api.delete("sessions/one/memory")
    await say(api, "one", "new")
    assert await session(api, "one") | {"updated_at": ""} == made | {"updated_at": ""}
    found = await memory(api, "one", lastn=10)
    assert [message["content"] for message in found["messages"]] == ["new"]
    assert found["summary"] == NO_SUMMARY
    assert await contents(api, "one") == ["new"]


async def test_067_a_patch_brings_a_session_back(api: httpx.AsyncClient) -> None:
    """A deleted session that is patched is back with its old metadata and the new, without its messages."""
    made = await add_session(api, "one", metadata={"a": {"b": 1}})
    await say(api, "one", "old")
    await api.delete("sessions/one/memory")
    assert (await patch_session(api, "one", {"a": {"c": 2}}))["metadata"] == {"a": {"b": 1, "c": 2}}
    again = await session(api, "one")
    assert (again["uuid"], again["id"], again["created_at"]) == (made["uuid"], made["id"], made["created_at"])
    assert await contents(api, "one") == []


async def test_068_the_purge_removes_what_was_deleted(working_api: httpx.AsyncClient, store: Store) -> None:
    """After the purge no row of a deleted session is left, and its name is free again."""
    api = working_api
    await say(api, "one", "to be forgotten")
    await say(api, "two", "to be kept")
    await api.delete("sessions/one/memory")
    await sessions.purge(store)
    await _until_gone(store, "to be forgotten")
    made = await add_session(api, "one")
    assert made["metadata"] is None
    assert (await contents(api, "one"), await contents(api, "two")) == ([], ["to be kept"])


async def test_069_the_purge_keeps_what_came_back(working_api: httpx.AsyncClient, store: Store) -> None:
    """After the purge a revived session is there, and what it held before its deletion is not."""
    api = working_api
    made = await add_session(api, "one", metadata={"k": 1})
    await say(api, "one", "old secret")
    await api.delete("sessions/one/memory")
    await say(api, "one", "new")
    await sessions.purge(store)
    await _until_gone(store, "old secret")
    assert await session(api, "one") | {"updated_at": ""} == made | {"updated_at": ""}
    assert await contents(api, "one") == ["new"]


async def _until_gone(store: Store, content: str) -> None:
    """Wait until no message of this content is stored, deleted or not."""
    await until(lambda: sql(store, "SELECT count(*) = 0 FROM messages WHERE content = $1", content))


async def _summarise(store: Store, session_id: str, *, upto: int) -> None:
    """Store a summary of the first messages."""
    place = await store.directory.look_up("default", session_id)
    assert place is not None
    await sql(
        store,
        "WITH session AS (UPDATE sessions SET summarised_seq = $3 WHERE bucket = $1 AND key = $2) "
        "INSERT INTO summaries (bucket, session_key, seq, project_id, uuid, content, recent_message_uuid, "
        "token_count, created_at) SELECT bucket, session_key, seq, project_id, $4, 'they talked', uuid, 2, now() "
        "FROM messages WHERE bucket = $1 AND session_key = $2 AND seq = $3",
        *(place.bucket, place.key, upto, new_key(place.bucket)),
    )
