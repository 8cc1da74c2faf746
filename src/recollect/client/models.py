"""What the client takes and returns: the names, fields and types of the published Python client, as plain structs.

Made by keyword, changed by attribute, compared by value. Timestamps are RFC 3339 texts, those of users, collections and
documents are `datetime`. What the server sets is None in what you make.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias, TypedDict
from uuid import UUID

import msgspec

Json: TypeAlias = dict[str, Any]
SearchType: TypeAlias = Literal["similarity", "mmr", "hybrid"]
SearchScope: TypeAlias = Literal["messages", "summary"]
JobStatus: TypeAlias = Literal["due", "leased", "failed"]


class Model(msgspec.Struct, kw_only=True):
    """What all of them can do."""

    def dict(self, *, exclude_none: bool = False) -> Json:
        """Return the fields, down to the innermost model, as a dictionary; without those that are None, if so asked."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return {
            name: plain(value, exclude_none=exclude_none)
            for name, value in fields.items()
            if not (exclude_none and value is None)
        }

    def to_dict(self) -> Json:
        """Return the fields, down to the innermost model, as a dictionary."""
        return self.dict()


def plain(value: Any, *, exclude_none: bool = False) -> Any:
    """Return a value with the models in it as dictionaries. What is no model, such as metadata, stays as it is."""
    if isinstance(value, Model):
        return value.dict(exclude_none=exclude_none)
    if isinstance(value, list):
        return [plain(item, exclude_none=exclude_none) for item in value]
    return value


class Session(Model):
    """One conversation, of a user or of nobody. `id` is its place in lists."""

    session_id: str
    user_id: str | None = None
    metadata: Json | None = None
    uuid: str | None = None
    id: int | None = None
    created_at: str | None = None
    updated_at: str | None = None
    deleted_at: str | None = None


class Message(Model):
    """One message. A `uuid` or `created_at` that you choose is kept; `token_count` is the server's."""

    role: str
    content: str
    uuid: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    token_count: int | None = None
    metadata: Json | None = None


class Summary(Model):
    """What a session was about, up to and including one message. Its uuids are zeros when there is none yet."""

    uuid: str
    created_at: str
    content: str
    recent_message_uuid: str
    token_count: int
    metadata: Json | None = None


class Memory(Model):
    """Messages, oldest first: to add, or with the summary of those before them to begin the next turn with.

    `key_messages` are older ones that say most, when asked for.
    """

    messages: list[Message] = []
    metadata: Json | None = None
    summary: Summary | None = None
    uuid: str | None = None
    created_at: str | None = None
    token_count: int | None = None
    key_messages: list[Message] | None = None


class MemorySearchPayload(Model):
    """What to look for in a session: a text, a filter on metadata and dates, or both.

    `search_scope` is "messages", or "summary" for the summaries, which are found by meaning whatever the `search_type`.
    `metadata` is `{"where": {"jsonpath": ...}, "start_date": ..., "end_date": ...}`. `search_type` is "similarity"
    (nearest vectors), "mmr" (likewise, but diverse; `mmr_lambda` from 0, all for diversity, to 1, 0.5 unless said
    otherwise) or "hybrid" (words, meaning, names, dates and the turns around).
    """

    text: str | None = None
    metadata: Json | None = None
    search_scope: SearchScope | None = "messages"
    search_type: SearchType | None = "similarity"
    mmr_lambda: float | None = None


class _Found(TypedDict):
    uuid: str
    created_at: str
    updated_at: str
    role: str
    content: str
    token_count: int


class FoundMessage(_Found, total=False):
    """A message in a search result: a dictionary, as the published client has it."""

    metadata: Json


class Feature(Model):
    """One feature of a result, and what it contributed to the score."""

    value: float
    share: float


Features: TypeAlias = dict[str, Feature]


class MemorySearchResult(Model):
    """A message or summary found. `dist` is the cosine similarity: higher is nearer, 0 without a text.

    `session_id` and `score` come with hybrid searches and those across a user's sessions; `features`, if explained.
    """

    message: FoundMessage | None = None
    summary: Summary | None = None
    metadata: Json | None = None
    dist: float | None = None
    embedding: list[float] | None = None
    session_id: str | None = None
    score: float | None = None
    features: Features | None = None


class User(Model):
    """Somebody whose sessions belong together. `id` is its place in lists."""

    user_id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    metadata: Json | None = None
    uuid: UUID | None = None
    id: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None


class CreateUserRequest(Model):
    """A user to add."""

    user_id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    metadata: Json | None = None


class UpdateUserRequest(CreateUserRequest):
    """What to change of a user: fields that are None or empty stay, metadata is merged."""

    uuid: UUID | None = None


class Document(Model):
    """A text of a collection, its vector, or both. `score` is (1 + cosine similarity) / 2, in search results only."""

    content: str
    document_id: str | None = None
    metadata: Json | None = msgspec.field(default_factory=dict)
    embedding: list[float] | None = None
    uuid: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    is_embedded: bool | None = None
    score: float | None = None


class DocumentCollectionModel(Model, dict=True):
    """What a collection of documents is."""

    name: str
    description: str | None = None
    metadata: Json | None = msgspec.field(default_factory=dict)
    embedding_dimensions: int | None = None
    is_auto_embedded: bool | None = True
    uuid: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    is_indexed: bool | None = None
    document_count: int | None = None
    document_embedded_count: int | None = None
    is_normalized: bool | None = None

    @property
    def status(self) -> Literal["ready", "pending"]:
        """Whether all documents had their vectors when this was read; an empty collection is pending."""
        return "ready" if self.document_count and self.document_count == self.document_embedded_count else "pending"


class Job(Model):
    """Work of the server's that waits, runs or has failed; what is done is gone. `items` counts what it is about."""

    id: UUID
    kind: str
    state: str
    about: UUID
    items: int
    attempts: int
    run_at: str
    created_at: str
    failed_at: str | None = None
    error: str | None = None


class MessagePage(Model):
    """A page of messages as it is sent."""

    messages: list[Message]


class DocumentSearchResult(Model):
    """An answer to a search for documents as it is sent."""

    results: list[Document]
    query_vector: list[float]


class IndexRecall(Model):
    """What an index is worth, as it is sent."""

    recall: float | None
