# Made by tools/unasync.py of src/recollect/client/aio/memory.py: change that.
from __future__ import annotations

from collections.abc import Iterator
from typing import get_args
from uuid import uuid4

from recollect.client.connections import Api
from recollect.client.models import (
    Memory,
    MemorySearchPayload,
    MemorySearchResult,
    SearchScope,
    SearchType,
    Session,
    Summary,
    plain,
)
from recollect.client.wire import Call, path


class SyncMemory(Api):
    """Sessions, and the memory of each."""

    def add_session(self, session: Session) -> Session:
        """Create a session, and return it as the server has it.

        Raises BadRequest if its id is taken, also by a deleted session, or its user does not exist.

        >>> session = Session(session_id="trip", user_id="ana", metadata={"topic": "Lisbon"})
        >>> session = client.memory.add_session(session)
        """
        call = Call(Session, "POST", "/sessions", body=session.dict(exclude_none=True))
        return self._connections.sync.send(call)

    def get_session(self, session_id: str) -> Session:
        """Return a session. Raises NotFoundError if there is none, or it was deleted.

        >>> session = client.memory.get_session("trip")
        >>> print(session.metadata)
        """
        return self._connections.sync.send(Call(Session, "GET", path("/sessions/{session_id}", session_id=session_id)))

    def update_session(self, session: Session) -> Session:
        """Merge metadata into a session: keys that are not named stay. A deleted session comes back, without messages.

        Raises NotFoundError if there never was one.
        """
        where = path("/sessions/{session_id}", session_id=session.session_id)
        call = Call(Session, "PATCH", where, body=session.dict(exclude_none=True))
        return self._connections.sync.send(call)

    def list_sessions(self, limit: int | None = None, cursor: int | None = None) -> list[Session]:
        """Return at most `limit` sessions (all, unless said otherwise) whose `id` is greater than `cursor`."""
        query = {"limit": limit, "cursor": cursor}
        return self._connections.sync.send(Call(list[Session], "GET", "/sessions", query=query))

    def list_all_sessions(self, chunk_size: int = 100) -> Iterator[list[Session]]:
        """Yield all sessions, `chunk_size` at a time, each exactly once whatever is deleted meanwhile.

        >>> for sessions in client.memory.list_all_sessions():
        ...     print([session.session_id for session in sessions])
        """
        if chunk_size < 1:
            raise ValueError("chunk_size is less than 1")
        cursor: int | None = None
        while sessions := self.list_sessions(chunk_size, cursor):
            yield sessions
            cursor = sessions[-1].id

    def get_memory(self, session_id: str, lastn: int | None = None, *, key_messages: int | None = None) -> Memory:
        """Return what to begin the next turn with: the summary so far and the messages after it, oldest first.

        With `lastn`, the last so many messages instead. With `key_messages`, also so many of the older ones (at most
        100), those that say most. A session that does not exist has an empty memory. Raises BadRequest.

        >>> memory = client.memory.get_memory("trip", lastn=6)
        >>> prompt = [f"{message.role}: {message.content}" for message in memory.messages]
        """
        where = path("/sessions/{session_id}/memory", session_id=session_id)
        query = {"lastn": lastn, "key_messages": key_messages}
        return self._connections.sync.send(Call(Memory, "GET", where, query=query))

    def list_summaries(self, session_id: str, limit: int | None = None, cursor: str | None = None) -> list[Summary]:
        """Return at most `limit` summaries of a session (100 unless said otherwise), oldest first.

        Each carries the one before it forward. With `cursor`, those after the one with this uuid. A session that does
        not exist has none. Raises BadRequest for a cursor that is no uuid.

        >>> summaries = client.memory.list_summaries("trip")
        """
        where = path("/sessions/{session_id}/summaries", session_id=session_id)
        query = {"limit": limit, "cursor": cursor}
        return self._connections.sync.send(Call(list[Summary], "GET", where, query=query))

    def list_all_summaries(self, session_id: str, chunk_size: int = 100) -> Iterator[list[Summary]]:
        """Yield all summaries of a session, oldest first, `chunk_size` at a time, each exactly once."""
        if chunk_size < 1:
            raise ValueError("chunk_size is less than 1")
        cursor: str | None = None
        while summaries := self.list_summaries(session_id, chunk_size, cursor):
            yield summaries
            cursor = summaries[-1].uuid

    def add_memory(self, session_id: str, memory_messages: Memory, *, wait: float | None = None) -> str:
        """Add messages to a session, which is created if there is none. Returns "OK" once they are on the disk.

        `wait`: up to so many seconds, at most 60, until they can be found by meaning; "stored" if that was not enough.
        A message with a uuid that the session already has replaces it. Raises BadRequest.

        >>> memory = Memory(messages=[Message(role="Ana", content="We leave on Friday.")])
        >>> client.memory.add_memory("trip", memory)
        """
        # With uuids of our own a lost answer does no harm: sent again, the messages are not stored twice.
        messages = [{"uuid": str(uuid4())} | plain(message, exclude_none=True) for message in memory_messages.messages]
        call = Call(
            str,
            "POST",
            path("/sessions/{session_id}/memory", session_id=session_id),
            body={"messages": messages},
            query={"wait": wait},
            repeatable=True,
            seconds=wait or 0,
        )
        return self._connections.sync.send(call)

    def delete_memory(self, session_id: str) -> str:
        """Delete a session with all its messages, and return "OK". Raises NotFoundError.

        >>> client.memory.delete_memory("trip")
        """
        where = path("/sessions/{session_id}/memory", session_id=session_id)
        return self._connections.sync.send(Call(str, "DELETE", where))

    def search_memory(
        self,
        session_id: str,
        search_payload: MemorySearchPayload,
        limit: int | None = None,
        *,
        explain: bool = False,
    ) -> list[MemorySearchResult]:
        """Find at most `limit` messages or summaries of a session (10 unless said otherwise), the best first.

        `explain` has a hybrid search say what each feature contributed. Raises BadRequest for a filter that is none,
        Unavailable without an embedding model. An unknown session holds nothing.

        >>> payload = MemorySearchPayload(text="When do we leave?", search_type="hybrid")
        >>> results = client.memory.search_memory("trip", payload, limit=3)
        """
        if search_payload.search_type not in {None, *get_args(SearchType)}:
            raise ValueError(f"search_type is not one of {', '.join(get_args(SearchType))}")
        if search_payload.search_scope not in {None, *get_args(SearchScope)}:
            raise ValueError(f"search_scope is not one of {', '.join(get_args(SearchScope))}")
        call = Call(
            list[MemorySearchResult],
            "POST",
            path("/sessions/{session_id}/search", session_id=session_id),
            body=search_payload.dict(exclude_none=True),
            query={"limit": limit, "explain": explain or None},
            repeatable=True,
        )
        return self._connections.sync.send(call)
