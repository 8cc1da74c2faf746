"""Memory: a session's messages, added in batches and recalled for the next turn."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from recollect.core import key_messages, tokens
from recollect.core.enrichment import jobs_of_message
from recollect.errors import BadRequest
from recollect.http.request import OK, Request, Response, as_it_is, encoder
from recollect.store import Store, jobs, messages, sessions
from recollect.store.directory import Place
from recollect.store.keys import bucket_of, new_key

MAX_WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.02
STORED = Response(b"OK", 202, b"text/plain; charset=utf-8")
"""The messages are stored, but were not searchable by meaning within the time the caller would wait."""

MAX_KEY_MESSAGES = 100

KeyMessages = Annotated[int, msgspec.Meta(ge=0, le=MAX_KEY_MESSAGES)]
Wait = Annotated[float, msgspec.Meta(ge=0, le=MAX_WAIT_SECONDS)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]


class MessageBody(msgspec.Struct):
    """A message to add. The server counts its tokens itself."""

    uuid: UUID | None = None
    role: str | None = None
    content: str | None = None
    metadata: dict[str, Any] | None = None
    token_count: Int32 | None = None
    created_at: Time | None = None
    updated_at: Time | None = None


class MemoryBody(msgspec.Struct):
    """Messages to add, in their order."""

    messages: list[MessageBody] | None = None


class _Named(msgspec.Struct):
    uuid: UUID


class _Window(msgspec.Struct):
    """What of a memory tells how far back it goes."""

    messages: list[_Named]


async def add(request: Request) -> Response:
    """Add messages to a session, which is created when it does not exist and comes back when it was deleted.

    With `wait`, answer when they are embedded: 200, or 202 if that takes longer.
    """
    session_id = request.name()
    bodies = request.decode(MemoryBody).messages or []
    settings = request.services.settings
    counts = await tokens.count_all([(body.role or "", body.content or "") for body in bodies])
    new = _new_messages(bodies, counts, bucket_of(request.project, session_id))
    kinds = jobs_of_message(settings)
    wait = _seconds_to_wait(request)
    place = await messages.add(
        request.services.store,
        request.project,
        session_id,
        new,
        jobs=kinds,
        language=settings.language,
    )
    if not new:
        return OK
    for kind in kinds:
        request.services.wake(kind)
    if not wait or "embed" not in kinds or await _embedded(request.services.store, place, new, wait):
        return OK
    return STORED


def _seconds_to_wait(request: Request) -> float:
    text = request.query("wait")
    try:
        seconds = float(text or 0)
    except ValueError as error:
        raise BadRequest("wait is not a number of seconds") from error
    if not 0 <= seconds <= MAX_WAIT_SECONDS:
        raise BadRequest(f"wait is not between 0 and {MAX_WAIT_SECONDS:.0f} seconds")
    return seconds


async def _embedded(store: Store, place: Place, new: list[messages.NewMessage], seconds: float) -> bool:
    """Wait until no job is left for these messages; tell whether that came in time."""
    uuids = [message.uuid for message in new]
    try:
        async with asyncio.timeout(seconds):
            # The worker may be another process, so there is no event to wait for.
            while await jobs.pending(store, place, "embed", uuids):  # noqa: ASYNC110 -- see above
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        return False
    return True


def _new_messages(bodies: list[MessageBody], counts: list[int], bucket: int) -> list[messages.NewMessage]:
    new = [
        messages.NewMessage(
            body.uuid or new_key(bucket),
            body.role or "",
            body.content or "",
            body.metadata,
            count,
            body.created_at and _in_utc(body.created_at, place),
        )
        for place, (body, count) in enumerate(zip(bodies, counts, strict=True))
    ]
    given = [body.uuid for body in bodies if body.uuid]
    if len(set(given)) < len(given):
        raise BadRequest("messages: the same uuid stands twice")
    return new


def _in_utc(time: datetime, place: int) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise BadRequest(f"messages[{place}].created_at is out of range") from error


async def get(request: Request) -> Response:
    """Return the newest summary and the messages after it, or the last `lastn` messages.

    With `key_messages`, also so many of the older messages, those that say most, as they were said.
    """
    last = request.integer("lastn")
    if last < 0:
        raise BadRequest("lastn: cannot specify negative lastNMessages")
    quoted = request.integer("key_messages")
    if not 0 <= quoted <= MAX_KEY_MESSAGES:
        raise BadRequest(f"key_messages is not between 0 and {MAX_KEY_MESSAGES}")
    memory = await messages.memory(
        request.services.store,
        request.project,
        request.name(),
        last=min(last, 2**31 - 1),
        window=request.services.settings.message_window,
    )
    return as_it_is(await _with_key_messages(request, memory, quoted) if quoted else memory)


async def _with_key_messages(request: Request, memory: bytes, number: int) -> bytes:
    """Put key messages from before the oldest of a memory's messages into its JSON."""
    oldest = msgspec.json.decode(memory, type=_Window).messages[:1]
    quoted = await key_messages.quoted(
        request.services.store,
        request.project,
        request.name(),
        before=oldest[0].uuid if oldest else None,
        number=number,
        model=request.services.models.active,
    )
    return memory.removesuffix(b"}") + b',"key_messages":' + encoder.encode(quoted) + b"}"


async def delete(request: Request) -> Response:
    """Delete a session and all its messages."""
    await sessions.delete(request.services.store, request.project, request.name())
    return OK
