"""What the tests of import and export share: histories of a store, and lines there and back."""

from __future__ import annotations

import contextlib
import io
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import strategies as st

from recollect.core.importing import Import, Rejected
from recollect.errors import AlreadyExists, BadRequest, NotFound
from recollect.settings import load
from recollect.store import Store, erasures, exports, messages, sessions, summaries, users
from recollect.store.messages import NewMessage
from recollect.store.summaries import NewSummary

PROJECT = "default"
NAMES = ["a", "b", "\u00fc/b", "d e"]
USERS = ["u", "\u732b"]
UUIDS = [UUID(int=number) for number in range(1, 9)]
"""Few of each, so that a history comes by every state of each."""

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda below: st.lists(below, max_size=2) | st.dictionaries(TEXTS, below, max_size=2),
    max_leaves=4,
)
METADATA = st.none() | st.dictionaries(TEXTS, VALUES, max_size=3)
TIMES = st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 -- st adds it
SAID = st.tuples(st.sampled_from(UUIDS), TEXTS, TEXTS, METADATA, st.integers(-5, 10**6), TIMES)
SESSION, USER = st.sampled_from(NAMES), st.sampled_from(USERS)
STEP = st.one_of(
    st.tuples(st.just("create_user"), USER, TEXTS, METADATA),
    st.tuples(st.just("delete_user"), USER),
    st.tuples(st.just("create_session"), SESSION, st.none() | USER, METADATA),
    st.tuples(st.just("patch_session"), SESSION, METADATA),
    st.tuples(st.just("delete_session"), SESSION),
    st.tuples(st.just("purge")),
    st.tuples(st.just("erase")),
    st.tuples(st.just("add"), SESSION, st.lists(SAID, max_size=4, unique_by=lambda said: said[0])),
    st.tuples(st.just("add"), SESSION, st.lists(SAID, max_size=4, unique_by=lambda said: said[0])),
    st.tuples(st.just("patch_message"), SESSION, st.sampled_from(UUIDS), METADATA),
    st.tuples(st.just("summarise"), SESSION, TEXTS),
)
COME_BACK = [
    ("create_user", "u", "", None),
    ("create_session", "a", "u", None),
    ("add", "a", [(UUIDS[0], "user", "deleted", None, 1, None)]),
    ("delete_session", "a"),
    ("add", "a", [(UUIDS[1], "user", "kept", None, 1, None)]),
]
TABLES = "users, session_names, sessions, messages, session_rewrites, summaries, jobs"


class World:
    """What happens to a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def step(self, name: str, *arguments: Any) -> None:
        """Do one thing; what is refused is refused."""
        with contextlib.suppress(AlreadyExists, BadRequest, NotFound):
            await getattr(self, name)(*arguments)

    async def create_user(self, user: str, text: str, metadata: Any) -> None:
        await users.create(self.store, PROJECT, user, email=text, first_name=text, last_name="", metadata=metadata)

    async def delete_user(self, user: str) -> None:
        await users.delete(self.store, PROJECT, user)

    async def create_session(self, session: str, user: str | None, metadata: Any) -> None:
        await sessions.create(self.store, PROJECT, session, user_id=user, metadata=metadata)

    async def patch_session(self, session: str, metadata: Any) -> None:
        await sessions.patch(self.store, PROJECT, session, metadata)

    async def delete_session(self, session: str) -> None:
        await sessions.delete(self.store, PROJECT, session)

    async def purge(self) -> None:
        await sessions.purge(self.store)

    async def erase(self) -> None:
        await erase(self.store)

    async def add(self, session: str, said: list[tuple[Any, ...]]) -> None:
        await messages.add(
            self.store, PROJECT, session, [NewMessage(*one) for one in said], jobs=["embed"], language="english"
        )

    async def patch_message(self, session: str, uuid: UUID, metadata: Any) -> None:
        await messages.patch(self.store, PROJECT, session, uuid, metadata=metadata, token_count=None)

    async def summarise(self, session: str, text: str) -> None:
        place = await self.store.directory.look_up(PROJECT, session)
        point = await summaries.point(self.store, place) if place else None
        if place is None or point is None:
            return
        waiting = await summaries.backlog(self.store, place, max(point.summarised, point.cleared), 2)
        if waiting:
            await summaries.put(self.store, place, point, NewSummary(waiting[-1].seq, waiting[-1].uuid, text, 3), [])


async def erase(store: Store) -> None:
    """Remove what deleted sessions held, as a worker does."""
    async with store.database.connection() as connection:
        due = await connection.raw.fetch("DELETE FROM jobs WHERE kind LIKE 'erase%' RETURNING bucket, kind, about")
    for bucket, kind, about in due:
        await (erasures.erase if kind == "erase" else erasures.erase_cleared)(store, bucket, about)


async def exported(store: Store, user: str | None = None) -> bytes:
    lines = [msgspec.json.encode(line) async for line in exports.lines(store, PROJECT, user_id=user)]
    return b"".join(line + b"\n" for line in lines)


async def imported(store: Store, data: bytes) -> tuple[Import, list[Rejected]]:
    """Import with a memory of its own, as another process would."""
    rejected: list[Rejected] = []
    run = Import(Store(store.database), PROJECT, load({}, None, {}), rejected.append)
    await run.run(io.BytesIO(data), lambda _: None)
    return run, rejected


def lines(*values: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def numbers(run: Import) -> list[tuple[int, int, int]]:
    """Return what was added, was there, and was rejected: of users, sessions, messages, summaries."""
    return [(counts.added, counts.present, counts.rejected) for counts in run.counts.values()]


def said(session: str, content: str, number: int, **more: Any) -> dict[str, Any]:
    uuid = str(UUID(int=number))
    return {"type": "message", "session_id": session, "role": "user", "content": content, "uuid": uuid} | more


async def value(store: Store, query: str) -> Any:
    async with store.database.connection() as connection:
        return await connection.raw.fetchval(query)


def conversation(session: str, first: int, count: int, **more: Any) -> list[dict[str, Any]]:
    return [said(session, f"{session} {number}", number, **more) for number in range(first, first + count)]
