"""The lines of an export, one JSON object each: what they hold, and whether a line that came can be stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, TypeAlias
from uuid import UUID, uuid5

import msgspec

from recollect.decoding import checked_id, decode
from recollect.errors import BadRequest

Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Int32: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]

NOTHING = msgspec.Raw(b"null")
MESSAGES = UUID("8d0c1a3e-5a5c-5d0b-9d0e-1d6a0f2b7c44")
"""Namespace of the uuids of messages that came without one."""


class User(msgspec.Struct, tag_field="type", tag="user", forbid_unknown_fields=True):
    """Somebody whose sessions belong together."""

    user_id: str
    uuid: UUID | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    metadata: msgspec.Raw = NOTHING


class Session(msgspec.Struct, tag_field="type", tag="session", forbid_unknown_fields=True):
    """One conversation."""

    session_id: str
    uuid: UUID | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    user_id: str | None = None
    metadata: msgspec.Raw = NOTHING


class Message(msgspec.Struct, tag_field="type", tag="message", forbid_unknown_fields=True):
    """One message of a session; its tokens are counted when no count is given."""

    session_id: str
    role: str
    content: str
    uuid: UUID | None = None
    created_at: Time | None = None
    updated_at: Time | None = None
    token_count: Int32 | None = None
    metadata: msgspec.Raw = NOTHING


class Summary(msgspec.Struct, tag_field="type", tag="summary", forbid_unknown_fields=True):
    """What a session was about up to and including one of its messages."""

    session_id: str
    uuid: UUID
    content: str
    recent_message_uuid: UUID
    created_at: Time | None = None
    token_count: Int32 = 0
    metadata: msgspec.Raw = NOTHING


Line: TypeAlias = User | Session | Message | Summary

_decoder = msgspec.json.Decoder(Line)


def read(text: bytes) -> Line:
    """Read one line, with its times in UTC and what it left out filled in. Raises BadRequest.

    A message without a uuid gets one made of its session, time, role and content, so that the same line is always the
    same message.
    """
    line: Line = decode(_decoder, text, "the line")
    if not text.isascii():
        _check_utf8(text)  # the decoder skips what it hands on as it is
    if line.metadata is not NOTHING and bytes(line.metadata)[:1] not in b"{n":
        raise BadRequest("metadata is not an object")
    if isinstance(line, User):
        checked_id(line.user_id, "user_id")
    else:
        checked_id(line.session_id, "session_id")
        if isinstance(line, Session) and line.user_id is not None:
            checked_id(line.user_id, "user_id")
    _set_times(line)
    return line


def _check_utf8(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise BadRequest("the line is not valid UTF-8") from error


def _set_times(line: Line) -> None:
    try:
        if isinstance(line, Message) and line.uuid is None:
            if line.created_at is None:
                raise BadRequest("a message needs a uuid or a created_at, to be told from others")
            time = line.created_at.astimezone(UTC).isoformat()
            line.uuid = uuid5(MESSAGES, f"{line.session_id}\0{time}\0{line.role}\0{line.content}")
        line.created_at = datetime.now(UTC) if line.created_at is None else line.created_at.astimezone(UTC)
        if not isinstance(line, Summary):
            line.updated_at = line.created_at if line.updated_at is None else line.updated_at.astimezone(UTC)
    except OverflowError as error:
        raise BadRequest("a time is out of range") from error
