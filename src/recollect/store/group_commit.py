"""Group commit: writes that arrive while another commits share the next transaction, and its one flush.

Measured on two cores: more than twice the adds per second of one transaction each, at less than half the CPU.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

import asyncpg

from recollect.errors import BadRequest
from recollect.store.database import Database, Row

COMMITTERS = 2
"""Transactions under way at once: one can be prepared while the other waits for the disk."""

MOST = 64
"""Writes in one transaction."""


class _Write(NamedTuple):
    arguments: tuple[object, ...]
    answer: asyncio.Future[Row]


class GroupCommit:
    """Runs one statement, which gives exactly one row, for many callers at once.

    Each write is answered only after the commit that holds it. A lone write is not held up: there is no timer, only
    who waits while others commit goes with the next. When a shared transaction fails, its writes are run again one by
    one, so that a bad one fails alone, with its own error.
    """

    def __init__(self, database: Database, statement: str) -> None:
        self._database = database
        self._statement = statement
        self._waiting: deque[_Write] = deque()
        self._committing = 0
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself would let go of them

    async def run(self, *arguments: object) -> Row:
        """Run the statement and return its row. The first two arguments are the order in which rows are locked."""
        write = _Write(arguments, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        if self._committing < COMMITTERS:
            self._committing += 1
            task = asyncio.create_task(self._commit())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await write.answer

    async def _commit(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
                batch = [write for write in batch if not write.answer.done()]  # its caller may be gone
                if len(batch) > 1:
                    await self._together(batch)
                elif batch:
                    await self._alone(batch[0])
        finally:
            self._committing -= 1  # in the same step as the last look at who waits: nobody is left behind

    async def _together(self, batch: list[_Write]) -> None:
        batch.sort(key=lambda write: write.arguments[:2])  # one order for all: no deadlocks; stable: no overtaking
        try:
            async with self._database.connection() as connection:
                rows = await connection.fetchmany(self._statement, [write.arguments for write in batch])
        except (asyncpg.PostgresError, BadRequest):
            for write in batch:
                await self._alone(write)
        except BaseException as error:
            for write in batch:
                _fail(write, error)
            if not isinstance(error, Exception):
                raise
        else:
            for write, row in zip(batch, rows, strict=True):
                if not write.answer.done():
                    write.answer.set_result(row)

    async def _alone(self, write: _Write) -> None:
        try:
            (row,) = await self._database.fetch(self._statement, *write.arguments)
        except BaseException as error:
            _fail(write, error)
            if not isinstance(error, Exception):
                raise
        else:
            if not write.answer.done():
                write.answer.set_result(row)


def _fail(write: _Write, error: BaseException) -> None:
    if write.answer.done():
        return
    if isinstance(error, Exception):
        write.answer.set_exception(error)
    else:
        write.answer.cancel()
