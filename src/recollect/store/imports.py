"""Lines of an import: stored in batches as they are given, each once however often it comes. What is there stays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from recollect import portable
from recollect.errors import BadRequest, DatabaseUnavailable
from recollect.store import Store
from recollect.store.copying import Rows, copy
from recollect.store.database import Connection, Row
from recollect.store.keys import bucket_of, new_key

TRIES = 10
PAUSE_SECONDS = 1.0
ROUNDS = 3
"""Sessions are looked for again when somebody else made, revived or purged them at the same moment."""

JOB_ITEMS = 64

OTHER_USER = "the session is another user's"
OTHER_MESSAGE = "the session has another message with this uuid"
OTHER_SUMMARY = "the session has another summary up to this message"
TAKEN_UUID = "the uuid is that of another"


class Into(NamedTuple):
    """Where lines go: the project, the kinds of jobs for messages and for summaries, the language of the texts."""

    project: str
    message_jobs: Sequence[str]
    summary_jobs: Sequence[str]
    language: str


class Stored(NamedTuple):
    """What became of some lines: how many were new, and why some were refused, by their place."""

    added: int
    refused: dict[int, str]


async def put(store: Store, into: Into, lines: Sequence[portable.Line]) -> Stored:
    """Store lines of one kind, in their order, in one transaction; what PostgreSQL refuses, it refuses by itself.

    Raises DatabaseUnavailable when the database stays away, OutOfSpace.
    """
    if not lines:
        return Stored(0, {})
    try:
        return await _together(store, into, lines)
    except (BadRequest, asyncpg.PostgresError) as error:
        if len(lines) == 1:
            return Stored(0, {0: str(error)})
    half = len(lines) // 2
    first = await put(store, into, lines[:half])
    second = await put(store, into, lines[half:])
    refused = first.refused | {half + place: reason for place, reason in second.refused.items()}
    return Stored(first.added + second.added, refused)


async def _together(store: Store, into: Into, lines: Sequence[portable.Line]) -> Stored:
    kind = KINDS[type(lines[0])]
    firsts: dict[Hashable, int] = {}
    for place, line in enumerate(lines):
        firsts.setdefault(kind.identity(line), place)
    chosen = list(firsts.values())
    outcome = await _insist(store, into, kind, [lines[place] for place in chosen])
    if len(chosen) == len(lines):
        return outcome
    refused = {chosen[place]: reason for place, reason in outcome.refused.items()}
    for place, line in enumerate(lines):  # the same thing again, within one batch
        first = firsts[kind.identity(line)]
        if first != place and first in refused:
            refused[place] = refused[first]
        elif first != place and kind.content(line) != kind.content(lines[first]):
            refused[place] = kind.conflict
    return Stored(outcome.added, refused)


async def _insist(store: Store, into: Into, kind: Kind, lines: Sequence[Any]) -> Stored:
    tries = 1
    while True:
        try:
            async with store.database.transaction() as connection:
                await connection.fetch("imports.plan")
                return await kind.put(connection, into, lines)
        except DatabaseUnavailable:
            if tries == TRIES:
                raise
        tries += 1
        await asyncio.sleep(PAUSE_SECONDS)


async def _put_users(connection: Connection, into: Into, users: Sequence[portable.User]) -> Stored:
    buckets = [bucket_of(into.project, user.user_id) for user in users]
    added = await connection.fetch(
        "imports.users",
        into.project,
        buckets,
        [user.uuid or new_key(bucket) for user, bucket in zip(users, buckets, strict=True)],
        [user.user_id for user in users],
        [user.email for user in users],
        [user.first_name for user in users],
        [user.last_name for user in users],
        *_described(users),
    )
    there = await _owners(connection, into, [user.user_id for user in users])
    refused = {place: TAKEN_UUID for place, user in enumerate(users) if user.user_id not in there}
    return Stored(len(added), refused)


async def _owners(connection: Connection, into: Into, user_ids: Sequence[str]) -> dict[str, UUID]:
    buckets = [bucket_of(into.project, user_id) for user_id in user_ids]
    return {row[0]: row[1] for row in await connection.fetch("imports.owners", into.project, buckets, user_ids)}


async def _put_sessions(connection: Connection, into: Into, sessions: Sequence[portable.Session]) -> Stored:
    owners = await _owners(connection, into, sorted({session.user_id for session in sessions if session.user_id}))
    refused: dict[int, str] = {}
    waiting: dict[str, int] = {}
    for place, session in enumerate(sessions):
        if session.user_id is None or session.user_id in owners:
            waiting[session.session_id] = place
        else:
            refused[place] = f"there is no user {session.user_id}"
    added = 0
    for _ in range(ROUNDS):
        deleted = []
        for row in await _named(connection, into, list(waiting)):
            place = waiting.pop(row["name"])
            if row["user_id"] != sessions[place].user_id:
                refused[place] = OTHER_USER
            elif row["deleted"]:
                deleted.append((row, place))
        made = await _create(connection, into, [sessions[place] for place in waiting.values()], owners)
        waiting |= {sessions[place].session_id: place for _, place in deleted}
        made += await _revive(connection, [(row, sessions[place]) for row, place in deleted])
        added += len(made)
        for row in made:
            del waiting[row["session_id"]]
        if not waiting:
            break
    return Stored(added, refused | dict.fromkeys(waiting.values(), TAKEN_UUID))


async def _named(connection: Connection, into: Into, names: list[str]) -> list[Row]:
    """Return what sessions there are of some names; a name that has lost its session is freed."""
    rows = await connection.fetch("imports.named", into.project, _buckets(into, names), names)
    for row in rows:
        if row["key"] is None:
            name = row["name"]
            await connection.fetch("sessions.unname_orphan", bucket_of(into.project, name), into.project, name)
    return [row for row in rows if row["key"] is not None]


async def _create(
    connection: Connection, into: Into, sessions: list[portable.Session], owners: dict[str, UUID]
) -> list[Row]:
    names = [session.session_id for session in sessions]
    buckets = [bucket_of(into.project, session.user_id or session.session_id) for session in sessions]
    return await connection.fetch(
        "imports.sessions",
        into.project,
        time.time_ns() // 1000,
        _buckets(into, names),
        names,
        buckets,
        [session.uuid or new_key(bucket) for session, bucket in zip(sessions, buckets, strict=True)],
        [session.user_id for session in sessions],
        [owners[session.user_id] if session.user_id else None for session in sessions],
        *_described(sessions),
    )


async def _revive(connection: Connection, deleted: list[tuple[Row, portable.Session]]) -> list[Row]:
    places = [row["bucket"] for row, _ in deleted], [row["key"] for row, _ in deleted]
    return await connection.fetch("imports.revive", *places, *_described([session for _, session in deleted]))


async def _put_messages(connection: Connection, into: Into, messages: Sequence[portable.Message]) -> Stored:
    ends = await _locked(connection, into, {message.session_id for message in messages})
    known = await _known(connection, ends, [(message.session_id, _uuid(message)) for message in messages])
    language = await connection.row("imports.language", into.language)
    assert language is not None
    rows = Rows(into.project, language["oid"])
    refused: dict[int, str] = {}
    copied = []
    for place, message in enumerate(messages):
        end = ends.get(message.session_id)
        if end is None:
            refused[place] = _unknown(message.session_id)
            continue
        there = known.get((message.session_id, _uuid(message).int))
        if there is None:
            end.added.append(_uuid(message))
            end.last_seq += 1
            copied.append(rows.row(end.bucket, end.packed_key, end.last_seq, message))
        elif (there["role"], there["content"]) != (message.role, message.content):
            refused[place] = OTHER_MESSAGE
    if copied:
        await _append(connection, into, copied, [end for end in ends.values() if end.added])
    return Stored(len(copied), refused)


class _End:
    """The end of a session, which new messages are put behind."""

    def __init__(self, session: Row) -> None:
        self.name: str = session["session_id"]
        self.bucket: int = session["bucket"]
        self.key: UUID = session["key"]
        self.last_seq: int = session["last_seq"]
        self.cleared_seq: int = session["cleared_seq"]
        self.is_empty: bool = self.last_seq == self.cleared_seq and not session["has_messages"]
        self.packed_key = self.key.bytes
        self.added: list[UUID] = []


async def _locked(connection: Connection, into: Into, session_ids: set[str]) -> dict[str, _End]:
    """Hold the living ones of some sessions against whoever else adds to them."""
    names = list(session_ids)
    rows = await connection.fetch("imports.lock", into.project, _buckets(into, names), names)
    return {row["session_id"]: _End(row) for row in rows}


async def _known(
    connection: Connection, ends: dict[str, _End], messages: list[tuple[str, UUID]]
) -> dict[tuple[str, int], Row]:
    """Return those of some messages that are there, by session and uuid; deleted ones make room."""
    full = {end.key: end for end in ends.values() if not end.is_empty}
    if not full:
        return {}
    asked: dict[str, list[UUID]] = {end.name: [] for end in full.values()}
    for name, uuid in messages:
        if name in asked:
            asked[name].append(uuid)
    columns = [end.bucket for end in full.values()], list(full), [_array(uuids) for uuids in asked.values()]
    known, deleted = {}, []
    for row in await connection.fetch("imports.known", *columns):
        end = full[row["session_key"]]
        if row["seq"] > end.cleared_seq:
            known[end.name, row["uuid"].int] = row
        else:
            deleted.append(row)
    if deleted:
        columns_of_deleted = ([row[name] for row in deleted] for name in ("bucket", "session_key", "seq"))
        await connection.fetch("imports.forget", *columns_of_deleted)
    return known


async def _append(connection: Connection, into: Into, copied: list[bytes], ends: list[_End]) -> None:
    """Copy messages behind those that their sessions have, and enqueue their jobs."""
    await copy(connection, copied)
    jobs = [
        (end, end.added[start : start + JOB_ITEMS]) for end in ends for start in range(0, len(end.added), JOB_ITEMS)
    ]
    await connection.fetch(
        "imports.added",
        into.project,
        [end.bucket for end in ends],
        [end.key for end in ends],
        [end.last_seq for end in ends],
        [end.bucket for end, _ in jobs],
        [end.key for end, _ in jobs],
        [_array(items) for _, items in jobs],
        into.message_jobs,
    )


async def _put_summaries(connection: Connection, into: Into, summaries: Sequence[portable.Summary]) -> Stored:
    ends = await _locked(connection, into, {summary.session_id for summary in summaries})
    known = await _known(connection, ends, [(line.session_id, line.recent_message_uuid) for line in summaries])
    refused: dict[int, str] = {}
    held: dict[int, tuple[int, UUID, int]] = {}
    for place, summary in enumerate(summaries):
        message = known.get((summary.session_id, summary.recent_message_uuid.int))
        if message is not None:
            held[place] = message["bucket"], message["session_key"], message["seq"]
        elif summary.session_id in ends:
            refused[place] = "recent_message_uuid is not that of a message of the session"
        else:
            refused[place] = _unknown(summary.session_id)
    if not held:
        return Stored(0, refused)
    lines = [summaries[place] for place in held]
    where = tuple(map(list, zip(*held.values(), strict=True)))
    added = await connection.fetch(
        "imports.summaries",
        into.project,
        *where,
        [line.uuid for line in lines],
        [line.recent_message_uuid for line in lines],
        [line.content for line in lines],
        [_metadata(line) for line in lines],
        [line.token_count for line in lines],
        [_text(line.created_at) for line in lines],
        into.summary_jobs,
    )
    there = {(row[0], row[1]): row[2] for row in await connection.fetch("imports.summarised", *where)}
    for place, (_, key, seq) in held.items():
        if there[key, seq] != summaries[place].uuid:
            refused[place] = OTHER_SUMMARY
    return Stored(len(added), refused)


def _unknown(session_id: str) -> str:
    return f"there is no session {session_id}"


def _buckets(into: Into, names: Sequence[str]) -> list[int]:
    return [bucket_of(into.project, name) for name in names]


def _described(lines: Sequence[portable.User] | Sequence[portable.Session]) -> tuple[list[str | None], ...]:
    """Return metadata and times, one array per column, as texts."""
    return (
        [_metadata(line) for line in lines],
        [_text(line.created_at) for line in lines],
        [_text(line.updated_at) for line in lines],
    )


def _metadata(line: portable.Line) -> str | None:
    text = bytes(line.metadata)
    return None if text == b"null" else text.decode()


def _text(moment: datetime | None) -> str:
    assert moment is not None
    return moment.isoformat()


def _array(uuids: list[UUID]) -> str:
    """Write uuids as PostgreSQL reads them: as a parameter, an array costs a microsecond for each."""
    return "{" + ",".join([f"{uuid.int:032x}" for uuid in uuids]) + "}"


def _uuid(message: portable.Message) -> UUID:
    assert message.uuid is not None
    return message.uuid


class Kind(NamedTuple):
    """How lines of one kind are stored: what tells them apart, what may not differ, and what is said if it does."""

    put: Callable[[Connection, Into, Sequence[Any]], Awaitable[Stored]]
    identity: Callable[[Any], Hashable]
    content: Callable[[Any], Hashable]
    conflict: str


KINDS: dict[type[portable.Line], Kind] = {
    portable.User: Kind(_put_users, lambda line: line.user_id, lambda _: None, ""),
    portable.Session: Kind(_put_sessions, lambda line: line.session_id, lambda line: line.user_id, OTHER_USER),
    portable.Message: Kind(
        _put_messages,
        lambda line: (line.session_id, line.uuid.int),
        lambda line: (line.role, line.content),
        OTHER_MESSAGE,
    ),
    portable.Summary: Kind(
        _put_summaries,
        lambda line: (line.session_id, line.recent_message_uuid),
        lambda line: line.uuid,
        OTHER_SUMMARY,
    ),
}
