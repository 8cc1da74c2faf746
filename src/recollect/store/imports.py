"""Lines of an import: stored in batches as they are given, each once however often it comes. What is there stays."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from recollect import portable
from recollect.errors import BadRequest, DatabaseUnavailable
from recollect.store import Store
from recollect.store.database import Connection, Row
from recollect.store.keys import bucket_of, new_key

TRIES = 10
PAUSE_SECONDS = 1.0
ROUNDS = 3
"""Sessions are looked for again when somebody else made, revived or purged them at the same moment."""

JOB_ITEMS = 64
COPIED_AT_ONCE = 500

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
    places = await _locked(connection, into, {message.session_id for message in messages})
    held = {place: places[line.session_id] for place, line in enumerate(messages) if line.session_id in places}
    refused = {place: _unknown(line.session_id) for place, line in enumerate(messages) if place not in held}
    rows = await connection.fetch(
        "imports.known",
        [session["bucket"] for session in held.values()],
        [session["key"] for session in held.values()],
        [messages[place].uuid for place in held],
    )
    cleared = {session["key"]: session["cleared_seq"] for session in held.values()}
    known = {(row["session_key"], row["uuid"]): row for row in rows if row["seq"] > cleared[row["session_key"]]}
    deleted = [row[:3] for row in rows if row["seq"] <= cleared[row["session_key"]]]
    if deleted:
        await connection.fetch("imports.forget", *map(list, zip(*deleted, strict=True)))
    new = []
    for place, session in held.items():
        message = messages[place]
        row = known.get((session["key"], message.uuid))
        if row is None:
            new.append((session, message))
        elif (row["role"], row["content"]) != (message.role, message.content):
            refused[place] = OTHER_MESSAGE
    if new:
        await _append(connection, into, new)
    return Stored(len(new), refused)


async def _locked(connection: Connection, into: Into, session_ids: set[str]) -> dict[str, Row]:
    """Hold the living ones of some sessions against whoever else adds to them."""
    names = list(session_ids)
    rows = await connection.fetch("imports.lock", into.project, _buckets(into, names), names)
    return {row["session_id"]: row for row in rows}


async def _append(connection: Connection, into: Into, new: list[tuple[Row, portable.Message]]) -> None:
    """Copy messages behind those that their sessions have, and enqueue their jobs."""
    row = await connection.row("imports.language", into.language)
    assert row is not None
    language = struct.pack(">I", row["oid"])
    project = into.project.encode()
    grown: dict[UUID, list[Any]] = {}
    copied, parts = [], []
    for session, message in new:
        end = grown.setdefault(session["key"], [session["bucket"], session["key"], session["last_seq"]])
        parts.append((end[2] - session["last_seq"]) // JOB_ITEMS)
        end[2] += 1
        copied.append(_copied(session, end[2], project, language, message))
    await connection.raw.copy_to_table(
        "messages", source=_stream(copied), columns=COLUMNS, schema_name="recollect", format="binary"
    )
    await connection.fetch(
        "imports.added",
        into.project,
        *map(list, zip(*grown.values(), strict=True)),
        [session["bucket"] for session, _ in new],
        [session["key"] for session, _ in new],
        parts,
        [message.uuid for _, message in new],
        into.message_jobs,
    )


async def _put_summaries(connection: Connection, into: Into, summaries: Sequence[portable.Summary]) -> Stored:
    places = await _locked(connection, into, {summary.session_id for summary in summaries})
    held = {place: places[line.session_id] for place, line in enumerate(summaries) if line.session_id in places}
    refused = {place: _unknown(line.session_id) for place, line in enumerate(summaries) if place not in held}
    lines = [summaries[place] for place in held]
    where = tuple([session[name] for session in held.values()] for name in ("bucket", "key", "cleared_seq"))
    recent = [line.recent_message_uuid for line in lines]
    added = await connection.fetch(
        "imports.summaries",
        into.project,
        *where,
        [line.uuid for line in lines],
        recent,
        [line.content for line in lines],
        [_metadata(line) for line in lines],
        [line.token_count for line in lines],
        [_text(line.created_at) for line in lines],
        into.summary_jobs,
    )
    rows = await connection.fetch("imports.summarised", *where, recent)
    there = {(row[0], row[1]): row[2] for row in rows}
    for place, session in held.items():
        found = there.get((session["key"], summaries[place].recent_message_uuid))
        if found is None:
            refused[place] = "recent_message_uuid is not that of a message of the session"
        elif found != summaries[place].uuid:
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


# The binary form of COPY: its head, for each row the number of columns and each value behind its length, its end.
COLUMNS = (
    *("bucket", "session_key", "seq", "project_id", "uuid", "token_count", "language", "created_at", "updated_at"),
    *("role", "content", "metadata"),
)
HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
ROW = struct.pack(">h", len(COLUMNS))
END = struct.pack(">h", -1)
NULL = struct.pack(">i", -1)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def _copied(session: Row, seq: int, project: bytes, language: bytes, message: portable.Message) -> bytes:
    assert message.uuid is not None
    metadata = bytes(message.metadata)
    values = (
        session["bucket"].to_bytes(2),
        session["key"].bytes,
        seq.to_bytes(8),
        project,
        message.uuid.bytes,
        struct.pack(">i", message.token_count),
        language,
        _microseconds(message.created_at),
        _microseconds(message.updated_at),
        message.role.encode(),
        message.content.encode(),
    )
    packed = ROW + b"".join([part for value in values for part in (len(value).to_bytes(4), value)])
    if metadata == b"null":
        return packed + NULL
    return packed + (len(metadata) + 1).to_bytes(4) + b"\x01" + metadata


def _microseconds(moment: datetime | None) -> bytes:
    assert moment is not None
    return struct.pack(">q", (moment - EPOCH) // timedelta(microseconds=1))


async def _stream(rows: list[bytes]) -> AsyncIterator[bytes]:
    yield HEAD
    for start in range(0, len(rows), COPIED_AT_ONCE):
        yield b"".join(rows[start : start + COPIED_AT_ONCE])
    yield END


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
        _put_messages, lambda line: (line.session_id, line.uuid), lambda line: (line.role, line.content), OTHER_MESSAGE
    ),
    portable.Summary: Kind(
        _put_summaries,
        lambda line: (line.session_id, line.recent_message_uuid),
        lambda line: line.uuid,
        OTHER_SUMMARY,
    ),
}
