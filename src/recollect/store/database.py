"""The way to PostgreSQL: a thin pool whose connections keep their statements prepared.

asyncpg's own pool resets a connection at every release and wraps every call, at 65-80 us of CPU per request; nothing
here leaves state on a connection, so nothing needs resetting.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Literal, TypeAlias

import asyncpg
import msgspec

from recollect.errors import BadRequest, DatabaseUnavailable, Error, OutOfSpace, StartupError
from recollect.store.statements import STATEMENTS

Row: TypeAlias = Any
"""A row of the driver (asyncpg.Record), read by name or place; the structs built from it are the types."""

CONNECT_SECONDS = 0.9
"""A request must not wait longer than this to learn that the database is gone."""

WAIT_SECONDS = 5.0
"""How long a request waits for a connection while all are busy."""

RETRIES = 3
"""How often a statement that lost a deadlock is run again."""

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server's last words came while the connection was idle
    asyncpg.OperatorInterventionError,
    OSError,
)
_FULL = (asyncpg.DiskFullError, asyncpg.OutOfMemoryError)

LOSERS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""What tells that a statement met others and should be run again."""


class Connection:
    """One connection to PostgreSQL, with each statement prepared when first used."""

    def __init__(self, raw: asyncpg.Connection[asyncpg.Record]) -> None:
        self.raw = raw
        self._prepared: dict[str, Any] = {}

    async def fetch(self, name: str, *arguments: object) -> list[Row]:
        """Run a statement by its name and return its rows."""
        statement = self._prepared.get(name) or await self._prepare(name)
        rows: list[Row] = await statement.fetch(*arguments)
        return rows

    async def fetchmany(self, name: str, arguments: Sequence[Sequence[object]]) -> list[Row]:
        """Run a statement once per tuple of arguments, all in one implicit transaction; return the rows of all."""
        statement = self._prepared.get(name) or await self._prepare(name)
        rows: list[Row] = await statement.fetchmany(arguments)
        return rows

    async def row(self, name: str, *arguments: object) -> Row | None:
        """Run a statement by its name and return its first row."""
        rows = await self.fetch(name, *arguments)
        return rows[0] if rows else None

    async def _prepare(self, name: str) -> Any:
        statement = await self.raw.prepare(STATEMENTS[name])
        self._prepared[name] = statement
        return statement


class Database:
    """A bounded set of connections, opened as they are needed and replaced when they break."""

    def __init__(self, dsn: str, *, size: int = 16, statement_timeout: float = 10.0) -> None:
        self.dsn = dsn
        self.size = size
        self.open = 0
        self._statement_timeout = statement_timeout
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    @property
    def idle(self) -> int:
        """How many open connections are free."""
        return len(self._idle)

    async def fetch(self, name: str, *arguments: object) -> list[Row]:
        """Run one statement on any connection. Raises DatabaseUnavailable, OutOfSpace, BadRequest."""
        for _ in range(RETRIES):
            connection = await self._take()
            try:
                rows = await connection.fetch(name, *arguments)
            except LOSERS:
                self._give(connection)
                continue
            except BaseException as error:
                self._give_back_after(error, connection)
                raise _translated(error) from error
            self._give(connection)
            return rows
        raise DatabaseUnavailable("The statement kept losing against others; try again.")

    async def row(self, name: str, *arguments: object) -> Row | None:
        """Run one statement and return its first row."""
        rows = await self.fetch(name, *arguments)
        return rows[0] if rows else None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend one connection, for what takes several statements or none of ours."""
        connection = await self._take()
        try:
            yield connection
        except BaseException as error:
            self._give_back_after(error, connection)
            raise _translated(error) from error
        self._give(connection)

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[Connection]:
        """Lend one connection inside a transaction: committed at the end, rolled back on any error.

        A snapshot is read only, and all it reads is of one moment.
        """
        isolation: Literal["repeatable_read"] | None = "repeatable_read" if snapshot else None
        async with self.connection() as connection:
            try:
                async with connection.raw.transaction(isolation=isolation, readonly=snapshot):
                    yield connection
            except LOSERS as error:
                raise DatabaseUnavailable("The transaction lost against another; try again.") from error

    async def close(self) -> None:
        """Close what is idle and refuse new work."""
        self._closed = True
        while self._idle:
            connection = self._idle.pop()
            self.open -= 1
            await connection.raw.close()

    async def _take(self) -> Connection:
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while not self._closed:
            while self._idle:
                connection = self._idle.pop()
                if not connection.raw.is_closed():
                    return connection
                self.open -= 1
            if self.open < self.size:
                return await self._connect()
            await self._wait(deadline)
        raise DatabaseUnavailable("The server is stopping.")

    async def _wait(self, deadline: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                await waiter
        except (TimeoutError, asyncio.CancelledError) as error:
            if waiter.done() and not waiter.cancelled():
                self._wake()  # pass the turn on
            if isinstance(error, TimeoutError):
                raise DatabaseUnavailable(f"All {self.size} database connections are busy.") from error
            raise

    async def _connect(self) -> Connection:
        self.open += 1
        try:
            return Connection(await connect(self.dsn, statement_timeout=self._statement_timeout))
        except BaseException:
            self.open -= 1
            self._wake()
            raise

    def _give(self, connection: Connection) -> None:
        if self._closed:
            connection.raw.terminate()
            return
        self._idle.append(connection)
        self._wake()

    def _give_back_after(self, error: BaseException, connection: Connection) -> None:
        if isinstance(error, asyncpg.PostgresError | Error) and not isinstance(error, LOST):
            self._give(connection)
        else:  # broken, or of unknown state: a cancelled statement may still be running
            connection.raw.terminate()
            self.open -= 1
            self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


async def connect(
    dsn: str, *, statement_timeout: float = 0, seconds: float = CONNECT_SECONDS
) -> asyncpg.Connection[asyncpg.Record]:
    """Open one connection with our types and settings. Raises DatabaseUnavailable, StartupError."""
    settings = {
        "application_name": "recollect",
        "search_path": "recollect, public",
        "TimeZone": "UTC",
        "DateStyle": "ISO",
        "statement_timeout": str(int(statement_timeout * 1000)),
        "plan_cache_mode": "force_generic_plan",
    }
    try:
        raw: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(dsn, timeout=seconds, server_settings=settings)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise StartupError(f"The database refuses: {error}", hint="Check RECOLLECT_DATABASE_URL.") from error
    except ValueError as error:  # its text may hold a part of the password
        raise StartupError("The database's URL cannot be read.", hint="Check RECOLLECT_DATABASE_URL.") from error
    except (*LOST, TimeoutError, asyncpg.PostgresError) as error:
        raise _translated(error) from error
    try:
        await _set_types(raw)
    except BaseException as error:
        raw.terminate()
        raise _translated(error) from error
    return raw


async def _set_types(raw: asyncpg.Connection[asyncpg.Record]) -> None:
    await raw.set_type_codec("timestamptz", schema="pg_catalog", encoder=_encode_time, decoder=_decode_time)
    await raw.set_type_codec("jsonb", schema="pg_catalog", encoder=_encode_json, decoder=_decode_json, format="binary")
    schema = await raw.fetchval(STATEMENTS["schema.of_vectors"])
    if schema is not None:  # before the first migration there is none
        if schema != "public":
            quoted = schema.replace('"', '""')
            await raw.fetch(STATEMENTS["schema.set"], "search_path", f'recollect, public, "{quoted}"')
        for kind in ("vector", "halfvec"):  # travel as bytes: store/vectors.py makes and reads them
            await raw.set_type_codec(kind, schema=schema, encoder=bytes, decoder=bytes, format="binary")


async def listen(dsn: str, channel: str, heard: Callable[[], None]) -> None:
    """Call `heard` at every notification on a channel until the connection breaks. Raises DatabaseUnavailable."""
    raw = await connect(dsn)
    broken = asyncio.Event()
    raw.add_termination_listener(lambda _: broken.set())
    try:
        await raw.add_listener(channel, lambda *_: heard())
        await broken.wait()
    except LOST as error:
        raise _translated(error) from error
    finally:
        raw.terminate()


async def run_alone(dsn: str, statements: Sequence[str], settings: Mapping[str, str]) -> None:
    """Run statements that no transaction may hold, on a connection of their own.

    Raises DatabaseUnavailable, OutOfSpace.
    """
    raw = await connect(dsn)
    try:
        for name, value in settings.items():
            await raw.execute(STATEMENTS["schema.set"], name, value)
        for statement in statements:
            await raw.execute(statement)
    except asyncpg.PostgresError as error:
        raise _translated(error) from error
    finally:
        raw.terminate()


def _encode_time(time: datetime | str) -> str:
    return time if isinstance(time, str) else time.isoformat()


def _decode_time(text: str) -> str:
    # PostgreSQL trims zeros of the fraction, as the protocol wants it: "2024-03-01 12:00:00.5+00"
    return f"{text[:10]}T{text[11:-3]}Z"


def _encode_json(value: object) -> bytes:
    return b"\x01" + (value if isinstance(value, bytes) else msgspec.json.encode(value))


def _decode_json(value: bytes) -> msgspec.Raw:
    return msgspec.Raw(value[1:])


def _translated(error: BaseException) -> BaseException:
    """Return what an error of the driver means to the caller; anything else as it is."""
    if isinstance(error, _FULL):
        return OutOfSpace()
    if isinstance(error, asyncpg.QueryCanceledError):
        return DatabaseUnavailable("The statement took longer than the limit.")
    if isinstance(error, (*LOST, TimeoutError, asyncpg.InsufficientResourcesError)):
        return DatabaseUnavailable()
    if isinstance(error, asyncpg.ProgramLimitExceededError):
        return BadRequest("limit: the answer would be larger than 1 GB; ask for smaller pages")
    # Our own statements are prepared by a test: what is left to be wrong in syntax is a JSONPath.
    if isinstance(error, asyncpg.DataError | asyncpg.PostgresSyntaxError):
        return BadRequest(str(error))
    return error
