"""Adds that share a commit."""

from __future__ import annotations

import asyncio
import contextlib
from uuid import uuid4

import msgspec
import pytest

from recollect.errors import AlreadyExists, BadRequest
from recollect.store import Store, messages, sessions
from recollect.store.messages import NewMessage


def said(content: str) -> NewMessage:
    return NewMessage(uuid4(), "human", content, None, 1, None)


async def add(store: Store, session: str, *contents: str) -> None:
    await messages.add(store, "default", session, [said(content) for content in contents], jobs=(), language="english")


async def contents(store: Store, session: str) -> list[str]:
    found, _, _ = await messages.page(store, "default", session, limit=None, offset=0)
    return [message["content"] for message in msgspec.json.decode(found)]


async def test_adds_at_once_share_commits(store: Store) -> None:
    """A hundred adds at once to as many new sessions take a few transactions, and each is stored."""
    await asyncio.gather(*(add(store, f"s{number}", "a", "b") for number in range(100)))
    async with store.database.connection() as connection:
        # A row carries the number of the transaction that made it.
        transactions = await connection.raw.fetchval("SELECT count(DISTINCT xmin::text) FROM sessions")
    assert transactions < 20
    for number in range(100):
        assert await contents(store, f"s{number}") == ["a", "b"]


async def test_adds_to_one_session_stay_whole(store: Store) -> None:
    """Of adds to one session that share a commit, each one's messages stand together and in order."""
    await asyncio.gather(*(add(store, "one", f"{number} a", f"{number} b") for number in range(200)))
    found = await contents(store, "one")
    assert sorted(found[::2], key=lambda text: int(text.split()[0])) == [f"{number} a" for number in range(200)]
    assert found[1::2] == [text.replace("a", "b") for text in found[::2]]


async def test_a_bad_add_fails_alone(store: Store) -> None:
    """Of adds that share a transaction the one the database refuses gets its error, the others are stored."""
    results = await asyncio.gather(
        *(add(store, f"s{number}", "fine", "\0" if number == 7 else "too") for number in range(20)),
        return_exceptions=True,
    )
    assert [place for place, result in enumerate(results) if result is not None] == [7]
    assert isinstance(results[7], BadRequest)
    assert await contents(store, "s7") == []
    assert await contents(store, "s8") == ["fine", "too"]


async def test_a_caller_who_leaves_holds_up_nobody(store: Store) -> None:
    """A cancelled add leaves the others of its batch alone."""
    tasks = [asyncio.create_task(add(store, f"s{number}", "x")) for number in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[3], asyncio.CancelledError)
    assert all(result is None for place, result in enumerate(results) if place != 3)
    assert await contents(store, "s4") == ["x"]


async def test_a_crowd_of_new_and_known_names_makes_each_session_once(store: Store) -> None:
    """Adds at once to few names, all unknown at first, lose no message and make no second session."""
    await asyncio.gather(*(add(store, f"s{number % 5}", str(number)) for number in range(200)))
    found = [await contents(store, f"s{number}") for number in range(5)]
    assert sorted(int(content) for one in found for content in one) == list(range(200))
    assert [len(one) for one in found] == [40] * 5


async def test_a_closed_database_fails_every_waiting_add(store: Store) -> None:
    """When the database goes while adds wait, each of them hears of it."""
    await store.database.close()
    results = await asyncio.gather(*(add(store, f"s{number}", "x") for number in range(10)), return_exceptions=True)
    with pytest.raises(Exception, match="stopping"):
        raise next(result for result in results if isinstance(result, Exception))
    assert all(isinstance(result, Exception) for result in results)


async def test_an_add_right_after_the_last_commit_is_not_left_behind(store: Store) -> None:
    """An add that arrives in the very moment in which the last others are answered is committed, too."""

    async def create(name: str) -> None:
        with contextlib.suppress(AlreadyExists):
            await sessions.create(store, "default", name)

    async with asyncio.timeout(60):
        for number in range(200):  # adds that lose the name to another come back to the queue after a look-up
            await asyncio.gather(create(f"s{number}"), *(add(store, f"s{number}", text) for text in "abc"))
    assert sorted(await contents(store, "s199")) == ["a", "b", "c"]
