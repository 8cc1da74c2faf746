from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

import recollect
from recollect import Document, DocumentCollection, Memory, Message, Session, User, models

NAMESAKES = {
    models.Session: recollect.Session,
    models.User: recollect.User,
    models.Message: recollect.Message,
    models.Summary: recollect.Summary,
    models.Memory: recollect.Memory,
    models.Collection: recollect.DocumentCollection,
    models.DocumentResult: recollect.Document,
    models.JobState: recollect.Job,
    models.RankedResult: recollect.MemorySearchResult,
    models.Feature: recollect.Feature,
}


@pytest.mark.parametrize(("sent", "read"), NAMESAKES.items(), ids=lambda model: model.__name__)
def test_what_is_sent_is_read(sent: type[msgspec.Struct], read: type[msgspec.Struct]) -> None:
    """Every field that the server sends has its place in the client's model."""
    assert set(sent.__struct_fields__) <= set(read.__struct_fields__)


def test_models_are_made_changed_and_compared() -> None:
    """A model is made by keyword, changed by attribute and compared by value; other names are refused."""
    session = Session(session_id="trip", metadata={"a": 1})
    assert session == Session(session_id="trip", metadata={"a": 1})
    session.metadata = None
    assert session != Session(session_id="trip", metadata={"a": 1})
    with pytest.raises(TypeError, match="sesion_id"):
        Session(sesion_id="trip")  # type: ignore[call-arg]  # what a caller without a type checker may do


def test_dictionaries_go_all_the_way_down() -> None:
    """As a dictionary a memory holds dictionaries; what is None goes if asked, but not out of metadata."""
    memory = Memory(messages=[Message(role="Ana", content="Hi", metadata={"mood": None})])
    assert memory.to_dict() == memory.dict()
    assert memory.dict()["summary"] is None
    [message] = memory.dict(exclude_none=True)["messages"]
    assert message == {"role": "Ana", "content": "Hi", "metadata": {"mood": None}}


def test_dictionaries_keep_what_is_no_model() -> None:
    """Uuids and times stay what they are in a dictionary."""
    user = User(user_id="ana", uuid=UUID(int=1), created_at=datetime(2024, 3, 1, tzinfo=UTC))
    assert user.dict()["uuid"] == UUID(int=1)
    assert user.dict()["created_at"] == datetime(2024, 3, 1, tzinfo=UTC)


def test_defaults_are_not_shared() -> None:
    """The metadata and messages that one object starts with are not another's."""
    first, second = Document(content="x"), Document(content="y")
    assert first.metadata is not second.metadata
    assert Memory().messages is not Memory().messages


@pytest.mark.parametrize(
    ("documents", "embedded", "status"),
    [(None, None, "pending"), (0, 0, "pending"), (2, 1, "pending"), (2, 2, "ready")],
)
def test_a_collection_is_ready_once_all_is_embedded(documents: int | None, embedded: int | None, status: str) -> None:
    """A collection is ready if it has documents and all of them have their vectors."""
    collection = DocumentCollection(name="notes", document_count=documents, document_embedded_count=embedded)
    assert collection.status == status
