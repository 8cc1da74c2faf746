"""The nouns of the API, in the form they have on the wire.

Timestamps are RFC 3339 texts in UTC with a `Z`, as the database hands them out: nothing on the way to the client needs
them as anything else. `metadata` is JSON that the server passes through unparsed.
"""

from __future__ import annotations

from typing import Any, TypeAlias
from uuid import UUID

import msgspec

NIL = UUID(int=0)
"""Stands for "none" where the protocol has no null."""

NEVER = "0001-01-01T00:00:00Z"
"""Likewise for timestamps."""

Metadata: TypeAlias = dict[str, Any] | msgspec.Raw


class Session(msgspec.Struct, frozen=True):
    """One conversation."""

    uuid: UUID
    id: int
    created_at: str
    updated_at: str
    session_id: str
    metadata: Any = None
    user_id: str | None = None
    deleted_at: None = None


class User(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody whose sessions belong together."""

    uuid: UUID
    id: int
    created_at: str
    updated_at: str
    user_id: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    metadata: Any = None
    deleted_at: None = msgspec.field(default_factory=type(None))  # a factory, so that the null is always sent


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a session."""

    uuid: UUID
    created_at: str
    updated_at: str
    role: str
    content: str
    token_count: int
    metadata: Any = None


class Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a session was about up to and including one message."""

    uuid: UUID
    created_at: str
    content: str
    recent_message_uuid: UUID
    token_count: int
    metadata: Any = None


NO_SUMMARY = Summary(uuid=NIL, created_at=NEVER, content="", recent_message_uuid=NIL, token_count=0)
"""What a memory without a summary carries: clients read `memory.summary.content` unasked."""


class Memory(msgspec.Struct, frozen=True):
    """What an assistant should know at its next turn: the summary so far and the messages after it, oldest first."""

    messages: list[Message]
    summary: Summary = NO_SUMMARY


class MessagePage(msgspec.Struct, frozen=True):
    """One page of a session's messages. `total_count` is 0 on a page past the end."""

    messages: list[Message]
    total_count: int
    row_count: int


class Collection(msgspec.Struct, frozen=True, omit_defaults=True):
    """A named set of documents. Clients refuse any other key."""

    uuid: UUID
    created_at: str
    updated_at: str
    name: str
    description: str
    embedding_dimensions: int
    is_auto_embedded: bool
    is_normalized: bool
    is_indexed: bool
    document_count: int
    document_embedded_count: int
    metadata: Any = None


class JobState(msgspec.Struct, frozen=True):
    """A job of the queue as operators see it."""

    id: UUID
    kind: str
    state: str
    about: UUID
    items: int
    attempts: int
    run_at: str
    created_at: str
    failed_at: str | None
    error: str | None


class EmbeddingModel(msgspec.Struct, frozen=True):
    """What made a vector. Vectors of different models are never compared."""

    provider: str
    name: str
    width: int


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """A message or summary found. `dist` is the cosine similarity, higher is nearer; 0 when no text was given."""

    message: Message | None = None
    summary: Summary | None = None
    dist: float
    embedding: list[float] | None = None
