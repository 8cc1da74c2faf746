from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeAlias

from recollect.client.connections import Api
from recollect.client.models import (
    CreateUserRequest,
    Json,
    MemorySearchResult,
    SearchScope,
    SearchType,
    Session,
    UpdateUserRequest,
    User,
)
from recollect.client.wire import Call, path

# Below the method `list`, `list[...]` is not the type any more.
Users: TypeAlias = list[User]
Sessions: TypeAlias = list[Session]
Results: TypeAlias = list[MemorySearchResult]
Names: TypeAlias = list[str]


class AsyncUsers(Api):
    """Users, their sessions, and search across these."""

    async def aadd(self, user: CreateUserRequest) -> User:
        """Create a user, and return it as the server has it. Raises BadRequest if the id is taken.

        >>> user = await client.user.aadd(CreateUserRequest(user_id="ana", email="ana@example.com"))
        >>> print(user.created_at)
        """
        return await self._connections.aio.asend(Call(User, "POST", "/user", body=user.dict(exclude_none=True)))

    async def aget(self, user_id: str) -> User:
        """Return a user. Raises NotFoundError."""
        return await self._connections.aio.asend(Call(User, "GET", path("/user/{user_id}", user_id=user_id)))

    async def aupdate(self, user: UpdateUserRequest) -> User:
        """Change a user: fields that are None or empty stay, metadata is merged. Raises NotFoundError."""
        where = path("/user/{user_id}", user_id=user.user_id)
        return await self._connections.aio.asend(Call(User, "PATCH", where, body=user.dict(exclude_none=True)))

    async def adelete(self, user_id: str) -> None:
        """Delete a user with all sessions and messages, at once and for good. Raises NotFoundError."""
        await self._connections.aio.asend(Call(str, "DELETE", path("/user/{user_id}", user_id=user_id)))

    async def alist(self, limit: int | None = None, cursor: int | None = None) -> Users:
        """Return at most `limit` users (all, unless said otherwise) whose `id` is greater than `cursor`."""
        query = {"limit": limit, "cursor": cursor}
        return await self._connections.aio.asend(Call(Users, "GET", "/user", query=query))

    async def alist_chunked(self, chunk_size: int = 100) -> AsyncIterator[Users]:
        """Yield all users, `chunk_size` at a time, each exactly once whatever is deleted meanwhile."""
        if chunk_size < 1:
            raise ValueError("chunk_size is less than 1")
        cursor: int | None = None
        while users := await self.alist(chunk_size, cursor):
            yield users
            cursor = users[-1].id

    async def aget_sessions(self, user_id: str) -> Sessions:
        """Return a user's sessions by ascending `id`; none for an unknown user."""
        where = path("/user/{user_id}/sessions", user_id=user_id)
        return await self._connections.aio.asend(Call(Sessions, "GET", where))

    async def asearch(
        self,
        user_id: str,
        text: str | None = None,
        *,
        limit: int | None = None,
        search_type: SearchType = "hybrid",
        search_scope: SearchScope = "messages",
        metadata: Json | None = None,
        session_ids: Names | None = None,
        start_date: str | None = None,
        end_date: str | None = None,
        mmr_lambda: float | None = None,
        explain: bool = False,
    ) -> Results:
        """Find at most `limit` messages (10 unless said otherwise) in all of a user's sessions, or those named.

        With the `search_scope` "summary", summaries. `metadata` filters as in MemorySearchPayload; the dates are RFC
        3339 texts, both inclusive. With `explain` each result says what each feature contributed to its score. Raises
        NotFoundError for an unknown user, BadRequest.

        >>> results = await client.user.asearch("ana", "What can her sister not eat?", limit=3)
        >>> print([result.message["content"] for result in results])
        """
        wanted = {
            "text": text,
            "search_type": search_type,
            "search_scope": search_scope,
            "metadata": metadata,
            "session_ids": session_ids,
            "start_date": start_date,
            "end_date": end_date,
            "mmr_lambda": mmr_lambda,
        }
        call = Call(
            Results,
            "POST",
            path("/user/{user_id}/search", user_id=user_id),
            body={name: value for name, value in wanted.items() if value is not None},
            query={"limit": limit, "explain": explain or None},
            repeatable=True,
        )
        return await self._connections.aio.asend(call)
