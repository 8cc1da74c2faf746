"""Rows of messages as COPY takes them in its binary form: each column behind its length, NULL as -1."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from recollect import portable
from recollect.store.database import Connection

COLUMNS = (
    *("bucket", "session_key", "seq", "project_id", "uuid", "token_count", "language", "created_at", "updated_at"),
    *("role", "content", "metadata"),
)
AT_ONCE = 500
HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = struct.pack(">h", -1)
NULL = struct.pack(">i", -1)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Rows:
    """Makes rows of messages; the driver's own encoders know no regconfig.

    All columns but the last three have the same length in every row. `language` is the oid of a regconfig.
    """

    def __init__(self, project: str, language: int) -> None:
        self._project = project.encode()
        self._language = language
        self._pack = struct.Struct(f">h ih i16s iq i{len(self._project)}s i16s ii iI iq iq i").pack

    def row(self, bucket: int, key: bytes, seq: int, message: portable.Message) -> bytes:
        """Return the row of a message at a place in a session."""
        assert message.uuid is not None
        project, role, content = self._project, message.role.encode(), message.content.encode()
        created = _microseconds(message.created_at)
        updated = created if message.updated_at is message.created_at else _microseconds(message.updated_at)
        head = self._pack(
            *(len(COLUMNS), 2, bucket, 16, key, 8, seq, len(project), project, 16, message.uuid.bytes),
            *(4, message.token_count, 4, self._language, 8, created, 8, updated, len(role)),
        )
        metadata = NULL
        if message.metadata is not portable.NOTHING and message.metadata != portable.NOTHING:
            text = bytes(message.metadata)
            metadata = (len(text) + 1).to_bytes(4) + b"\x01" + text  # the version of jsonb's binary form
        return b"".join((head, role, len(content).to_bytes(4), content, metadata))


async def copy(connection: Connection, rows: Sequence[bytes]) -> None:
    """Copy rows into `messages`."""
    await connection.raw.copy_to_table(
        "messages", source=_stream(rows), columns=COLUMNS, schema_name="recollect", format="binary"
    )


async def _stream(rows: Sequence[bytes]) -> AsyncIterator[bytes]:
    yield HEAD
    for start in range(0, len(rows), AT_ONCE):
        yield b"".join(rows[start : start + AT_ONCE])
    yield END


def _microseconds(moment: datetime | None) -> int:
    assert moment is not None
    since = moment - EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds
