"""What is imported is what was given, whatever happened before, and whatever is there already."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from transfers import (
    COME_BACK,
    NAMES,
    PROJECT,
    STEP,
    TABLES,
    USERS,
    UUIDS,
    World,
    conversation,
    erase,
    exported,
    imported,
    lines,
    numbers,
    said,
    value,
)

from recollect.core import importing
from recollect.core.embeddings import Models
from recollect.core.enrichment import jobs_of_message, jobs_of_summary
from recollect.core.recall import Recall, Wanted
from recollect.settings import load
from recollect.store import Store, imports, messages, recall, sessions, summaries, users
from recollect.store.search import Bounds


@example(steps=COME_BACK)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(STEP, min_size=4, max_size=30))
async def test_there_and_back(store: Store, steps: list[Any]) -> None:
    """After any history an export, imported into an empty database, is exported the same; once more changes nothing.

    Imported where everything was deleted, the lines are the same as well, also when the erasure comes last.
    """
    async with store.database.connection() as connection:
        await connection.raw.execute(f"TRUNCATE {TABLES}")
    world = World(Store(store.database))
    for step in steps:
        await world.step(*step)
    first = await exported(store)
    for name in NAMES:
        await world.step("delete_session", name)
    for user in USERS:
        await world.step("delete_user", user)
    assert await exported(store) == b""
    _, rejected = await imported(store, first)
    assert rejected == []
    assert sorted((await exported(store)).splitlines()) == sorted(first.splitlines())
    await erase(store)
    assert sorted((await exported(store)).splitlines()) == sorted(first.splitlines())
    async with store.database.connection() as connection:
        await connection.raw.execute(f"TRUNCATE {TABLES}")
    for expected_added in (True, False):
        run, rejected = await imported(store, first)
        assert rejected == []
        assert sum(added for added, _, _ in numbers(run)) == (len(first.splitlines()) if expected_added else 0)
        assert await exported(store) == first


async def test_every_field_is_kept(store: Store) -> None:
    """A line of each kind with all its fields comes back as it went in, in the same order of fields."""
    data = lines(
        {"type": "user", "user_id": "u", "uuid": "019a3c5e-7a00-7d2a-9c41-2f6f1f0f8a11"}
        | {"created_at": "2026-03-01T12:00:00.5Z", "updated_at": "2026-03-01T12:00:01Z", "email": "u@example.com"}
        | {"first_name": "Ada", "last_name": "King", "metadata": {"plan": "free"}},
        {"type": "session", "session_id": "s", "uuid": "019a3c5e-7e01-7d2a-8b1c-90a1be1d5b22"}
        | {"created_at": "2026-03-01T12:00:02Z", "updated_at": "2026-03-01T12:00:03Z", "user_id": "u", "metadata": {}},
        {"type": "message", "session_id": "s", "uuid": "00000000-0000-0000-0000-000000000001"}
        | {"created_at": "1999-12-31T23:59:59.999999Z", "updated_at": "2026-03-01T12:00:05Z", "role": "user"}
        | {"content": "Hi\t\u2028\U0001f600", "token_count": -7, "metadata": {"deep": {"n": [1.5, None, "\u00fc"]}}},
        {"type": "summary", "session_id": "s", "uuid": "019a3c5e-9203-7d2a-b5e6-3d8b74e2a744"}
        | {"created_at": "2026-03-01T12:00:06Z", "content": "Said hi.", "metadata": {"a": 1}, "token_count": 3}
        | {"recent_message_uuid": "00000000-0000-0000-0000-000000000001"},
    )
    _, rejected = await imported(store, data)
    assert rejected == []
    found = [json.loads(line) for line in (await exported(store)).splitlines()]
    assert found == [json.loads(line) for line in data.splitlines()]
    fields = [list(line) for line in found]
    assert fields[:3] == [list(json.loads(line)) for line in data.splitlines()[:3]]


async def test_what_is_left_out_is_filled_in(store: Store) -> None:
    """Without uuids, times and token counts there are new ones; the same lines again are the same things."""
    data = lines(
        {"type": "user", "user_id": "u"},
        {"type": "session", "session_id": "s", "user_id": "u"},
        {"type": "message", "session_id": "s", "role": "user", "content": "yes", "created_at": "2026-03-01T12:00:00Z"},
        {
            "type": "message",
            "session_id": "s",
            "role": "user",
            "content": "yes",
            "created_at": "2026-03-01T14:00:01+01:00",
        },
    )
    run, rejected = await imported(store, data)
    assert (numbers(run)[:3], rejected) == ([(1, 0, 0), (1, 0, 0), (2, 0, 0)], [])
    user, session, first, second = (json.loads(line) for line in (await exported(store)).splitlines())
    assert user["created_at"] == user["updated_at"]
    assert session["uuid"] != user["uuid"]
    assert first["token_count"] == 3
    assert (first["updated_at"], second["updated_at"]) == ("2026-03-01T12:00:00Z", "2026-03-01T13:00:01Z")
    run, rejected = await imported(store, data)
    assert (numbers(run)[:3], rejected) == ([(0, 1, 0), (0, 1, 0), (0, 2, 0)], [])


BAD = [
    (b"{", "truncated"),
    (b"[]", "Expected `object`"),
    (b'{"user_id":"u"}', "missing required field `type`"),
    (b'{"type":"session"}', "missing required field `session_id`"),
    (b'{"type":"user","user_id":"u","id":7}', "unknown field `id`"),
    (b'{"type":"user","user_id":"\xff"}', "UTF-8"),
    (b'{"type":"user","user_id":"x","metadata":{"a":"\xff"}}', "UTF-8"),
    (b'{"type":"user","user_id":""}', "cannot be empty"),
    (json.dumps({"type": "session", "session_id": "x" * 256}).encode(), "longer than 255 bytes"),
    (json.dumps({"type": "user", "user_id": "\u00fc" * 128}).encode(), "longer than 255 bytes"),
    (b'{"type":"user","user_id":"a\\u0000b"}', "NUL"),
    (b'{"type":"user","user_id":"x","metadata":{"a":["\\u0000"]}}', "NUL"),
    (b'{"type":"user","user_id":"x","metadata":' + b'{"a":' * 101 + b"1" + b"}" * 102, "nested deeper"),
    (b'{"type":"user","user_id":"x","metadata":[1]}', "metadata is not an object"),
    (b'{"type":"user","user_id":"x","metadata":{"n":1e200000}}', "overflow"),
    (b'{"type":"user","user_id":"x","created_at":"yesterday"}', "RFC3339"),
    (b'{"type":"user","user_id":"x","created_at":"0001-01-01T00:00:00+10:00"}', "out of range"),
    (b'{"type":"session","session_id":"x","user_id":"nobody"}', "there is no user nobody"),
    (b'{"type":"message","session_id":"nowhere","role":"","content":"","uuid":"' + str(UUIDS[0]).encode() + b'"}',
     "there is no session nowhere"),
    (b'{"type":"message","session_id":"s","role":"user","content":"no time"}', "needs a uuid or a created_at"),
    (b'{"type":"message","session_id":"s","role":"user","content":"other","uuid":"' + str(UUIDS[0]).encode() + b'"}',
     "another message with this uuid"),
    (b'{"type":"message","session_id":"s","role":"a","content":"b","uuid":"' + str(UUIDS[1]).encode()
     + b'","metadata":{"n":1e200000}}', "overflow"),
    (b'{"type":"summary","session_id":"s","uuid":"' + str(UUIDS[1]).encode() + b'","content":"","recent_message_uuid":"'
     + str(UUIDS[5]).encode() + b'"}', "not that of a message"),
]  # fmt: skip


async def test_rejected_lines_stop_no_other(store: Store) -> None:
    """Each bad line is rejected by its number and with its reason, and all good lines among them are stored."""
    good = [
        json.dumps({"type": "user", "user_id": "u"}).encode(),
        json.dumps({"type": "session", "session_id": "s", "user_id": "u"}).encode(),
        json.dumps(said("s", "first", 1)).encode(),
        *(json.dumps(said("s", f"more {number}", number)).encode() for number in range(100, 100 + len(BAD))),
    ]
    mixed = [good.pop(0), good.pop(0), b"", good.pop(0), b" \r"]
    for bad, _ in BAD:
        mixed += [bad, good.pop(0)]
    run, rejected = await imported(store, b"\n".join(mixed))
    assert [(line.line, line.text) for line in rejected] == [(6 + 2 * place, bad) for place, (bad, _) in enumerate(BAD)]
    for line, (_, reason) in zip(rejected, BAD, strict=True):
        assert reason in line.reason
    assert sum(added for added, _, _ in numbers(run)) == 3 + len(BAD)
    contents = [json.loads(line).get("content") for line in (await exported(store)).splitlines()[2:]]
    assert contents == ["first", *(f"more {number}" for number in range(100, 100 + len(BAD)))]


async def test_another_users_session(store: Store) -> None:
    """What belongs to a session of the file does not get into another user's session of the same name."""
    await users.create(store, PROJECT, "v", email="", first_name="", last_name="", metadata=None)
    await sessions.create(store, PROJECT, "s", user_id="v")
    data = lines(
        {"type": "user", "user_id": "u"},
        {"type": "session", "session_id": "s", "user_id": "u"},
        said("s", "secret", 1),
        {"type": "session", "session_id": "t"},
        {"type": "session", "session_id": "t", "user_id": "u"},
        said("t", "secret as well", 2),
    )
    run, rejected = await imported(store, data)
    assert [(line.line, line.reason) for line in rejected] == [
        (number, "the session is another user's") for number in (2, 3, 5, 6)
    ]
    assert numbers(run)[1:3] == [(1, 0, 2), (0, 0, 2)]
    assert await value(store, "SELECT count(*) FROM messages") == 0


async def test_a_uuid_of_another(store: Store) -> None:
    """A user or session with a uuid that another has is rejected, and leaves no name and no gap in the ids behind."""
    uuid = str(UUIDS[0])
    taken = {"type": "session", "session_id": "same", "user_id": "u"}
    data = lines(
        {"type": "user", "user_id": "u"},
        {"type": "session", "session_id": "one", "user_id": "u", "uuid": uuid},
        taken | {"uuid": uuid},
        {"type": "session", "session_id": "two", "user_id": "u"},
    )
    for _ in range(2):
        _, rejected = await imported(store, data)
        assert [(line.line, line.reason) for line in rejected] == [(3, "the uuid is that of another")]
    await imported(store, lines(taken))
    listed = [session["session_id"] for session in json.loads(await sessions.all_after(store, PROJECT, 0, None))]
    assert listed == ["one", "two", "same"]


async def contents(store: Store, session: str) -> list[str]:
    page, _, _ = await messages.page(store, PROJECT, session, limit=None, offset=0)
    return [message["content"] for message in json.loads(bytes(page))]


async def test_many_batches_keep_the_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of sessions that take turns stand in the order of their lines, whatever batches they were read in."""
    monkeypatch.setattr(importing, "LINES_AT_ONCE", 7)
    names = ["a", "b", "c", "d", "e"]
    turns = zip(*(conversation(name, 1, 40) for name in names), strict=True)
    data = lines(
        *({"type": "session", "session_id": name} for name in names), *(line for turn in turns for line in turn)
    )
    run, rejected = await imported(store, data)
    assert (numbers(run)[2], rejected) == ((200, 0, 0), [])
    for name in names:
        assert await contents(store, name) == [f"{name} {number}" for number in range(1, 41)]
    assert await value(store, "SELECT array_agg(id ORDER BY id) FROM sessions") == [1, 2, 3, 4, 5]


async def test_jobs_as_of_an_add(store: Store) -> None:
    """Each new message is in one job of each kind, 64 to a job; what was there already is in none."""
    data = lines({"type": "session", "session_id": "a"}, *conversation("a", 1, 130))
    more = lines({"type": "session", "session_id": "b"}, *conversation("b", 1, 1), *conversation("a", 100, 40))
    await imported(store, data)
    await imported(store, data + more)
    for kind in jobs_of_message(load({}, None, {})):
        own = f"(SELECT about, items FROM jobs WHERE kind = '{kind}') AS own"
        sizes = await value(store, f"SELECT array_agg(cardinality(items)) FROM {own}")
        assert sorted(sizes) == [1, 2, 9, 64, 64]
        assert await value(store, f"SELECT count(DISTINCT (about, item)) FROM {own}, unnest(items) AS item") == 140
    assert await value(store, "SELECT array_agg(DISTINCT kind) FROM jobs") == sorted(
        jobs_of_message(load({}, None, {}))
    )


async def test_summaries_are_taken_up(store: Store) -> None:
    """An imported summary is the one a session goes on from, has its jobs, and does not make room for another."""
    uuid = str(UUID(int=7))
    summary = {"type": "summary", "session_id": "a", "uuid": uuid, "content": "so far", "token_count": 2}
    data = lines(
        {"type": "session", "session_id": "a"},
        *conversation("a", 1, 5),
        summary | {"recent_message_uuid": str(UUIDS[2])},
    )
    for expected in ((1, 0, 0), (0, 1, 0)):
        run, rejected = await imported(store, data)
        assert (numbers(run)[3], rejected) == (expected, [])
    other = summary | {"recent_message_uuid": str(UUIDS[2]), "uuid": str(UUID(int=8))}
    _, rejected = await imported(store, lines(other))
    assert [line.reason for line in rejected] == ["the session has another summary up to this message"]
    place = await store.directory.look_up(PROJECT, "a")
    assert place is not None
    point = await summaries.point(store, place)
    assert point is not None
    assert point.content == "so far"
    assert [waiting.uuid for waiting in await summaries.backlog(store, place, point.summarised, 9)] == UUIDS[3:5]
    kinds = sorted(jobs_of_summary(load({}, None, {})))
    assert kinds
    found = "SELECT array_agg(kind ORDER BY kind) FROM jobs WHERE items = ARRAY['{}'::uuid]"
    assert await value(store, found.format(uuid)) == kinds


async def test_a_line_that_is_too_long(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is rejected with its beginning; the lines after it keep their numbers and are stored."""
    monkeypatch.setattr(importing, "LONGEST_LINE", 5000)
    for length in (5001, 12_345, 20_000):
        long = lines(said("s", "x" * length, 1))
        data = lines({"type": "session", "session_id": "s"}) + long + lines(said("s", f"after {length}", length), {})
        _, rejected = await imported(store, data)
        assert [(line.line, line.text) for line in rejected] == [(2, long[:1000]), (4, b"{}")]
        assert "longer than" in rejected[0].reason
        _, rejected = await imported(store, long.rstrip())  # a last line without an end
        assert len(rejected) == 1
    assert await contents(store, "s") == ["after 5001", "after 12345", "after 20000"]


async def test_messages_go_behind_those_that_are_there(store: Store) -> None:
    """New messages of a session come after those that it has, and known ones stay where they are."""
    world = World(store)
    await world.add("s", [(UUIDS[0], "user", "s 1", None, 1, None), (UUIDS[6], "user", "own", None, 1, None)])
    run, rejected = await imported(store, lines({"type": "session", "session_id": "s"}, *conversation("s", 1, 3)))
    assert (numbers(run), rejected) == ([(0, 0, 0), (0, 1, 0), (2, 1, 0), (0, 0, 0)], [])
    assert await contents(store, "s") == ["s 1", "own", "s 2", "s 3"]
    await world.delete_session("s")
    _, rejected = await imported(store, lines(*conversation("s", 1, 3)))
    assert [line.reason for line in rejected] == ["there is no session s"] * 3
    await imported(store, lines({"type": "session", "session_id": "s"}, *conversation("s", 1, 2)))
    assert await contents(store, "s") == ["s 1", "s 2"]


async def test_a_copy_in_a_process_stays_true(store: Store) -> None:
    """A server that searched a user's messages before they were deleted and imported again finds what is there now."""
    models = Models(store, load({}, None, {}))
    lived = Recall(store, models, "english")
    kept = [f"kayak {number}" for number in range(10, 20)]

    async def found(searcher: Recall) -> list[str]:
        scope = await recall.user_scope(store, PROJECT, "u")
        assert scope is not None
        wanted = Wanted("kayak", "hybrid", 10, Bounds(None, None, None))
        return sorted(hit.message.content for hit in await searcher.search((PROJECT, "user", "u"), scope, wanted))

    world = World(store)
    for step in COME_BACK:
        await world.step(*step)
    await imported(store, lines(*(said("a", f"kayak {number}", number) for number in range(10, 20))))
    backup = await exported(store, "u")
    await imported(store, lines(*(said("a", f"kayak {number}", number) for number in range(20, 30))))
    assert len(await found(lived)) == 10
    await world.delete_user("u")
    for erased in (False, True):
        await imported(store, backup)
        assert (
            await found(lived) == await found(Recall(store, models, "english")) == [f"kayak {n}" for n in range(10, 20)]
        )
        if not erased:
            await erase(store)
            assert await found(lived) == kept


async def test_a_connection_that_breaks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that went away for a moment does not end an import."""
    monkeypatch.setattr(imports, "PAUSE_SECONDS", 0)
    assert await value(store, "SELECT 1") == 1  # leaves an idle connection
    (connection,) = store.database._idle
    admin = await asyncpg.connect(store.database.dsn)
    await admin.execute("SELECT pg_terminate_backend($1)", connection.raw.get_server_pid())
    await admin.close()
    run, _ = await imported(store, lines({"type": "user", "user_id": "u"}))
    assert numbers(run)[0] == (1, 0, 0)
