"""An export is of one moment, whole, and in an order that does not change."""

from __future__ import annotations

import json

import msgspec
import pytest
from transfers import PROJECT, UUIDS, World, conversation, exported, imported, lines

from recollect.errors import NotFound
from recollect.store import Store, exports


async def test_an_export_is_of_one_moment(store: Store) -> None:
    """What is added, changed or deleted while lines are being written does not show in them."""
    world = World(store)
    await imported(store, lines({"type": "session", "session_id": "a"}, *conversation("a", 1, 5)))
    await world.create_user("u", "u@example.com", None)
    before = await exported(store)
    after = b""
    async for line in exports.lines(store, PROJECT):
        after += msgspec.json.encode(line) + b"\n"
        if line["type"] == "user":
            await world.delete_session("a")
            await world.create_user("v", "", None)
            await world.create_session("b", None, None)
    assert after == before


async def test_one_user(store: Store) -> None:
    """An export of one user holds that user and all sessions of it, in their order; an unknown one is told."""
    world = World(store)
    for user, session in (("u", "a"), ("v", "b"), ("u", "c")):
        await world.step("create_user", user, "", None)
        await world.create_session(session, user, None)
        await world.add(session, [(UUIDS[0], "user", f"in {session}", None, 1, None)])
    found = [json.loads(line) for line in (await exported(store, "u")).splitlines()]
    assert [line.get("session_id", "u") for line in found] == ["u", "a", "a", "c", "c"]
    with pytest.raises(NotFound, match="nobody"):
        await exported(store, "nobody")


async def test_pages_of_sessions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions are read page by page; with and without messages each is written once, in the order of its id."""
    monkeypatch.setattr(exports, "SESSIONS_AT_ONCE", 3)
    names = [f"s{number}" for number in range(10)]
    full = [line for name in names[1::2] for line in conversation(name, 1, 2)]
    await imported(store, lines(*({"type": "session", "session_id": name} for name in names), *full))
    found = [json.loads(line) for line in (await exported(store)).splitlines()]
    assert [line["session_id"] for line in found if line["type"] == "session"] == names
    assert [line["content"] for line in found if line["type"] == "message"] == [line["content"] for line in full]
    places = {line["session_id"]: place for place, line in enumerate(found) if line["type"] == "session"}
    assert all(0 < place - places[line["session_id"]] < 3 for place, line in enumerate(found) if "content" in line)
