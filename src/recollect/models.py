"""The nouns of the API, in the form they have on the wire.

Timestamps are RFC 3339 texts in UTC with a `Z`, as the database hands them out: nothing on the way to the client needs
them as anything else. `metadata` is JSON that the server passes through unparsed.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias
from uuid import UUID

import msgspec

NIL = UUID(int=0)
"""Stands for "none" where the protocol has no null."""

NEVER = "0001-01-01T00:00:00Z"
"""Likewise for timestamps."""

Metadata: TypeAlias = dict[str, Any] | msgspec.Raw

Timestamp: TypeAlias = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
Object: TypeAlias = Annotated[Any, msgspec.Meta(extra_json_schema={"type": "object"})]
ObjectOrNull: TypeAlias = Annotated[Any, msgspec.Meta(extra_json_schema={"type": ["object", "null"]})]
Vector: TypeAlias = Annotated[
    Any, msgspec.Meta(extra_json_schema={"type": ["array", "null"], "items": {"type": "number"}})
]


class Session(msgspec.Struct, frozen=True):
    """One conversation."""

    uuid: UUID
    id: int
    created_at: Timestamp
    updated_at: Timestamp
    session_id: str
    metadata: ObjectOrNull = None
    user_id: str | None = None
    deleted_at: None = None


class User(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody whose sessions belong together."""

    uuid: UUID
    id: int
    created_at: Timestamp
    updated_at: Timestamp
    user_id: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    metadata: Object = None
    deleted_at: None = msgspec.field(default_factory=type(None))  # a factory, so that the null is always sent


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a session."""

    uuid: UUID
    created_at: Timestamp
    updated_at: Timestamp
    role: str
    content: str
    token_count: int
    metadata: Object = None


class Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a session was about up to and including one message."""

    uuid: UUID
    created_at: Timestamp
    content: str
    recent_message_uuid: UUID
    token_count: int
    metadata: Object = None


NO_SUMMARY = Summary(uuid=NIL, created_at=NEVER, content="", recent_message_uuid=NIL, token_count=0)
"""What a memory without a summary carries: clients read `memory.summary.content` unasked."""


class Memory(msgspec.Struct, frozen=True):
    """What an assistant should know at its next turn: the summary so far and the messages after it, oldest first."""

    messages: list[Message]
    summary: Summary = NO_SUMMARY
    key_messages: list[Message] | msgspec.UnsetType = msgspec.UNSET
    """Older messages that say most, quoted; only there when asked for."""


class MessagePage(msgspec.Struct, frozen=True):
    """One page of a session's messages. `total_count` is 0 on a page past the end."""

    messages: list[Message]
    total_count: int
    row_count: int


class Collection(msgspec.Struct, frozen=True, omit_defaults=True):
    """A named set of documents. Clients refuse any other key."""

    uuid: UUID
    created_at: Timestamp
    updated_at: Timestamp
    name: str
    description: str
    embedding_dimensions: int
    is_auto_embedded: bool
    is_normalized: bool
    is_indexed: bool
    document_count: int
    document_embedded_count: int
    metadata: Object = None


class Document(msgspec.Struct, frozen=True, omit_defaults=True):
    """A text of a collection, with its vector once it has one, as JSON."""

    uuid: UUID
    created_at: Timestamp
    updated_at: Timestamp
    document_id: str
    content: str
    embedding: Vector
    is_embedded: bool
    metadata: Object = None


class DocumentResult(Document, frozen=True, kw_only=True):
    """A document found. `score` is (1 + cosine similarity) / 2, from 0 to 1; 0 when nothing was compared."""

    score: float


class DocumentSearchResult(msgspec.Struct, frozen=True):
    """Documents found, the nearest first, and the vector they were compared with; empty when there was none."""

    results: list[DocumentResult]
    query_vector: list[float]
    result_count: int
    total_pages: int = 0
    current_page: int = 0


class JobState(msgspec.Struct, frozen=True):
    """A job of the queue as operators see it."""

    id: UUID
    kind: str
    state: str
    about: UUID
    items: int
    attempts: int
    run_at: Timestamp
    created_at: Timestamp
    failed_at: Timestamp | None
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


class Feature(msgspec.Struct, frozen=True):
    """One feature of a result, and what it contributed to the score."""

    value: float
    share: float


class RankedResult(SearchResult, frozen=True, kw_only=True):
    """What was found among all of a user's, or by a hybrid search. `features` explain the score, when asked for."""

    session_id: str
    score: float
    features: dict[str, Feature] | msgspec.UnsetType = msgspec.UNSET
