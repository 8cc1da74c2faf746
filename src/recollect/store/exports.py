"""What is kept, as lines to be read anywhere else: of one moment, in an order that does not change."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from recollect.errors import NotFound
from recollect.store import Store
from recollect.store.database import Connection, Row
from recollect.store.keys import bucket_of
from recollect.store.statements import STATEMENTS

SESSIONS_AT_ONCE = 200
ROWS_AT_ONCE = 1000

Line = dict[str, Any]


async def lines(store: Store, project: str, *, user_id: str | None = None) -> AsyncGenerator[Line, None]:
    """Yield all users, then each session with its messages and summaries; or those of one user.

    All are read from one snapshot, with a bounded number of rows in memory. Raises NotFound for an unknown user.
    """
    async with store.database.transaction(snapshot=True) as connection:
        if user_id is None:
            async for row in _rows(connection, "exports.users", project):
                yield _line("user", row.items())
        else:
            user = await connection.row("exports.user", bucket_of(project, user_id), project, user_id)
            if user is None:
                raise NotFound(f"There is no user {user_id}.")
            yield _line("user", user.items())
        async for page in _pages(connection, project, user_id):
            async for line in _sessions(connection, page):
                yield line


async def _pages(connection: Connection, project: str, user_id: str | None) -> AsyncIterator[list[Row]]:
    after = 0
    while True:
        if user_id is None:
            page = await connection.fetch("exports.sessions", project, after, SESSIONS_AT_ONCE)
        else:
            where = bucket_of(project, user_id), project, user_id
            page = await connection.fetch("exports.sessions_of_user", *where, after, SESSIONS_AT_ONCE)
        if not page:
            return
        yield page
        after = page[-1]["id"]


async def _sessions(connection: Connection, page: list[Row]) -> AsyncIterator[Line]:
    places = tuple([row[name] for row in page] for name in ("bucket", "key", "cleared_seq"))
    shown = 0
    async for row in _rows(connection, "exports.contents", *places):
        while shown < row["place"]:
            yield _line("session", list(page[shown].items())[4:])
            shown += 1
        yield _line(row["type"], [("session_id", page[shown - 1]["session_id"]), *list(row.items())[2:]])
    for session in page[shown:]:
        yield _line("session", list(session.items())[4:])


async def _rows(connection: Connection, statement: str, *arguments: object) -> AsyncIterator[Row]:
    async for row in connection.raw.cursor(STATEMENTS[statement], *arguments, prefetch=ROWS_AT_ONCE):
        yield row


def _line(kind: str, fields: Any) -> Line:
    return {"type": kind} | {name: value for name, value in fields if value is not None}
