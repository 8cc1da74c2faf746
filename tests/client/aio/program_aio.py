"""A program that uses every method of the client, for the type checker: nobody runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator
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


async def use_memory(client: ZepClient) -> None:
    assert_type(await client.memory.aadd_session(Session(session_id="trip", user_id=None, metadata={})), Session)
    assert_type(await client.memory.aget_session("trip"), Session)
    assert_type(await client.memory.aupdate_session(Session(session_id="trip")), Session)
    assert_type(await client.memory.alist_sessions(limit=10, cursor=0), list[Session])
    assert_type(client.memory.alist_all_sessions(chunk_size=10), AsyncIterator[list[Session]])
    async for sessions in client.memory.alist_all_sessions():
        assert_type(sessions[0].id, int | None)
    memory = await client.memory.aget_memory("trip", lastn=3)
    assert_type(memory, Memory)
    assert_type(memory.messages[0].content, str)
    assert_type(memory.summary, Summary | None)
    assert_type(await client.memory.aadd_memory("trip", memory, wait=1), str)
    assert_type(await client.memory.adelete_memory("trip"), str)
    assert_type(await client.memory.aget_memory("trip", key_messages=3), Memory)
    assert_type(memory.key_messages, list[Message] | None)
    assert_type(await client.memory.alist_summaries("trip", limit=3, cursor="uuid"), list[Summary])
    async for summaries in client.memory.alist_all_summaries("trip", chunk_size=3):
        assert_type(summaries, list[Summary])
    payload = MemorySearchPayload(text="x", search_type="hybrid", search_scope="messages", mmr_lambda=0.5)
    results = await client.memory.asearch_memory("trip", payload, limit=3, explain=True)
    assert_type(results, list[MemorySearchResult])
    assert_type(results[0].message, FoundMessage | None)
    assert_type(results[0].dist, float | None)


async def use_messages(client: ZepClient) -> None:
    assert_type(await client.message.aget_session_messages("trip", limit=10, cursor=1), list[Message])
    assert_type(await client.message.aget_session_message("trip", "uuid"), Message)
    assert_type(await client.message.aupdate_message_metadata("trip", "uuid", {"a": 1}), Message)


async def use_users(client: ZepClient) -> None:
    user = await client.user.aadd(CreateUserRequest(user_id="ana", email=None))
    assert_type(user, User)
    assert_type(user.created_at, datetime | None)
    assert_type(await client.user.aget("ana"), User)
    assert_type(await client.user.aupdate(UpdateUserRequest(user_id="ana", uuid=user.uuid)), User)
    assert_type(await client.user.alist(limit=1, cursor=None), list[User])
    async for users in client.user.alist_chunked(chunk_size=5):
        assert_type(users, list[User])
    assert_type(await client.user.aget_sessions("ana"), list[Session])
    found = await client.user.asearch("ana", "x", session_ids=["trip"], search_type="mmr", explain=True)
    assert_type(found, list[MemorySearchResult])
    assert_type(found[0].session_id, str | None)
    assert_type(await client.user.asearch("ana", search_scope="summary"), list[MemorySearchResult])
    await client.user.adelete("ana")


async def use_documents(client: ZepClient) -> None:
    notes = await client.document.aadd_collection("notes", 384, None, {}, is_auto_embedded=True)
    assert_type(notes, DocumentCollection)
    assert_type(await client.document.aget_collection("notes"), DocumentCollection)
    assert_type(await client.document.aupdate_collection("notes", description=""), DocumentCollection)
    assert_type(await client.document.alist_collections(), list[DocumentCollection])
    uuids = await notes.aadd_documents([Document(content="x")], batch_size=10)
    assert_type(uuids, list[str])
    assert_type(await notes.aget_document(uuids[0]), Document)
    assert_type(await notes.aget_documents(uuids), list[Document])
    assert_type(await notes.aget_documents_by_id(["x"]), list[Document])
    await notes.aupdate_document(uuids[0], document_id="y", metadata={})
    await notes.adelete_document(uuids[0])
    await notes.adelete_documents(uuids)
    await notes.acreate_index(force=True)
    assert_type(await notes.ameasure_index(), float | None)
    found = await notes.asearch(text="x", limit=3, search_type="hybrid")
    assert_type(found, list[Document])
    assert_type(found[0].score, float | None)
    assert_type(await notes.asearch_return_query_vector(embedding=[0.1]), tuple[list[Document], list[float]])
    await client.document.adelete_collection(notes.name)


async def use_jobs(client: ZepClient) -> None:
    jobs = await client.job.alist(state="failed", kind="embed", limit=1, cursor=UUID(int=0))
    assert_type(jobs, list[Job])
    async for page in client.job.alist_all(state="due"):
        assert_type(page, list[Job])
    await client.job.aretry(jobs[0].id)


async def use_what_the_client_itself_has() -> None:
    async with ZepClient("http://127.0.0.1:8000", "key", timeout=5, retries=0) as client:
        await client.acheck()
        assert_type(await client.aadd_session(Session(session_id="trip")), Session)
        assert_type(await client.aget_session("trip"), Session)
        assert_type(await client.aadd_memory("trip", Memory()), str)
        assert_type(await client.aget_memory("trip"), Memory)
        assert_type(await client.asearch_memory("trip", MemorySearchPayload()), list[MemorySearchResult])
        assert_type(await client.adelete_memory("trip"), str)
        await client.aclose()
    async with ZepClient.embedded("data", start_timeout=60) as embedded:
        assert_type(embedded, ZepClient)
        assert_type(embedded.base_url, str)
