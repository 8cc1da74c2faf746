# Made by tools/unasync.py of tests/client/aio/program_aio.py: change that.
"""A program that uses every method of the client, for the type checker: nobody runs it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import assert_type
from uuid import UUID

from recollect import (
    CreateUserRequest,
    Document,
    DocumentCollection,
    FoundMessage,
    Job,
    Memory,
    MemorySearchPayload,
    MemorySearchResult,
    Message,
    Session,
    Summary,
    UpdateUserRequest,
    User,
    ZepClient,
)


def use_memory(client: ZepClient) -> None:
    assert_type(client.memory.add_session(Session(session_id="trip", user_id=None, metadata={})), Session)
    assert_type(client.memory.get_session("trip"), Session)
    assert_type(client.memory.update_session(Session(session_id="trip")), Session)
    assert_type(client.memory.list_sessions(limit=10, cursor=0), list[Session])
    assert_type(client.memory.list_all_sessions(chunk_size=10), Iterator[list[Session]])
    for sessions in client.memory.list_all_sessions():
        assert_type(sessions[0].id, int | None)
    memory = client.memory.get_memory("trip", lastn=3)
    assert_type(memory, Memory)
    assert_type(memory.messages[0].content, str)
    assert_type(memory.summary, Summary | None)
    assert_type(client.memory.add_memory("trip", memory, wait=1), str)
    assert_type(client.memory.delete_memory("trip"), str)
    assert_type(client.memory.get_memory("trip", key_messages=3), Memory)
    assert_type(memory.key_messages, list[Message] | None)
    assert_type(client.memory.list_summaries("trip", limit=3, cursor="uuid"), list[Summary])
    for summaries in client.memory.list_all_summaries("trip", chunk_size=3):
        assert_type(summaries, list[Summary])
    payload = MemorySearchPayload(text="x", search_type="hybrid", search_scope="messages", mmr_lambda=0.5)
    results = client.memory.search_memory("trip", payload, limit=3, explain=True)
    assert_type(results, list[MemorySearchResult])
    assert_type(results[0].message, FoundMessage | None)
    assert_type(results[0].dist, float | None)


def use_messages(client: ZepClient) -> None:
    assert_type(client.message.get_session_messages("trip", limit=10, cursor=1), list[Message])
    assert_type(client.message.get_session_message("trip", "uuid"), Message)
    assert_type(client.message.update_message_metadata("trip", "uuid", {"a": 1}), Message)


def use_users(client: ZepClient) -> None:
    user = client.user.add(CreateUserRequest(user_id="ana", email=None))
    assert_type(user, User)
    assert_type(user.created_at, datetime | None)
    assert_type(client.user.get("ana"), User)
    assert_type(client.user.update(UpdateUserRequest(user_id="ana", uuid=user.uuid)), User)
    assert_type(client.user.list(limit=1, cursor=None), list[User])
    for users in client.user.list_chunked(chunk_size=5):
        assert_type(users, list[User])
    assert_type(client.user.get_sessions("ana"), list[Session])
    found = client.user.search("ana", "x", session_ids=["trip"], search_type="mmr", explain=True)
    assert_type(found, list[MemorySearchResult])
    assert_type(found[0].session_id, str | None)
    assert_type(client.user.search("ana", search_scope="summary"), list[MemorySearchResult])
    client.user.delete("ana")


def use_documents(client: ZepClient) -> None:
    notes = client.document.add_collection("notes", 384, None, {}, is_auto_embedded=True)
    assert_type(notes, DocumentCollection)
    assert_type(client.document.get_collection("notes"), DocumentCollection)
    assert_type(client.document.update_collection("notes", description=""), DocumentCollection)
    assert_type(client.document.list_collections(), list[DocumentCollection])
    uuids = notes.add_documents([Document(content="x")], batch_size=10)
    assert_type(uuids, list[str])
    assert_type(notes.get_document(uuids[0]), Document)
    assert_type(notes.get_documents(uuids), list[Document])
    assert_type(notes.get_documents_by_id(["x"]), list[Document])
    notes.update_document(uuids[0], document_id="y", metadata={})
    notes.delete_document(uuids[0])
    notes.delete_documents(uuids)
    notes.create_index(force=True)
    assert_type(notes.measure_index(), float | None)
    found = notes.search(text="x", limit=3, search_type="hybrid")
    assert_type(found, list[Document])
    assert_type(found[0].score, float | None)
    assert_type(notes.search_return_query_vector(embedding=[0.1]), tuple[list[Document], list[float]])
    client.document.delete_collection(notes.name)


def use_jobs(client: ZepClient) -> None:
    jobs = client.job.list(state="failed", kind="embed", limit=1, cursor=UUID(int=0))
    assert_type(jobs, list[Job])
    for page in client.job.list_all(state="due"):
        assert_type(page, list[Job])
    client.job.retry(jobs[0].id)


def use_what_the_client_itself_has() -> None:
    with ZepClient("http://127.0.0.1:8000", "key", timeout=5, retries=0) as client:
        client.check()
        assert_type(client.add_session(Session(session_id="trip")), Session)
        assert_type(client.get_session("trip"), Session)
        assert_type(client.add_memory("trip", Memory()), str)
        assert_type(client.get_memory("trip"), Memory)
        assert_type(client.search_memory("trip", MemorySearchPayload()), list[MemorySearchResult])
        assert_type(client.delete_memory("trip"), str)
        client.close()
    with ZepClient.embedded("data", start_timeout=60) as embedded:
        assert_type(embedded, ZepClient)
        assert_type(embedded.base_url, str)
