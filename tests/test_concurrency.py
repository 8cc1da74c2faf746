"""Many clients at once: nothing is lost, doubled, or brought back from the dead."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest

from recollect.models import EmbeddingModel
from recollect.store import Store, embeddings, jobs, sessions
from recollect.work.erase import erase, erase_cleared

CLIENTS = 64
INTERLEAVINGS = 1000
AT_ONCE = 16

ORPHANS = """
SELECT 'message' AS kind, session_key::text AS what FROM messages AS m
WHERE NOT EXISTS (SELECT FROM sessions AS s WHERE s.bucket = m.bucket AND s.key = m.session_key)
UNION ALL SELECT 'deleted message', session_key::text FROM messages AS m
JOIN sessions AS s ON s.bucket = m.bucket AND s.key = m.session_key WHERE m.seq <= s.cleared_seq
UNION ALL SELECT 'name', name FROM session_names AS n
WHERE NOT EXISTS (SELECT FROM sessions AS s WHERE s.bucket = n.bucket AND s.key = n.session_key
    AND s.session_id = n.name)
UNION ALL SELECT 'session without a name', session_id FROM sessions AS s
WHERE NOT EXISTS (SELECT FROM session_names AS n WHERE n.name_bucket = s.name_bucket AND n.name = s.session_id
    AND n.bucket = s.bucket AND n.session_key = s.key)
UNION ALL SELECT 'session without its user', session_id FROM sessions AS s
WHERE user_key IS NOT NULL AND NOT EXISTS (SELECT FROM users AS u WHERE u.bucket = s.bucket AND u.key = s.user_key)
UNION ALL SELECT 'erasure', id::text FROM jobs WHERE kind LIKE 'erase%'
"""


def batch(name: object, size: int = 5, *, uuids: bool = False) -> dict[str, Any]:
    """Make messages that tell where they belong."""
    return {
        "messages": [
            {"role": "user", "content": f"{name}:{place}"} | ({"uuid": str(uuid4())} if uuids else {})
            for place in range(size)
        ]
    }


async def contents(api: httpx.AsyncClient, session: str) -> list[str]:
    """Return what a session's messages say, in their order."""
    page = (await api.get(f"sessions/{session}/messages")).json()
    return [message["content"] for message in page["messages"]]


def check_batches(found: list[str], size: int = 5) -> Counter[str]:
    """Check that batches are whole and in order; return how often each is there."""
    assert len(found) % size == 0
    whole: Counter[str] = Counter()
    for first in range(0, len(found), size):
        name = found[first].rpartition(":")[0]
        assert found[first : first + size] == [f"{name}:{place}" for place in range(size)]
        whole[name] += 1
    return whole


async def work_off(store: Store) -> None:
    """Purge, and do the erasing that it, or the deletion of a user, left to jobs."""
    await sessions.purge(store)
    worker = uuid4()
    for kind, run in (("erase", erase), ("erase_cleared", erase_cleared)):
        while taken := await jobs.claim(store, kind, worker, most=200, items=200, lease=60):
            await run(store, taken)
            await jobs.finish(store, taken, worker)


async def check_nothing_is_orphaned(store: Store) -> None:
    """Check that after all erasing each row belongs to something that is there."""
    await work_off(store)
    async with store.database.connection() as connection:
        assert [tuple(row) for row in await connection.raw.fetch(ORPHANS)] == []


async def test_adding_to_one_new_session(api: httpx.AsyncClient, store: Store) -> None:
    """64 parallel adds make one session with all messages, each batch in one piece and in order."""
    answers = await asyncio.gather(*(api.post("sessions/s/memory", json=batch(n)) for n in range(CLIENTS)))
    assert {answer.text for answer in answers} == {"OK"}
    assert check_batches(await contents(api, "s")) == Counter(str(n) for n in range(CLIENTS))
    (session,) = (await api.get("sessions")).json()
    assert (await api.post("sessions", json={"session_id": "next"})).json()["id"] == session["id"] + 1
    await check_nothing_is_orphaned(store)


@pytest.mark.parametrize("what", ["session", "message", "user"])
async def test_patching_different_keys(api: httpx.AsyncClient, what: str) -> None:
    """Of 64 parallel PATCHes with different keys, in one object and beside it, none is lost."""
    uuid = uuid4()
    await api.post("user", json={"user_id": "u", "metadata": {"shared": {"first": 0}}})
    await api.post("sessions", json={"session_id": "s", "metadata": {"shared": {"first": 0}}})
    message = {"uuid": str(uuid), "content": "a", "metadata": {"shared": {"first": 0}}}
    await api.post("sessions/s/memory", json={"messages": [message]})
    path = {"session": "sessions/s", "message": f"sessions/s/messages/{uuid}", "user": "user/u"}[what]
    patches = [{"metadata": {"shared": {f"key{n}": n}, f"own{n}": [n]}} for n in range(CLIENTS)]
    answers = await asyncio.gather(*(api.patch(path, json=patch) for patch in patches))
    assert {answer.status_code for answer in answers} == {200}
    expected = {f"own{n}": [n] for n in range(CLIENTS)}
    shared = {"first": 0} | {f"key{n}": n for n in range(CLIENTS)}
    assert (await api.get(path)).json()["metadata"] == expected | {"shared": shared}


@pytest.mark.parametrize(("path", "field"), [("sessions", "session_id"), ("user", "user_id")])
async def test_creating_the_same(api: httpx.AsyncClient, path: str, field: str) -> None:
    """Of 64 clients that create the same session or user one gets it, the others are told that it exists."""
    answers = await asyncio.gather(*(api.post(path, json={field: "same"}) for _ in range(CLIENTS)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 400: CLIENTS - 1}
    assert {"already exists" in answer.text for answer in answers if answer.status_code == 400} == {True}
    (winner,) = (answer.json() for answer in answers if answer.status_code == 201)
    assert (await api.get(path)).json() == [winner]


async def test_refused_sessions_take_no_id(api: httpx.AsyncClient) -> None:
    """However many lose the race for a name, the next session has the next id."""
    for number in range(1, 11):
        body = {"session_id": f"session {number}"}
        creations = [api.post("sessions", json=body) for _ in range(8)]
        adds = [api.post(f"sessions/session {number}/memory", json={}) for _ in range(8)]
        await asyncio.gather(*creations, *adds)
    assert [session["id"] for session in (await api.get("sessions")).json()] == list(range(1, 11))


async def test_creating_and_adding_at_once(api: httpx.AsyncClient, store: Store) -> None:
    """A session with a user and the same name out of an add: one of them wins, and the messages are in it."""
    await api.post("user", json={"user_id": "u"})
    for number in range(50):
        body = {"session_id": f"s{number}", "user_id": "u"}
        created, *added = await asyncio.gather(
            api.post("sessions", json=body),
            *(api.post(f"sessions/s{number}/memory", json=batch(n)) for n in range(3)),
        )
        assert [answer.text for answer in added] == ["OK"] * 3
        session = (await api.get(f"sessions/s{number}")).json()
        assert session["user_id"] == ("u" if created.status_code == 201 else None)
        assert check_batches(await contents(api, f"s{number}")) == {"0": 1, "1": 1, "2": 1}
    await check_nothing_is_orphaned(store)


async def test_retrying_with_the_same_uuids(api: httpx.AsyncClient) -> None:
    """A POST that is sent 32 times, in parallel and again, stores its messages once and in order."""
    for session in ("new", "old"):
        body = batch(session, 10, uuids=True)
        if session == "old":
            await api.post(f"sessions/{session}/memory", json=body)
        answers = await asyncio.gather(*(api.post(f"sessions/{session}/memory", json=body) for _ in range(32)))
        assert {answer.text for answer in answers} == {"OK"}
        assert check_batches(await contents(api, session), 10) == {session: 1}


async def test_overlapping_retries(api: httpx.AsyncClient) -> None:
    """Parallel POSTs whose batches share messages in different orders store each message once."""
    messages = batch("m", 40, uuids=True)["messages"]
    dice = random.Random(1)
    posts = [api.post("sessions/s/memory", json={"messages": dice.sample(messages, 20)}) for _ in range(32)]
    posts.append(api.post("sessions/s/memory", json={"messages": messages}))
    assert {answer.text for answer in await asyncio.gather(*posts)} == {"OK"}
    assert sorted(await contents(api, "s")) == sorted(message["content"] for message in messages)


async def test_deleting_while_adding(api: httpx.AsyncClient, store: Store) -> None:
    """In 1,000 interleavings by seed no batch is torn, nothing deleted comes back, and nothing is left behind."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(seed: int) -> None:
        async with gate:
            await _delete_while_adding(api, store, seed)

    await asyncio.gather(*(one(seed) for seed in range(INTERLEAVINGS)))
    await check_nothing_is_orphaned(store)


async def _delete_while_adding(api: httpx.AsyncClient, store: Store, seed: int) -> None:
    """One interleaving: some messages, then more while the session is deleted, and perhaps revived and purged."""
    dice = random.Random(seed)
    session = f"seed{seed}"
    first = batch("before", uuids=True)
    assert (await api.post(f"sessions/{session}/memory", json=first)).text == "OK"
    rivals: list[Callable[[], Coroutine[Any, Any, object]]] = [
        lambda: api.delete(f"sessions/{session}/memory"),
        lambda: api.post(f"sessions/{session}/memory", json=batch("during")),
        lambda: api.post(f"sessions/{session}/memory", json=batch("during too")),
    ]
    rivals += dice.sample(
        [
            lambda: sessions.purge(store),
            lambda: work_off(store),
            lambda: api.patch(f"sessions/{session}", json={"metadata": {"revived": True}}),
            lambda: api.delete(f"sessions/{session}/memory"),
            lambda: api.get(f"sessions/{session}/memory"),
        ],
        dice.randint(0, 3),
    )
    dice.shuffle(rivals)
    answers = await asyncio.gather(*(_later(dice.random() * 0.01, rival) for rival in rivals))
    statuses = [answer.status_code for answer in answers if isinstance(answer, httpx.Response)]
    assert set(statuses) <= {200, 404}, seed
    found = check_batches(await contents(api, session))
    assert set(found) <= {"during", "during too"}, seed
    assert set(found.values()) <= {1}, seed
    deleted = await api.delete(f"sessions/{session}/memory")
    assert deleted.status_code in {200, 404}
    assert await contents(api, session) == []
    revival = dice.choice([batch("after"), first])  # with the uuids of messages that were deleted, perhaps
    assert (await api.post(f"sessions/{session}/memory", json=revival)).text == "OK"
    assert set(check_batches(await contents(api, session))) == {revival["messages"][0]["content"].rpartition(":")[0]}


async def _later(seconds: float, run: Callable[[], Coroutine[Any, Any, object]]) -> object:
    await asyncio.sleep(seconds)
    return await run()


async def test_reviving_while_purging(api: httpx.AsyncClient, store: Store) -> None:
    """A revival that succeeds beside a purge has the old session; one that comes too late finds none or a new one."""
    for number in range(80):
        name = f"s{number}"
        made = (await api.post("sessions", json={"session_id": name, "metadata": {"made": number}})).json()
        await api.post(f"sessions/{name}/memory", json=batch("old"))
        await api.delete(f"sessions/{name}/memory")
        patch = api.patch(f"sessions/{name}", json={"metadata": {"back": True}})
        patched, _, _ = await asyncio.gather(patch, sessions.purge(store), work_off(store))
        found = await api.get(f"sessions/{name}")
        assert found.status_code == patched.status_code
        if patched.status_code == 200:
            assert (found.json()["uuid"], found.json()["metadata"]) == (made["uuid"], {"made": number, "back": True})
        else:
            assert (await api.post("sessions", json={"session_id": name})).status_code == 201
        assert await contents(api, name) == []
    await check_nothing_is_orphaned(store)


async def test_deleting_a_user_while_creating_its_sessions(api: httpx.AsyncClient, store: Store) -> None:
    """No session survives its user, and no name stays taken by one that went with it."""
    for number in range(25):
        user, names = f"u{number}", [f"{number}-{place}" for place in range(8)]
        await api.post("user", json={"user_id": user})
        created = [api.post("sessions", json={"session_id": name, "user_id": user}) for name in names]
        added = [api.post(f"sessions/{name}/memory", json=batch(name)) for name in names[:4]]
        rivals = [*created, *added, api.delete(f"user/{user}")]
        random.Random(number).shuffle(rivals)
        answers = await asyncio.gather(*rivals)
        assert {answer.status_code for answer in answers} <= {200, 201, 400}
        assert (await api.get(f"user/{user}")).status_code == 404
        assert (await api.get(f"user/{user}/sessions")).json() == []
        for name in names:
            found = await api.get(f"sessions/{name}")
            free = (await api.post("sessions", json={"session_id": name})).status_code == 201
            assert free == (found.status_code == 404)
            assert free or found.json()["user_id"] is None
    await check_nothing_is_orphaned(store)


async def test_deleting_users_while_adding_and_purging(api: httpx.AsyncClient, store: Store) -> None:
    """Users that go while their sessions are written, deleted and purged cause no error and leave nothing."""
    for number in range(20):
        user = f"u{number}"
        await api.post("user", json={"user_id": user})
        names = [f"{number}-{place}" for place in range(10)]
        for name in names:
            await api.post("sessions", json={"session_id": name, "user_id": user})
        rivals: list[Coroutine[Any, Any, object]] = [
            *(api.post(f"sessions/{name}/memory", json=batch(name)) for name in names),
            *(api.delete(f"sessions/{name}/memory") for name in names[::2]),
            *(api.delete(f"user/{user}") for _ in range(2)),
            *(work_off(store) for _ in range(2)),
        ]
        random.Random(number).shuffle(rivals)
        answers = [answer for answer in await asyncio.gather(*rivals) if isinstance(answer, httpx.Response)]
        assert {answer.status_code for answer in answers} <= {200, 404}
    await check_nothing_is_orphaned(store)


async def test_a_vector_of_an_older_text_is_not_stored(api: httpx.AsyncClient, store: Store) -> None:
    """A vector that arrives while its message is being rewritten waits for that, and is dropped."""
    model, uuid = EmbeddingModel("test", "test", 8), uuid4()
    await embeddings.register(store, model)
    await api.post("sessions/s/memory", json={"messages": [{"uuid": str(uuid), "content": "old"}]})
    job = (await jobs.claim(store, "embed", uuid4(), most=1, items=1, lease=60))[0]
    texts = await embeddings.texts(store, [job])
    async with store.database.transaction() as rewriting, store.database.connection() as watching:
        await rewriting.raw.execute("UPDATE messages SET content = 'new' WHERE uuid = $1", uuid)
        storing = asyncio.create_task(embeddings.put(store, 1, texts, np.ones((1, 8), np.float32)))
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while not storing.done() and not await watching.raw.fetchval(waiting):  # noqa: ASYNC110 -- in PostgreSQL
            await asyncio.sleep(0.01)
    await storing
    async with store.database.connection() as connection:
        assert await connection.raw.fetchval("SELECT count(*) FROM message_embeddings") == 0
