from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from talk import add_session, add_user, ids, patch_session, session

KEYS = ["created_at", "deleted_at", "id", "metadata", "session_id", "updated_at", "user_id", "uuid"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?Z")

MERGES: dict[str, tuple[Any, Any, Any]] = {
    "030 objects are merged": ({"a": {"c": 2}, "z": 3}, {"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "z": 3}),
    "030 deep down": ({"a": {"b": {"c": 1}}}, {"a": {"b": {"d": [{}]}}}, {"a": {"b": {"c": 1, "d": [{}]}}}),
    "030 into nothing": (None, {"a": {"b": None}}, {"a": {"b": None}}),
    "031 lists are replaced": ({"k": [1, 2]}, {"k": [3]}, {"k": [3]}),
    "032 null leaves the key": ({"k": 1}, {"k": None}, {"k": None}),
    "033 an empty text replaces": ({"k": "x"}, {"k": ""}, {"k": ""}),
    "033 zero replaces": ({"k": 1}, {"k": 0}, {"k": 0}),
    "033 false replaces": ({"k": True}, {"k": False}, {"k": False}),
    "033 an empty list replaces": ({"k": [1]}, {"k": []}, {"k": []}),
    "034 an empty object changes nothing": ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
    "035 a number replaces an object": ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
    "035 an object replaces a number": ({"a": 2}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    "035 an object replaces null": ({"a": None}, {"a": {"b": {}}}, {"a": {"b": {}}}),
}
"""What is stored, what is sent, what comes of it."""


async def test_022_creating_a_session(api: httpx.AsyncClient) -> None:
    """A new session is answered with 201 and all eight of its keys."""
    await add_user(api, "ann")
    answer = await api.post("sessions", json={"session_id": "one", "user_id": "ann", "metadata": {"k": [1, None]}})
    assert answer.status_code == 201
    assert answer.text.endswith("}\n")
    made = answer.json()
    assert sorted(made) == KEYS
    assert (made["session_id"], made["user_id"], made["metadata"]) == ("one", "ann", {"k": [1, None]})
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["uuid"])
    assert TIME.fullmatch(made["created_at"])
    assert TIME.fullmatch(made["updated_at"])
    assert isinstance(made["id"], int)
    assert made["deleted_at"] is None
    assert await session(api, "one") == made


async def test_023_what_a_session_lacks_is_null(api: httpx.AsyncClient) -> None:
    """Without metadata and user, both are null."""
    made = await add_session(api, "one")
    assert (made["metadata"], made["user_id"]) == (None, None)


async def test_024_a_name_is_taken_once(api: httpx.AsyncClient) -> None:
    """A second session of the same name is refused with 400, and says so."""
    await add_session(api, "one")
    answer = await api.post("sessions", json={"session_id": "one"})
    assert answer.status_code == 400
    assert "session already exists" in answer.text


async def test_025_a_session_of_nobody_known(api: httpx.AsyncClient) -> None:
    """A session for a user that does not exist is refused with 400, and its name stays free."""
    answer = await api.post("sessions", json={"session_id": "one", "user_id": "nobody"})
    assert answer.status_code == 400
    assert "user does not exist" in answer.text
    await add_session(api, "one")


async def test_026_a_session_without_a_name(api: httpx.AsyncClient) -> None:
    """A session needs a name."""
    for body in ({"session_id": ""}, {"session_id": None}, {}):
        assert (await api.post("sessions", json=body)).status_code == 400


async def test_028_escapes_in_a_path_are_decoded_once(api: httpx.AsyncClient) -> None:
    """An id is what the escapes in the path stand for, slashes included, and never decoded twice."""
    for name in ("a@b", "a/b", "what? #1", "50%", "a%40b", "..", "日本語 🙂", "line\nbreak", "+ +"):
        made = await add_session(api, name)
        assert await session(api, quote(name, safe="").replace(".", "%2E")) == made
        assert made["session_id"] == name


async def test_029_041_unknown_sessions(api: httpx.AsyncClient) -> None:
    """A session that does not exist is neither read nor changed."""
    for answer in (await api.get("sessions/unknown"), await api.patch("sessions/unknown", json={"metadata": {"k": 1}})):
        assert (answer.status_code, answer.text) == (404, "not found\n")


async def test_030_031_032_033_034_035_metadata_is_merged(api: httpx.AsyncClient) -> None:
    """A patch merges objects key by key and replaces everything else."""
    for name, (stored, sent, merged) in MERGES.items():
        await add_session(api, name, metadata=stored)
        assert (await patch_session(api, name, sent))["metadata"] == merged, name
        assert (await session(api, name))["metadata"] == merged, name


async def test_036_system_is_the_servers_own(api: httpx.AsyncClient) -> None:
    """A patch cannot write the key `system` on the top level; deeper down it is a key like any other."""
    await add_session(api, "one", metadata={"k": 1})
    assert (await patch_session(api, "one", {"system": {"x": 1}}))["metadata"] == {"k": 1}
    sent = {"system": {"x": 1}, "a": {"system": 1}}
    assert (await patch_session(api, "one", sent))["metadata"] == {"k": 1, "a": {"system": 1}}


async def test_037_system_can_be_given_at_birth(api: httpx.AsyncClient) -> None:
    """A session can be created with `system` in its metadata, and a patch leaves that alone."""
    await add_session(api, "one", metadata={"system": {"x": 1}})
    assert (await patch_session(api, "one", {"system": {"x": 2}}))["metadata"] == {"system": {"x": 1}}


@pytest.mark.parametrize("body", [{}, {"metadata": None}, {"metadata": {}}], ids=["038 none", "038 null", "039 empty"])
async def test_038_039_a_patch_without_metadata(api: httpx.AsyncClient, body: Any) -> None:
    """A patch that says nothing keeps the metadata and the time of birth, and touches the session."""
    made = await add_session(api, "one", metadata={"k": 1})
    answer = await api.patch("sessions/one", json=body)
    assert answer.status_code == 200
    changed = answer.json()
    assert changed["updated_at"] > made["updated_at"]
    assert changed | {"updated_at": ""} == made | {"updated_at": ""}


async def test_040_a_session_keeps_its_user(api: httpx.AsyncClient) -> None:
    """Neither the user nor the name of a session can be patched."""
    await add_user(api, "ann")
    await add_user(api, "bob")
    made = await add_session(api, "one", user_id="ann")
    answer = await api.patch("sessions/one", json={"user_id": "bob", "session_id": "two", "metadata": {"k": 1}})
    assert answer.json() | {"updated_at": ""} == made | {"updated_at": "", "metadata": {"k": 1}}
    assert await ids(api, "user/bob/sessions") == []


async def test_042_patches_at_the_same_time(api: httpx.AsyncClient) -> None:
    """Of many patches with different keys sent at once, none is lost."""
    await add_session(api, "one", metadata={"deep": {}})
    await asyncio.gather(*(patch_session(api, "one", {f"k{n}": n, "deep": {f"d{n}": n}}) for n in range(20)))
    found = (await session(api, "one"))["metadata"]
    assert found == {f"k{n}": n for n in range(20)} | {"deep": {f"d{n}": n for n in range(20)}}


async def test_043_the_list_of_sessions(api: httpx.AsyncClient) -> None:
    """All live sessions are listed in a bare array, by ascending id."""
    assert (await api.get("sessions")).json() == []
    made = [await add_session(api, f"s{n}") for n in (3, 1, 2)]
    await api.delete("sessions/s1/memory")
    assert (await api.get("sessions")).json() == [made[0], made[2]]


async def test_044_pages_of_sessions(api: httpx.AsyncClient) -> None:
    """`limit` says how many, `cursor` after which id."""
    made = [await add_session(api, f"s{n}") for n in range(5)]
    assert await ids(api, "sessions", limit=3) == ["s0", "s1", "s2"]
    assert await ids(api, "sessions", cursor=made[2]["id"]) == ["s3", "s4"]
    assert await ids(api, "sessions", limit=1, cursor=made[2]["id"]) == ["s3"]
    assert await ids(api, "sessions", cursor=made[4]["id"]) == []
    for unlimited in (0, -1):
        assert len(await ids(api, "sessions", limit=unlimited)) == 5


async def test_045_empty_parameters_are_absent(api: httpx.AsyncClient) -> None:
    """A parameter without a value counts as not sent."""
    await add_session(api, "one")
    assert len((await api.get("sessions?limit=&cursor=")).json()) == 1


async def test_046_parameters_that_are_no_numbers(api: httpx.AsyncClient) -> None:
    """A limit or cursor that is not a whole number is a bad request."""
    for query in ("limit=abc", "cursor=abc", "limit=1.5", "limit=1e3", f"cursor={10**30}"):
        assert (await api.get(f"sessions?{query}")).status_code == 400, query


async def test_048_refused_sessions_take_no_id(api: httpx.AsyncClient) -> None:
    """What is refused, or was there before, leaves no gap in the ids that clients page by."""
    first = await add_session(api, "one")
    for _ in range(3):
        await api.post("sessions", json={"session_id": "one"})
        await api.post("sessions", json={"session_id": "new", "user_id": "nobody"})
        await api.post("sessions/one/memory", json={"messages": []})
    assert (await add_session(api, "two"))["id"] == first["id"] + 1
