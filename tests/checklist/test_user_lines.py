from __future__ import annotations

import re

import httpx
from talk import add_session, add_user, contents, ids, memory, say

REQUIRED = {"uuid", "id", "created_at", "updated_at", "deleted_at", "user_id"}


async def test_081_creating_a_user(api: httpx.AsyncClient) -> None:
    """A new user is answered with 201, without the keys it has no value for."""
    answer = await api.post("user", json={"user_id": "ann"})
    assert answer.status_code == 201
    made = answer.json()
    assert set(made) == REQUIRED
    assert (made["user_id"], made["deleted_at"]) == ("ann", None)
    assert isinstance(made["id"], int)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", made["created_at"])
    fields = {"email": "bob@example.org", "first_name": "Bob", "last_name": "Lee", "metadata": {"system": {"k": 1}}}
    made = await add_user(api, "bob", **fields)
    assert made == {key: made[key] for key in REQUIRED} | fields
    assert (await api.get("user/bob")).json() == made


async def test_082_a_user_without_a_name(api: httpx.AsyncClient) -> None:
    """A user needs an id."""
    for body in ({"user_id": ""}, {"user_id": None}, {}):
        answer = await api.post("user", json=body)
        assert answer.status_code == 400
        assert "cannot be empty" in answer.text


async def test_082_a_name_is_taken_once(api: httpx.AsyncClient) -> None:
    """A second user of the same id is refused with 400, says so, and takes no row id."""
    first = await add_user(api, "ann")
    answer = await api.post("user", json={"user_id": "ann"})
    assert answer.status_code == 400
    assert "user already exists" in answer.text
    assert (await add_user(api, "bob"))["id"] == first["id"] + 1


async def test_083_patching_a_user(api: httpx.AsyncClient) -> None:
    """Empty fields keep the old value, metadata is merged, and `system` may be written here."""
    made = await add_user(api, "ann", email="ann@example.org", first_name="Ann", metadata={"a": {"b": 1}})
    body = {"email": "", "first_name": None, "last_name": "Lee", "user_id": "bob", "uuid": made["uuid"][::-1]}
    answer = await api.patch("user/ann", json=body | {"metadata": {"a": {"c": 2}, "system": {"k": 1}}})
    assert answer.status_code == 200
    changed = answer.json()
    merged = {"a": {"b": 1, "c": 2}, "system": {"k": 1}}
    assert changed == made | {"last_name": "Lee", "metadata": merged, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > made["updated_at"]
    again = (await api.patch("user/ann", json={"metadata": {}})).json()
    assert again | {"updated_at": ""} == changed | {"updated_at": ""}


async def test_084_unknown_users(api: httpx.AsyncClient) -> None:
    """A user that does not exist is neither read, nor changed, nor deleted."""
    for method, body in (("GET", None), ("PATCH", {"email": "x"}), ("DELETE", None)):
        answer = await api.request(method, "user/unknown", json=body)
        assert (answer.status_code, answer.text) == (404, "not found\n")


async def test_085_the_list_of_users(api: httpx.AsyncClient) -> None:
    """Users are listed like sessions: a bare array by ascending id, from a cursor, up to a limit."""
    assert (await api.get("user?limit=&cursor=")).json() == []
    made = [await add_user(api, name) for name in ("cid", "ann", "bob")]
    assert (await api.get("user?limit=&cursor=")).json() == made
    assert await ids(api, "user", limit=1, cursor=made[0]["id"]) == ["ann"]
    assert await ids(api, "user", cursor=made[2]["id"]) == []
    assert (await api.get("user?limit=abc")).status_code == 400


async def test_086_a_users_sessions(api: httpx.AsyncClient) -> None:
    """A user's live sessions are listed as they are, by ascending id; an unknown user has none."""
    await add_user(api, "ann")
    made = [await add_session(api, f"s{n}", user_id="ann") for n in (2, 1, 3)]
    await add_session(api, "other")
    await api.delete("sessions/s1/memory")
    assert (await api.get("user/ann/sessions")).json() == [made[0], made[2]]
    assert (await api.get("user/unknown/sessions")).json() == []


async def test_087_deleting_a_user(api: httpx.AsyncClient) -> None:
    """With a user go all its sessions, deleted ones too, at once; all names are free again."""
    await add_user(api, "ann", metadata={"k": 1})
    await add_user(api, "bob")
    for name, user_id in (("s1", "ann"), ("s2", "ann"), ("s3", "bob")):
        await add_session(api, name, user_id=user_id, metadata={"k": 1})
        await say(api, name, "hi")
    await api.delete("sessions/s2/memory")
    answer = await api.delete("user/ann")
    assert (answer.status_code, answer.text) == (200, "OK")
    assert (await api.get("user/ann")).status_code == 404
    for name in ("s1", "s2"):
        assert (await api.get(f"sessions/{name}")).status_code == 404
        assert (await memory(api, name))["messages"] == []
        assert (await add_session(api, name))["metadata"] is None
        assert await contents(api, name) == []
    assert (await contents(api, "s3"), await ids(api, "user")) == (["hi"], ["bob"])
    assert "metadata" not in await add_user(api, "ann")
    assert await ids(api, "user/ann/sessions") == []
