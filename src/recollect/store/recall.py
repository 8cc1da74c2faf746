"""What a search across sessions reads: which sessions there are, what is new in them, and the messages it chose."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from recollect.models import Message
from recollect.store import Store
from recollect.store.directory import Place
from recollect.store.keys import bucket_of
from recollect.store.search import Bounds

MESSAGES_AT_ONCE = 2000


class SessionState(NamedTuple):
    """What shows whether a copy of a session's messages is still true.

    Messages up to `cleared_seq` are deleted; those up to `rewritten_seq` must be read again by who read them before
    that number was given out.
    """

    key: UUID
    session_id: str
    last_seq: int
    cleared_seq: int
    rewritten_seq: int


class Scope(NamedTuple):
    """The sessions a search looks into, and the names of the user they belong to."""

    bucket: int
    first_name: str
    last_name: str
    sessions: list[SessionState]


class Turn(NamedTuple):
    """A message as ranking needs it. `vector` holds a halfvec as sent, or None while there is none."""

    session_key: UUID
    seq: int
    role: str
    name: str | None
    created_at: float
    content: str
    vector: bytes | None


async def user_scope(store: Store, project: str, user_id: str) -> Scope | None:
    """Return a user's live sessions; None for an unknown user."""
    bucket = bucket_of(project, user_id)
    rows = await store.database.fetch("recall.of_user", bucket, project, user_id)
    if not rows:
        return None
    return Scope(bucket, rows[0][0], rows[0][1], [SessionState(*row[2:]) for row in rows if row[2] is not None])


async def session_scope(store: Store, project: str, session_id: str) -> Scope | None:
    """Return one live session; None for an unknown one."""

    async def run(place: Place) -> Scope | None:
        row = await store.database.row("recall.of_session", *place)
        return None if row is None else Scope(place.bucket, row[0], row[1], [SessionState(*row[2:])])

    return await store.directory.at(project, session_id, run)


async def turns_between(
    store: Store, bucket: int, unread: Mapping[UUID, tuple[int, int]], model: int
) -> AsyncIterator[list[Turn]]:
    """Yield the messages after one seq of each session and up to another, by session and seq, page by page."""
    waiting = dict(sorted(unread.items()))
    while waiting:
        asked = _first(waiting, MESSAGES_AT_ONCE)
        after, last = zip(*asked.values(), strict=True)
        rows = await store.database.fetch(
            "recall.messages_between", bucket, list(asked), after, last, model, MESSAGES_AT_ONCE
        )
        yield [Turn(*row) for row in rows]
        cut = rows[-1] if len(rows) == MESSAGES_AT_ONCE else None
        for session in asked:
            if cut is not None and session == cut["session_key"]:
                waiting[session] = (cut["seq"], asked[session][1])
                break
            del waiting[session]


def _first(waiting: Mapping[UUID, tuple[int, int]], messages: int) -> dict[UUID, tuple[int, int]]:
    """Return as many sessions as it may take to fill a page: more would be looked through in vain each time."""
    asked = {}
    for session, (after, last) in waiting.items():
        asked[session] = (after, last)
        messages -= last - after
        if messages <= 0:
            break
    return asked


async def vectors(
    store: Store, bucket: int, wanted: Sequence[tuple[UUID, int]], model: int
) -> list[tuple[UUID, int, bytes]]:
    """Return the vectors of messages, by session and seq, that have been made by now."""
    rows = await store.database.fetch("recall.vectors", bucket, *_columns(wanted), model)
    return [tuple(row) for row in rows]


async def matching(store: Store, bucket: int, sessions: Sequence[UUID], bounds: Bounds) -> list[tuple[UUID, int]]:
    """Return which live messages of these sessions fulfil a filter, by session and seq, newest first."""
    return [tuple(row) for row in await store.database.fetch("recall.matching", bucket, sessions, *bounds)]


async def messages(store: Store, bucket: int, chosen: Sequence[tuple[UUID, int]]) -> list[tuple[Message, str, int]]:
    """Return chosen messages that still live, each with its session's id and its place among the chosen, from 0."""
    rows = await store.database.fetch("recall.messages", bucket, *_columns(chosen))
    return [(Message(*row[:7]), row[7], row[8] - 1) for row in rows]


def _columns(keys: Sequence[tuple[UUID, int]]) -> tuple[list[UUID], list[int]]:
    return [session for session, _ in keys], [seq for _, seq in keys]


async def lexical(
    store: Store, bucket: int, sessions: Sequence[UUID], bounds: Bounds, language: str, words: Sequence[str], limit: int
) -> list[tuple[UUID, int]]:
    """Return the messages of these sessions that hold any of the words, best first."""
    rows = await store.database.fetch("recall.lexical", bucket, sessions, *bounds, language, " | ".join(words), limit)
    return [tuple(row) for row in rows]


async def nearest(
    store: Store, bucket: int, sessions: Sequence[UUID], bounds: Bounds, model: int, vector: bytes, limit: int
) -> list[tuple[UUID, int]]:
    """Return the messages of these sessions nearest to a halfvec, nearest first."""
    rows = await store.database.fetch("recall.nearest", bucket, sessions, *bounds, model, vector, limit)
    return [tuple(row) for row in rows]


async def around(store: Store, bucket: int, found: Sequence[tuple[UUID, int]], model: int) -> list[Turn]:
    """Return messages with their neighbours, two before and two after, by session and seq."""
    rows = await store.database.fetch("recall.around", bucket, *_columns(found), model)
    return [Turn(*row) for row in rows]
